// AVX2 + FMA + F16C overrides. Every function carries its own target attribute, so the file builds with no flag;
// `dispatch.c` asks the machine before it hands this table out.

#include "tables.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <float.h>
#include <math.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2,fma,f16c")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2,fma,f16c")))

// Loads and reductions

/// All bits set in the first `n` (0...8) lanes.
AVX2_INLINE __m256i first_lanes(size_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/// Eight stored numbers from element `k` on, as float32.
AVX2_INLINE __m256 load8(const void *w, ck_storage storage, size_t k) {
  if (storage == CK_F32) return _mm256_loadu_ps((const float *)w + k);
  if (storage == CK_I8) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)((const int8_t *)w + k))));
  }
  const __m128i halves = _mm_loadu_si128((const __m128i *)((const uint16_t *)w + k));
  if (storage == CK_F16) return _mm256_cvtph_ps(halves);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

/// The `n` (1...7) stored numbers from element `k` on, followed by zeros.
AVX2_INLINE __m256 load_tail(const void *w, ck_storage storage, size_t k, size_t n) {
  if (storage == CK_F32) return _mm256_maskload_ps((const float *)w + k, first_lanes(n));
  uint16_t numbers[8] = {0};
  memcpy(numbers, ck_element(w, storage, k), n * ck_storage_size(storage));
  return load8(numbers, storage, 0);
}

/// Four sums, each ((0+1) + (2+3)) + ((4+5) + (6+7)) of one vector's lanes.
AVX2_INLINE __m128 sum_lanes4(__m256 a, __m256 b, __m256 c, __m256 d) {
  const __m256 pairs = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
  return _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1));
}

AVX2_INLINE float sum_lanes(__m256 a) { return _mm_cvtss_f32(sum_lanes4(a, a, a, a)); }

AVX2_INLINE double sum_lanes_double(__m256d a) {
  const __m128d halves = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
  return _mm_cvtsd_f64(_mm_add_sd(halves, _mm_unpackhi_pd(halves, halves)));
}

AVX2_INLINE __m256d low_double(__m256 a) { return _mm256_cvtps_pd(_mm256_castps256_ps128(a)); }
AVX2_INLINE __m256d high_double(__m256 a) { return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)); }

// Conversions

AVX2_INLINE void to_f32(const uint16_t *source, ck_storage storage, float *target, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) _mm256_storeu_ps(target + i, load8(source, storage, i));
  if (i < n) _mm256_maskstore_ps(target + i, first_lanes(n - i), load_tail(source, storage, i, n - i));
}

AVX2 static void f16_to_f32(const uint16_t *source, float *target, size_t n) { to_f32(source, CK_F16, target, n); }

AVX2 static void bf16_to_f32(const uint16_t *source, float *target, size_t n) { to_f32(source, CK_BF16, target, n); }

/// Rounds to nearest even by adding half a unit (less one where the kept part is even); NaN keeps its upper bits and becomes quiet.
AVX2_INLINE __m128i bf16_bits(__m256 values) {
  const __m256i bits = _mm256_castps_si256(values);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(values, values, _CMP_UNORD_Q));
  const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
  const __m256i kept = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
  return _mm_packus_epi32(_mm256_castsi256_si128(kept), _mm256_extracti128_si256(kept, 1));
}

AVX2_INLINE __m128i stored_bits(__m256 values, ck_storage storage) {
  return storage == CK_F16 ? _mm256_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC) : bf16_bits(values);
}

AVX2_INLINE void from_f32(const float *source, ck_storage storage, uint16_t *target, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm_storeu_si128((__m128i *)(target + i), stored_bits(_mm256_loadu_ps(source + i), storage));
  }
  if (i < n) {
    uint16_t halves[8];
    _mm_storeu_si128((__m128i *)halves, stored_bits(load_tail(source, CK_F32, i, n - i), storage));
    memcpy(target + i, halves, (n - i) * sizeof(uint16_t));
  }
}

AVX2 static void f32_to_f16(const float *source, uint16_t *target, size_t n) { from_f32(source, CK_F16, target, n); }

AVX2 static void f32_to_bf16(const float *source, uint16_t *target, size_t n) { from_f32(source, CK_BF16, target, n); }

// Dense products

/// Dot products of `rows` (1 or 4) rows with `x`. A row's sum is the same alone and in a group: even and odd
/// groups of eight columns have an accumulator each.
AVX2_INLINE __m128 row_dots(
  int rows, const void *w, ck_storage storage, size_t stride, size_t columns, const float *x) {
  __m256 even[4], odd[4];
  for (int r = 0; r < 4; r++) even[r] = odd[r] = _mm256_setzero_ps();
  size_t k = 0;
  for (; k + 16 <= columns; k += 16) {
    const __m256 x0 = _mm256_loadu_ps(x + k), x1 = _mm256_loadu_ps(x + k + 8);
    for (int r = 0; r < rows; r++) {
      // The same columns of the next four rows: half-width rows are too short for the machine's own prefetching.
      if (rows == 4 && storage != CK_F32 && k % 32 == 0) {
        _mm_prefetch((const char *)((const uint16_t *)w + ((size_t)r + 4) * stride + k), _MM_HINT_T0);
      }
      even[r] = _mm256_fmadd_ps(load8(w, storage, r * stride + k), x0, even[r]);
      odd[r] = _mm256_fmadd_ps(load8(w, storage, r * stride + k + 8), x1, odd[r]);
    }
  }
  if (k + 8 <= columns) {
    const __m256 x0 = _mm256_loadu_ps(x + k);
    for (int r = 0; r < rows; r++) even[r] = _mm256_fmadd_ps(load8(w, storage, r * stride + k), x0, even[r]);
    k += 8;
  }
  if (k < columns) {
    const __m256 x1 = load_tail(x, CK_F32, k, columns - k);
    for (int r = 0; r < rows; r++) {
      odd[r] = _mm256_fmadd_ps(load_tail(w, storage, r * stride + k, columns - k), x1, odd[r]);
    }
  }
  for (int r = 0; r < rows; r++) even[r] = _mm256_add_ps(even[r], odd[r]);
  if (rows == 1) return sum_lanes4(even[0], even[0], even[0], even[0]);
  return sum_lanes4(even[0], even[1], even[2], even[3]);
}

AVX2_INLINE void scaled_row_dots(
  const void *w, ck_storage storage, size_t stride, size_t rows, size_t columns, const float *x, float scale, float *y) {
  const size_t row_bytes = stride * ck_storage_size(storage);
  const char *bytes = w;
  const __m128 factor = _mm_set1_ps(scale);
  size_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    _mm_storeu_ps(y + r, _mm_mul_ps(factor, row_dots(4, bytes + r * row_bytes, storage, stride, columns, x)));
  }
  for (; r < rows; r++) {
    y[r] = scale * _mm_cvtss_f32(row_dots(1, bytes + r * row_bytes, storage, stride, columns, x));
  }
}

AVX2 static void gemv(const void *w, ck_storage storage, size_t rows, size_t columns, const float *x, float *y) {
  switch (storage) {
    case CK_F32: scaled_row_dots(w, CK_F32, columns, rows, columns, x, 1, y); break;
    case CK_F16: scaled_row_dots(w, CK_F16, columns, rows, columns, x, 1, y); break;
    case CK_BF16: scaled_row_dots(w, CK_BF16, columns, rows, columns, x, 1, y); break;
    case CK_I8: break;
  }
}

AVX2 static float dot(const float *a, const float *b, size_t n) {
  __m256 sums[4];
  for (int j = 0; j < 4; j++) sums[j] = _mm256_setzero_ps();
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    for (int j = 0; j < 4; j++) {
      sums[j] = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8 * j), _mm256_loadu_ps(b + i + 8 * j), sums[j]);
    }
  }
  for (; i + 8 <= n; i += 8) sums[0] = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), sums[0]);
  if (i < n) sums[1] = _mm256_fmadd_ps(load_tail(a, CK_F32, i, n - i), load_tail(b, CK_F32, i, n - i), sums[1]);
  return sum_lanes(_mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
}

AVX2 static void axpy(float a, const float *x, float *y, size_t n) {
  const __m256 factor = _mm256_set1_ps(a);
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(y + i, _mm256_fmadd_ps(factor, _mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
  }
  if (i < n) {
    const __m256i lanes = first_lanes(n - i);
    const __m256 sum = _mm256_fmadd_ps(factor, _mm256_maskload_ps(x + i, lanes), _mm256_maskload_ps(y + i, lanes));
    _mm256_maskstore_ps(y + i, lanes, sum);
  }
}

/// Transposes eight vectors and stores them CK_PANEL floats apart.
AVX2_INLINE void store_transposed(const __m256 row[8], float *panel) {
  __m256 pairs[8], quads[8];
  for (int i = 0; i < 4; i++) {
    pairs[2 * i] = _mm256_unpacklo_ps(row[2 * i], row[2 * i + 1]);
    pairs[2 * i + 1] = _mm256_unpackhi_ps(row[2 * i], row[2 * i + 1]);
  }
  for (int i = 0; i < 2; i++) {
    const __m256 *p = pairs + 4 * i;
    quads[4 * i] = _mm256_shuffle_ps(p[0], p[2], 0x44);
    quads[4 * i + 1] = _mm256_shuffle_ps(p[0], p[2], 0xEE);
    quads[4 * i + 2] = _mm256_shuffle_ps(p[1], p[3], 0x44);
    quads[4 * i + 3] = _mm256_shuffle_ps(p[1], p[3], 0xEE);
  }
  for (int i = 0; i < 4; i++) {
    _mm256_storeu_ps(panel + i * CK_PANEL, _mm256_permute2f128_ps(quads[i], quads[4 + i], 0x20));
    _mm256_storeu_ps(panel + (4 + i) * CK_PANEL, _mm256_permute2f128_ps(quads[i], quads[4 + i], 0x31));
  }
}

AVX2_INLINE void pack_rows(
  const void *w, ck_storage storage, size_t stride, size_t rows, size_t columns, float *panel) {
  for (size_t r0 = 0; r0 < CK_PANEL; r0 += 8) {
    const size_t present = rows <= r0 ? 0 : (rows - r0 < 8 ? rows - r0 : 8);
    for (size_t k = 0; k < columns; k += 8) {
      const size_t width = columns - k < 8 ? columns - k : 8;
      __m256 row[8];
      for (size_t r = 0; r < 8; r++) {
        const size_t at = (r0 + r) * stride + k;
        row[r] = r >= present ? _mm256_setzero_ps()
          : width == 8 ? load8(w, storage, at) : load_tail(w, storage, at, width);
      }
      if (width == 8) {
        store_transposed(row, panel + k * CK_PANEL + r0);
      } else {
        float block[8 * CK_PANEL];
        store_transposed(row, block);
        for (size_t i = 0; i < width; i++) {
          memcpy(panel + (k + i) * CK_PANEL + r0, block + i * CK_PANEL, 8 * sizeof(float));
        }
      }
    }
  }
}

AVX2 static void pack_panel(
  const void *w, ck_storage storage, size_t stride, size_t rows, size_t columns, float *panel) {
  switch (storage) {
    case CK_F32: pack_rows(w, CK_F32, stride, rows, columns, panel); break;
    case CK_F16: pack_rows(w, CK_F16, stride, rows, columns, panel); break;
    case CK_BF16: pack_rows(w, CK_BF16, stride, rows, columns, panel); break;
    case CK_I8: pack_rows(w, CK_I8, stride, rows, columns, panel); break;
  }
}

/// y (+)= x * panel for `tokens` (1...3) tokens and all 32 outputs: up to twelve accumulators.
AVX2_INLINE void gemm_tile(
  int tokens, const float *x, size_t x_stride, const float *panel, size_t columns, float *y, size_t y_stride,
  int accumulate) {
  __m256 sums[3][4];
  for (int t = 0; t < tokens; t++) {
    for (int j = 0; j < 4; j++) {
      sums[t][j] = accumulate ? _mm256_loadu_ps(y + t * y_stride + 8 * j) : _mm256_setzero_ps();
    }
  }
  for (size_t k = 0; k < columns; k++) {
    __m256 factor[3];
    for (int t = 0; t < tokens; t++) factor[t] = _mm256_broadcast_ss(x + t * x_stride + k);
    for (int j = 0; j < 4; j++) {
      const __m256 weights = _mm256_loadu_ps(panel + k * CK_PANEL + 8 * j);
      for (int t = 0; t < tokens; t++) sums[t][j] = _mm256_fmadd_ps(factor[t], weights, sums[t][j]);
    }
  }
  for (int t = 0; t < tokens; t++) {
    for (int j = 0; j < 4; j++) _mm256_storeu_ps(y + t * y_stride + 8 * j, sums[t][j]);
  }
}

AVX2_INLINE void gemm_tokens(
  int tokens, const float *x, size_t x_stride, const float *panel, size_t columns, float *y, size_t y_stride,
  size_t rows, int accumulate) {
  if (rows == CK_PANEL) {
    gemm_tile(tokens, x, x_stride, panel, columns, y, y_stride, accumulate);
    return;
  }
  float tile[3 * CK_PANEL] = {0};
  for (int t = 0; accumulate && t < tokens; t++) memcpy(tile + t * CK_PANEL, y + t * y_stride, rows * sizeof(float));
  gemm_tile(tokens, x, x_stride, panel, columns, tile, CK_PANEL, accumulate);
  for (int t = 0; t < tokens; t++) memcpy(y + t * y_stride, tile + t * CK_PANEL, rows * sizeof(float));
}

/// Columns of a panel that stay in the first-level cache (32 KiB) while all tokens pass over them.
enum { GEMM_COLUMNS = 256 };

AVX2 static void gemm_panel(
  const float *x, size_t x_stride, size_t tokens, const float *panel, size_t columns,
  float *y, size_t y_stride, size_t rows, int accumulate) {
  size_t k = 0;
  do {
    const size_t width = columns - k < GEMM_COLUMNS ? columns - k : GEMM_COLUMNS;
    const float *block = panel + k * CK_PANEL;
    size_t t = 0;
    // Four tokens go as two and two: a single token has too few chains to fill the multipliers.
    for (; t + 3 <= tokens && t + 4 != tokens; t += 3) {
      gemm_tokens(3, x + t * x_stride + k, x_stride, block, width, y + t * y_stride, y_stride, rows, accumulate);
    }
    for (; t + 2 <= tokens; t += 2) {
      gemm_tokens(2, x + t * x_stride + k, x_stride, block, width, y + t * y_stride, y_stride, rows, accumulate);
    }
    if (t < tokens) {
      gemm_tokens(1, x + t * x_stride + k, x_stride, block, width, y + t * y_stride, y_stride, rows, accumulate);
    }
    accumulate = 1;
    k += width;
  } while (k < columns);
}

// Vector-quantized products

AVX2_INLINE uint32_t code_mask(uint32_t bits) { return bits >= 32 ? UINT32_MAX : (1u << bits) - 1; }

/// Bit offsets in their first bytes of four codes from code `first` of a group on.
AVX2_INLINE __m256i pair_shifts(uint32_t start, uint32_t code_bits, uint32_t first) {
  uint64_t shift[4];
  for (uint32_t lane = 0; lane < 4; lane++) shift[lane] = (start + (first + lane) * code_bits) % 8;
  return _mm256_loadu_si256((const __m256i *)shift);
}

/// Byte shuffle that brings the same codes' eight-byte windows to their lanes, two from each half.
AVX2_INLINE __m256i pair_windows(uint32_t start, uint32_t code_bits, uint32_t first) {
  uint8_t window[32];
  for (uint32_t lane = 0; lane < 4; lane++) {
    const uint32_t origin = (start + (first + lane / 2 * 2) * code_bits) / 8;
    const uint32_t byte = (start + (first + lane) * code_bits) / 8 - origin;
    for (uint32_t b = 0; b < 8; b++) window[8 * lane + b] = (uint8_t)(byte + b);
  }
  return _mm256_loadu_si256((const __m256i *)window);
}

/// Eight codes take `code_bits` bytes, so every group of eight starts at the same bit of a byte: one byte shuffle
/// brings each code's four-byte window to its lane. A window holds codes of up to 25 bits; wider codes take
/// eight-byte windows, four at a time.
AVX2 static void unpack_codes(
  const uint8_t *codes, size_t first_bit, uint32_t code_bits, size_t count, uint32_t *target) {
  const uint8_t *bytes = codes + first_bit / 8;
  const uint32_t start = first_bit % 8;
  const uint32_t mask = code_mask(code_bits);
  size_t i = 0;
  if (code_bits <= 25) {
    const uint32_t upper = (start + 4 * code_bits) / 8;
    uint8_t window[32];
    uint32_t shift[8];
    for (uint32_t lane = 0; lane < 8; lane++) {
      const uint32_t bit = start + lane * code_bits;
      for (uint32_t b = 0; b < 4; b++) window[4 * lane + b] = (uint8_t)(bit / 8 - (lane < 4 ? 0 : upper) + b);
      shift[lane] = bit % 8;
    }
    const __m256i windows = _mm256_loadu_si256((const __m256i *)window);
    const __m256i shifts = _mm256_loadu_si256((const __m256i *)shift);
    const __m256i masks = _mm256_set1_epi32((int)mask);
    for (; i + 8 <= count; i += 8, bytes += code_bits) {
      const __m128i low = _mm_loadu_si128((const __m128i *)bytes);
      const __m128i high = _mm_loadu_si128((const __m128i *)(bytes + upper));
      const __m256i lanes = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), windows);
      const __m256i values = _mm256_and_si256(_mm256_srlv_epi32(lanes, shifts), masks);
      _mm256_storeu_si256((__m256i *)(target + i), values);
    }
  } else {
    const __m256i evens = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
    const __m128i masks = _mm_set1_epi32((int)mask);
    const __m256i low_shifts = pair_shifts(start, code_bits, 0), high_shifts = pair_shifts(start, code_bits, 4);
    const __m256i low_windows = pair_windows(start, code_bits, 0), high_windows = pair_windows(start, code_bits, 4);
    for (; i + 8 <= count; i += 8, bytes += code_bits) {
      for (uint32_t half = 0; half < 2; half++) {
        const __m128i first = _mm_loadu_si128((const __m128i *)(bytes + (start + 4 * half * code_bits) / 8));
        const __m128i second = _mm_loadu_si128((const __m128i *)(bytes + (start + (4 * half + 2) * code_bits) / 8));
        const __m256i lanes = _mm256_shuffle_epi8(_mm256_set_m128i(second, first), half ? high_windows : low_windows);
        const __m256i values = _mm256_srlv_epi64(lanes, half ? high_shifts : low_shifts);
        const __m128i four = _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(values, evens));
        _mm_storeu_si128((__m128i *)(target + i + 4 * half), _mm_and_si128(four, masks));
      }
    }
  }
  size_t bit = start;
  for (; i < count; i++, bit += code_bits) {
    uint64_t word;
    memcpy(&word, bytes + bit / 8, sizeof(word));
    target[i] = (uint32_t)(word >> (bit % 8)) & mask;
  }
}

/// Codes of one row unpacked at a time; a multiple of 8, so that every block starts at a whole byte.
enum { CODE_BLOCK = 256 };

/// Floats [8 * part, 8 * part + 8) of a centroid of `floats` (4, 8, 12 or 16) floats, zeros beyond.
AVX2_INLINE __m256 load_part(const float *centroid, int floats, int part) {
  if (floats - 8 * part >= 8) return _mm256_loadu_ps(centroid + 8 * part);
  return _mm256_insertf128_ps(_mm256_setzero_ps(), _mm_loadu_ps(centroid + 8 * part), 0);
}

/// Floats [8 * part, 8 * part + 8) of what one code stands for.
AVX2_INLINE __m256 load_centroid(
  const float *table, const float *residual_table, size_t stride, uint32_t code, uint32_t main_bits, uint32_t main_mask,
  int floats, int residual, int part) {
  if (!residual) return load_part(table + (size_t)code * stride, floats, part);
  return _mm256_add_ps(
    load_part(table + (size_t)(code & main_mask) * stride, floats, part),
    load_part(residual_table + (size_t)(code >> main_bits) * stride, floats, part));
}

/// `rows` (1 or 4) vector rows from `first` on; outputs [offset, offset + floats) of each vector. Narrow vectors
/// keep even and odd columns apart, so that eight chains of additions run at once whatever the width.
AVX2_INLINE void vq_rows(
  int rows, int floats, int residual, const ck_vq_matrix *m, size_t first, size_t offset, const float *x, float *y) {
  enum { ROWS = 4, CHAINS = 2, PARTS = 2 };
  const int parts = floats > 8 ? 2 : 1;
  const int chains = parts == 1 ? 2 : 1;
  const size_t stride = m->table_stride;
  const uint32_t main_bits = m->main_bits, main_mask = code_mask(main_bits);
  const float *table = m->table + offset;
  const float *residual_table = residual ? m->residual_table + offset : NULL;
  uint32_t codes[ROWS][CODE_BLOCK];
  __m256 sums[ROWS][CHAINS][PARTS];
  for (int r = 0; r < rows; r++) {
    for (int i = 0; i < CHAINS; i++) {
      for (int p = 0; p < PARTS; p++) sums[r][i][p] = _mm256_setzero_ps();
    }
  }
  for (size_t c0 = 0; c0 < m->columns; c0 += CODE_BLOCK) {
    const size_t width = m->columns - c0 < CODE_BLOCK ? m->columns - c0 : CODE_BLOCK;
    for (int r = 0; r < rows; r++) {
      unpack_codes(m->codes + (first + r) * m->row_stride, c0 * m->code_bits, m->code_bits, width, codes[r]);
    }
    size_t c = 0;
    for (; c + chains <= width; c += chains) {
      for (int i = 0; i < chains; i++) {
        const __m256 factor = _mm256_broadcast_ss(x + c0 + c + i);
        for (int r = 0; r < rows; r++) {
          for (int p = 0; p < parts; p++) {
            const __m256 centroid = load_centroid(
              table, residual_table, stride, codes[r][c + i], main_bits, main_mask, floats, residual, p);
            sums[r][i][p] = _mm256_fmadd_ps(factor, centroid, sums[r][i][p]);
          }
        }
      }
    }
    if (c < width) {
      const __m256 factor = _mm256_broadcast_ss(x + c0 + c);
      for (int r = 0; r < rows; r++) {
        const __m256 centroid = load_centroid(
          table, residual_table, stride, codes[r][c], main_bits, main_mask, floats, residual, 0);
        sums[r][0][0] = _mm256_fmadd_ps(factor, centroid, sums[r][0][0]);
      }
    }
  }
  const size_t left = m->vector_length - offset;
  for (int r = 0; r < rows; r++) {
    float outputs[8 * PARTS];
    if (chains == 2) sums[r][0][0] = _mm256_add_ps(sums[r][0][0], sums[r][1][0]);
    for (int p = 0; p < parts; p++) _mm256_storeu_ps(outputs + 8 * p, sums[r][0][p]);
    float *target = y + r * m->vector_length + offset;
    for (size_t e = 0; e < left && e < (size_t)floats; e++) target[e] += outputs[e];
  }
}

AVX2_INLINE void vq_range(
  int floats, int residual, const ck_vq_matrix *m, size_t first, size_t last, size_t offset, const float *x, float *y) {
  size_t n = first;
  for (; n + 4 <= last; n += 4) {
    vq_rows(4, floats, residual, m, n, offset, x, y + (n - first) * m->vector_length);
  }
  for (; n < last; n++) vq_rows(1, floats, residual, m, n, offset, x, y + (n - first) * m->vector_length);
}

AVX2 static void vq_gemv(const ck_vq_matrix *m, size_t first, size_t last, const float *x, float *y) {
  for (size_t offset = 0; offset < m->table_stride; offset += 16) {
    const size_t floats = m->table_stride - offset;
    if (m->residual_table) {
      if (floats == 4) vq_range(4, 1, m, first, last, offset, x, y);
      else if (floats == 8) vq_range(8, 1, m, first, last, offset, x, y);
      else if (floats == 12) vq_range(12, 1, m, first, last, offset, x, y);
      else vq_range(16, 1, m, first, last, offset, x, y);
    } else {
      if (floats == 4) vq_range(4, 0, m, first, last, offset, x, y);
      else if (floats == 8) vq_range(8, 0, m, first, last, offset, x, y);
      else if (floats == 12) vq_range(12, 0, m, first, last, offset, x, y);
      else vq_range(16, 0, m, first, last, offset, x, y);
    }
  }
}

/// Entries [low, high) of what each code stands for, CK_PANEL floats apart.
AVX2_INLINE void scatter_centroids(
  int residual, const ck_vq_matrix *m, const uint32_t *codes, size_t count, size_t low, size_t high, float *panel) {
  const size_t stride = m->table_stride;
  const uint32_t main_bits = m->main_bits, main_mask = code_mask(main_bits);
  for (size_t c = 0; c < count; c++, panel += CK_PANEL) {
    const float *main = m->table + (size_t)(residual ? codes[c] & main_mask : codes[c]) * stride;
    const float *rest = residual ? m->residual_table + (size_t)(codes[c] >> main_bits) * stride : main;
    size_t e = low;
    for (; e + 8 <= high; e += 8) {
      const __m256 value = _mm256_loadu_ps(main + e);
      _mm256_storeu_ps(panel + e - low, residual ? _mm256_add_ps(value, _mm256_loadu_ps(rest + e)) : value);
    }
    for (; e + 4 <= high; e += 4) {
      const __m128 value = _mm_loadu_ps(main + e);
      _mm_storeu_ps(panel + e - low, residual ? _mm_add_ps(value, _mm_loadu_ps(rest + e)) : value);
    }
    for (; e < high; e++) panel[e - low] = residual ? main[e] + rest[e] : main[e];
  }
}

/// The partly wanted vector row `n` of a panel: entries [low, high) of each vector, written from `panel` on.
AVX2_INLINE void scatter_row(
  const ck_vq_matrix *m, size_t n, size_t low, size_t high, size_t c0, size_t c1, float *panel) {
  for (size_t c = c0; c < c1; c += CODE_BLOCK) {
    const size_t width = c1 - c < CODE_BLOCK ? c1 - c : CODE_BLOCK;
    float *block = panel + (c - c0) * CK_PANEL;
    uint32_t codes[CODE_BLOCK];
    unpack_codes(m->codes + n * m->row_stride, c * m->code_bits, m->code_bits, width, codes);
    if (m->residual_table) scatter_centroids(1, m, codes, width, low, high, block);
    else scatter_centroids(0, m, codes, width, low, high, block);
  }
}

/// Columns of a panel whose codes are unpacked together, for all its vector rows; a multiple of 8.
enum { PANEL_BLOCK = 64 };

/// Whole vector rows [first, last) of `floats` (4, 8, 12 or 16) padded floats: each panel column is written once,
/// from its first vector to its last. The padding of a vector is zero and the next vector overwrites it.
AVX2_INLINE void scatter_rows(
  int floats, int residual, const ck_vq_matrix *m, size_t first, size_t last, size_t c0, size_t c1, float *panel) {
  const size_t rows = last - first, stride = m->table_stride, length = m->vector_length;
  const uint32_t main_bits = m->main_bits, main_mask = code_mask(main_bits);
  uint32_t codes[CK_PANEL][PANEL_BLOCK];
  for (size_t c = c0; c < c1; c += PANEL_BLOCK) {
    const size_t width = c1 - c < PANEL_BLOCK ? c1 - c : PANEL_BLOCK;
    for (size_t r = 0; r < rows; r++) {
      unpack_codes(m->codes + (first + r) * m->row_stride, c * m->code_bits, m->code_bits, width, codes[r]);
    }
    for (size_t i = 0; i < width; i++) {
      float *target = panel + (c - c0 + i) * CK_PANEL;
      for (size_t r = 0; r < rows; r++, target += length) {
        const uint32_t code = codes[r][i];
        for (int p = 0; 8 * p < floats; p++) {
          const __m256 value = load_centroid(
            m->table, m->residual_table, stride, code, main_bits, main_mask, floats, residual, p);
          if (floats - 8 * p >= 8) _mm256_storeu_ps(target + 8 * p, value);
          else _mm_storeu_ps(target + 8 * p, _mm256_castps256_ps128(value));
        }
      }
    }
  }
}

AVX2 static void vq_panel(
  const ck_vq_matrix *m, size_t first, size_t last, size_t skip, size_t rows, size_t c0, size_t c1, float *panel) {
  const size_t length = m->vector_length, stride = m->table_stride;
  if (rows < CK_PANEL || (last - first) * length < rows + skip) {
    memset(panel, 0, (c1 - c0) * CK_PANEL * sizeof(float));
  }
  size_t n = first;
  while (n < last) {
    // This vector row holds output offsets [begin - skip, begin + length - skip); [low, high) of it is wanted.
    const size_t begin = (n - first) * length;
    if (begin >= rows + skip) break;
    const size_t low = begin >= skip ? 0 : (skip - begin < length ? skip - begin : length);
    const size_t high = rows + skip - begin < length ? rows + skip - begin : length;
    // Vector rows from here on that are wanted whole and whose padding stays in the column.
    size_t whole = n;
    while (low == 0 && stride <= 16 && whole < last) {
      const size_t end = (whole - first) * length;
      if (end + length > rows + skip || end + stride > CK_PANEL + skip) break;
      whole++;
    }
    float *target = panel + (begin + low - skip);
    if (whole == n) {
      if (low < high) scatter_row(m, n, low, high, c0, c1, target);
      n++;
      continue;
    }
    switch (stride * 2 + (m->residual_table != NULL)) {
      case 8: scatter_rows(4, 0, m, n, whole, c0, c1, target); break;
      case 9: scatter_rows(4, 1, m, n, whole, c0, c1, target); break;
      case 16: scatter_rows(8, 0, m, n, whole, c0, c1, target); break;
      case 17: scatter_rows(8, 1, m, n, whole, c0, c1, target); break;
      case 24: scatter_rows(12, 0, m, n, whole, c0, c1, target); break;
      case 25: scatter_rows(12, 1, m, n, whole, c0, c1, target); break;
      case 32: scatter_rows(16, 0, m, n, whole, c0, c1, target); break;
      default: scatter_rows(16, 1, m, n, whole, c0, c1, target); break;
    }
    n = whole;
  }
}

// Transformer pieces

AVX2 static void rms_norm(const float *x, const float *weight, float eps, size_t n, float *y) {
  __m256d low = _mm256_setzero_pd(), high = _mm256_setzero_pd();
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 v = _mm256_loadu_ps(x + i);
    low = _mm256_fmadd_pd(low_double(v), low_double(v), low);
    high = _mm256_fmadd_pd(high_double(v), high_double(v), high);
  }
  double sum = sum_lanes_double(_mm256_add_pd(low, high));
  for (; i < n; i++) sum += (double)x[i] * x[i];
  const float scale = (float)(1 / sqrt(sum / (double)n + eps));
  const __m256 factor = _mm256_set1_ps(scale);
  for (i = 0; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(y + i, _mm256_mul_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i), factor), _mm256_loadu_ps(weight + i)));
  }
  for (; i < n; i++) y[i] = x[i] * scale * weight[i];
}

AVX2 static void rotary(
  float *x, size_t heads, size_t head_dim, size_t half, const float *cosine, const float *sine) {
  for (size_t h = 0; h < heads; h++) {
    float *a = x + h * head_dim, *b = a + half;
    size_t i = 0;
    for (; i + 8 <= half; i += 8) {
      const __m256 c = _mm256_loadu_ps(cosine + i), s = _mm256_loadu_ps(sine + i);
      const __m256 u = _mm256_loadu_ps(a + i), v = _mm256_loadu_ps(b + i);
      _mm256_storeu_ps(a + i, _mm256_fmsub_ps(u, c, _mm256_mul_ps(v, s)));
      _mm256_storeu_ps(b + i, _mm256_fmadd_ps(v, c, _mm256_mul_ps(u, s)));
    }
    for (; i < half; i++) {
      const float u = a[i], v = b[i];
      a[i] = u * cosine[i] - v * sine[i];
      b[i] = v * cosine[i] + u * sine[i];
    }
  }
}

/// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln(2) / 2, exp(r) by a polynomial of degree 7 (Cephes expf).
/// The power of two is applied in two halves, so that results underflow gradually and overflow to infinity.
AVX2_INLINE __m256 exp8(__m256 x) {
  x = _mm256_min_ps(_mm256_set1_ps(89), _mm256_max_ps(_mm256_set1_ps(-104), x));
  const __m256 n = _mm256_round_ps(
    _mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
  __m256 p = _mm256_set1_ps(1.9875691500e-4f);
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.3981999507e-3f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(8.3334519073e-3f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(4.1665795894e-2f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.6666665459e-1f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.0000001201e-1f));
  p = _mm256_add_ps(_mm256_fmadd_ps(p, _mm256_mul_ps(r, r), r), _mm256_set1_ps(1));
  const __m256i exponent = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(exponent, 1);
  const __m256i bias = _mm256_set1_epi32(127);
  const __m256i first = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
  const __m256i second = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(exponent, half), bias), 23);
  return _mm256_mul_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(first)), _mm256_castsi256_ps(second));
}

AVX2 static void softmax(float *x, size_t n) {
  const size_t whole = n / 8 * 8;
  float largest = x[0];
  __m256 maxima = _mm256_set1_ps(largest);
  for (size_t i = 0; i < whole; i += 8) maxima = _mm256_max_ps(maxima, _mm256_loadu_ps(x + i));
  float lanes[8];
  _mm256_storeu_ps(lanes, maxima);
  for (int i = 0; i < 8; i++) largest = lanes[i] > largest ? lanes[i] : largest;
  for (size_t i = whole; i < n; i++) largest = x[i] > largest ? x[i] : largest;

  const __m256 origin = _mm256_set1_ps(largest);
  __m256d low = _mm256_setzero_pd(), high = _mm256_setzero_pd();
  for (size_t i = 0; i < whole; i += 8) {
    const __m256 e = exp8(_mm256_sub_ps(_mm256_loadu_ps(x + i), origin));
    _mm256_storeu_ps(x + i, e);
    low = _mm256_add_pd(low, low_double(e));
    high = _mm256_add_pd(high, high_double(e));
  }
  const __m256i tail = first_lanes(n - whole);
  if (whole < n) {
    const __m256 e = exp8(_mm256_sub_ps(_mm256_maskload_ps(x + whole, tail), origin));
    _mm256_maskstore_ps(x + whole, tail, e);
    const __m256 present = _mm256_and_ps(e, _mm256_castsi256_ps(tail));
    low = _mm256_add_pd(low, low_double(present));
    high = _mm256_add_pd(high, high_double(present));
  }
  const float scale = (float)(1 / sum_lanes_double(_mm256_add_pd(low, high)));
  const __m256 factor = _mm256_set1_ps(scale);
  for (size_t i = 0; i < whole; i += 8) _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), factor));
  for (size_t i = whole; i < n; i++) x[i] *= scale;
}

AVX2_INLINE __m256 silu8(__m256 gate) {
  const __m256 negated = _mm256_xor_ps(gate, _mm256_set1_ps(-0.0f));
  return _mm256_div_ps(gate, _mm256_add_ps(_mm256_set1_ps(1), exp8(negated)));
}

/// g / (1 + exp(-2 sqrt(2 / pi) (g + 0.044715 g^3))).
AVX2_INLINE __m256 gelu8(__m256 g) {
  const __m256 cubic = _mm256_fmadd_ps(
    _mm256_mul_ps(g, g), _mm256_set1_ps(-2 * 0.797884561f * 0.044715f), _mm256_set1_ps(-2 * 0.797884561f));
  return _mm256_div_ps(g, _mm256_add_ps(_mm256_set1_ps(1), exp8(_mm256_mul_ps(g, cubic))));
}

/// y = activation(gate) * up, the last vector masked.
AVX2_INLINE void multiply_gated(
  __m256 (*activation)(__m256), const float *gate, const float *up, float *y, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(y + i, _mm256_mul_ps(activation(_mm256_loadu_ps(gate + i)), _mm256_loadu_ps(up + i)));
  }
  if (i < n) {
    const __m256i lanes = first_lanes(n - i);
    const __m256 activated = activation(_mm256_maskload_ps(gate + i, lanes));
    _mm256_maskstore_ps(y + i, lanes, _mm256_mul_ps(activated, _mm256_maskload_ps(up + i, lanes)));
  }
}

AVX2 static void silu_multiply(const float *gate, const float *up, float *y, size_t n) {
  multiply_gated(silu8, gate, up, y, n);
}

AVX2 static void gelu_multiply(const float *gate, const float *up, float *y, size_t n) {
  multiply_gated(gelu8, gate, up, y, n);
}

/// cap * tanh(x / cap) = cap - 2 cap / (1 + exp(2 x / cap)).
AVX2_INLINE __m256 soft_cap8(__m256 x, __m256 cap, __m256 slope) {
  const __m256 rest = _mm256_div_ps(
    _mm256_add_ps(cap, cap), _mm256_add_ps(_mm256_set1_ps(1), exp8(_mm256_mul_ps(x, slope))));
  return _mm256_sub_ps(cap, rest);
}

AVX2 static void soft_cap(float *x, size_t n, float cap) {
  const __m256 caps = _mm256_set1_ps(cap), slope = _mm256_set1_ps(2 / cap);
  size_t i = 0;
  for (; i + 8 <= n; i += 8) _mm256_storeu_ps(x + i, soft_cap8(_mm256_loadu_ps(x + i), caps, slope));
  if (i < n) {
    const __m256i lanes = first_lanes(n - i);
    _mm256_maskstore_ps(x + i, lanes, soft_cap8(_mm256_maskload_ps(x + i, lanes), caps, slope));
  }
}

/// Scores of `queries` (1...4) queries with `rows` (1, 2 or 4) keys: one chain for each, so that no sum depends on the others.
AVX2_INLINE void score_rows(
  int queries, int rows, const float *q, const void *k, ck_storage storage, size_t k_stride, size_t head_dim,
  float scale, float *scores, size_t scores_stride) {
  __m256 sums[4][4];
  for (int i = 0; i < queries; i++) {
    for (int r = 0; r < 4; r++) sums[i][r] = _mm256_setzero_ps();
  }
  for (size_t d = 0; d < head_dim; d += 8) {
    const size_t width = head_dim - d;
    for (int r = 0; r < rows; r++) {
      const size_t at = (size_t)r * k_stride + d;
      const __m256 key = width >= 8 ? load8(k, storage, at) : load_tail(k, storage, at, width);
      for (int i = 0; i < queries; i++) {
        const float *query = q + (size_t)i * head_dim;
        const __m256 factor = width >= 8 ? _mm256_loadu_ps(query + d) : load_tail(query, CK_F32, d, width);
        sums[i][r] = _mm256_fmadd_ps(key, factor, sums[i][r]);
      }
    }
  }
  for (int i = 0; i < queries; i++) {
    const __m128 dots = sum_lanes4(sums[i][0], sums[i][1], sums[i][2], sums[i][3]);
    const __m128 scaled = _mm_mul_ps(_mm_set1_ps(scale), dots);
    float *target = scores + (size_t)i * scores_stride;
    if (rows == 4) _mm_storeu_ps(target, scaled);
    else if (rows == 2) _mm_storel_pi((__m64 *)target, scaled);
    else _mm_store_ss(target, scaled);
  }
}

/// 8 * vectors outputs of `queries` (1...4) mixtures, `width` (1...8) of the last 8 there.
AVX2_INLINE void mix_columns(
  int queries, int vectors, size_t width, const float *weights, size_t weights_stride, const void *v,
  ck_storage storage, size_t v_stride, size_t positions, float *y, size_t y_stride) {
  __m256 sums[4][8];
  for (int i = 0; i < queries; i++) {
    for (int j = 0; j < vectors; j++) sums[i][j] = _mm256_setzero_ps();
  }
  for (size_t p = 0; p < positions; p++) {
    ck_prefetch_position(v, storage, v_stride, p, positions, 8 * (size_t)vectors);
    for (int j = 0; j < vectors; j++) {
      const size_t at = p * v_stride + 8 * (size_t)j;
      const __m256 values = width == 8 ? load8(v, storage, at) : load_tail(v, storage, at, width);
      for (int i = 0; i < queries; i++) {
        const __m256 factor = _mm256_broadcast_ss(weights + (size_t)i * weights_stride + p);
        sums[i][j] = _mm256_fmadd_ps(factor, values, sums[i][j]);
      }
    }
  }
  for (int i = 0; i < queries; i++) {
    for (int j = 0; j < vectors; j++) {
      float *target = y + (size_t)i * y_stride + 8 * j;
      if (width == 8) _mm256_storeu_ps(target, sums[i][j]);
      else _mm256_maskstore_ps(target, first_lanes(width), sums[i][j]);
    }
  }
}

AVX2_INLINE void mix_queries(
  int queries, const float *weights, size_t weights_stride, const void *v, ck_storage storage, size_t v_stride,
  size_t positions, size_t head_dim, float *y) {
  const int vectors = queries == 1 ? 8 : queries == 2 ? 4 : 2;
  size_t d = 0;
  for (; d + 8 * (size_t)vectors <= head_dim; d += 8 * (size_t)vectors) {
    const void *values = ck_element(v, storage, d);
    mix_columns(queries, vectors, 8, weights, weights_stride, values, storage, v_stride, positions, y + d, head_dim);
  }
  for (; d < head_dim; d += 8) {
    const void *values = ck_element(v, storage, d);
    const size_t width = head_dim - d < 8 ? head_dim - d : 8;
    mix_columns(queries, 1, width, weights, weights_stride, values, storage, v_stride, positions, y + d, head_dim);
  }
}

// Sixteen registers: fewer keys at a time where there are more queries.
#define ATTENTION_KEYS(queries) ((queries) <= 2 ? 4 : 2)
#define ATTENTION AVX2
#define ATTENTION_INLINE AVX2_INLINE
#include "attention_queries.h"

// Nearest centroids

/// Scores of the 16 centroids of one block for `vectors` (1...4) vectors.
AVX2_INLINE void block_scores(
  int vectors, const float *x, size_t dimension, const float *block, const float *half_norms, __m256 scores[4][2]) {
  for (int i = 0; i < vectors; i++) {
    scores[i][0] = _mm256_loadu_ps(half_norms);
    scores[i][1] = _mm256_loadu_ps(half_norms + 8);
  }
  for (size_t j = 0; j < dimension; j++) {
    const __m256 low = _mm256_loadu_ps(block + 16 * j), high = _mm256_loadu_ps(block + 16 * j + 8);
    for (int i = 0; i < vectors; i++) {
      const __m256 factor = _mm256_broadcast_ss(x + i * dimension + j);
      scores[i][0] = _mm256_fnmadd_ps(factor, low, scores[i][0]);
      scores[i][1] = _mm256_fnmadd_ps(factor, high, scores[i][1]);
    }
  }
}

AVX2_INLINE void nearest_of(
  int vectors, const float *x, size_t dimension, const float *blocked, const float *half_norms, size_t blocks,
  int32_t *indices, float *best) {
  __m256 smallest[4];
  __m256i where[4];
  for (int i = 0; i < vectors; i++) {
    smallest[i] = _mm256_set1_ps(INFINITY);
    where[i] = _mm256_setzero_si256();
  }
  __m256i candidates = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  for (size_t b = 0; b < blocks; b++) {
    __m256 scores[4][2];
    block_scores(vectors, x, dimension, blocked + b * dimension * 16, half_norms + b * 16, scores);
    for (int half = 0; half < 2; half++) {
      for (int i = 0; i < vectors; i++) {
        const __m256 less = _mm256_cmp_ps(scores[i][half], smallest[i], _CMP_LT_OQ);
        smallest[i] = _mm256_blendv_ps(smallest[i], scores[i][half], less);
        where[i] = _mm256_blendv_epi8(where[i], candidates, _mm256_castps_si256(less));
      }
      candidates = _mm256_add_epi32(candidates, _mm256_set1_epi32(8));
    }
  }
  for (int i = 0; i < vectors; i++) {
    float values[8];
    int32_t lanes[8];
    _mm256_storeu_ps(values, smallest[i]);
    _mm256_storeu_si256((__m256i *)lanes, where[i]);
    int winner = 0;
    for (int lane = 1; lane < 8; lane++) {
      const int tie = values[lane] == values[winner] && lanes[lane] < lanes[winner];
      if (values[lane] < values[winner] || tie) winner = lane;
    }
    indices[i] = lanes[winner];
    if (best) best[i] = values[winner];
  }
}

AVX2 static void nearest_centroid(
  const float *vectors, size_t n, size_t dimension, const float *blocked, const float *half_norms, size_t blocks,
  int32_t *indices, float *best) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    nearest_of(
      4, vectors + i * dimension, dimension, blocked, half_norms, blocks, indices + i, best ? best + i : NULL);
  }
  for (; i < n; i++) {
    nearest_of(
      1, vectors + i * dimension, dimension, blocked, half_norms, blocks, indices + i, best ? best + i : NULL);
  }
}

typedef struct { __m256 half[2]; } search_lanes;

AVX2_INLINE search_lanes search_scores(
  const float *x, size_t dimension, const float *block, const float *half_norms) {
  __m256 scores[4][2];
  block_scores(1, x, dimension, block, half_norms, scores);
  return (search_lanes){{scores[0][0], scores[0][1]}};
}

AVX2_INLINE search_lanes search_bounds(const float *x, size_t dimension, const float *boxes) {
  search_lanes bounds = {{_mm256_loadu_ps(boxes), _mm256_loadu_ps(boxes + 8)}};
  for (size_t j = 0; j < dimension; j++) {
    const __m256 value = _mm256_broadcast_ss(x + j);
    for (int half = 0; half < 2; half++) {
      const float *lower = boxes + 16 + 32 * j + 8 * half;
      const __m256 nearest = _mm256_min_ps(_mm256_max_ps(value, _mm256_loadu_ps(lower)), _mm256_loadu_ps(lower + 16));
      const __m256 distance = _mm256_sub_ps(value, nearest);
      bounds.half[half] = _mm256_fmadd_ps(distance, distance, bounds.half[half]);
    }
  }
  return bounds;
}

AVX2_INLINE uint32_t search_up_to(search_lanes lanes, float limit) {
  const __m256 most = _mm256_set1_ps(limit);
  const int low = _mm256_movemask_ps(_mm256_cmp_ps(lanes.half[0], most, _CMP_NGT_UQ));
  const int high = _mm256_movemask_ps(_mm256_cmp_ps(lanes.half[1], most, _CMP_NGT_UQ));
  return (uint32_t)low | (uint32_t)high << 8;
}

AVX2_INLINE void search_store(search_lanes lanes, float *values) {
  _mm256_storeu_ps(values, lanes.half[0]);
  _mm256_storeu_ps(values + 8, lanes.half[1]);
}

#define SEARCH_TARGET AVX2
#include "centroid_search.h"

// Second moments

#define SECOND_MOMENT_TARGET AVX2
#define SECOND_MOMENT_ROWS 6
#define SECOND_MOMENT_COLUMNS 8

/// 12 accumulators, 2 of 4 columns for each of 6 rows; four registers are left for columns and factors.
AVX2_INLINE void second_moment_tile(
  const double *rows, const double *columns, size_t tokens, double *h, size_t h_stride) {
  __m256d sums[6][2];
  for (int i = 0; i < 6; i++) {
    for (int j = 0; j < 2; j++) sums[i][j] = _mm256_loadu_pd(h + (size_t)i * h_stride + 4 * j);
  }
  for (size_t t = 0; t < tokens; t++, rows += 6, columns += 8) {
    const __m256d c0 = _mm256_load_pd(columns), c1 = _mm256_load_pd(columns + 4);
    for (int i = 0; i < 6; i++) {
      const __m256d factor = _mm256_broadcast_sd(rows + i);
      sums[i][0] = _mm256_fmadd_pd(factor, c0, sums[i][0]);
      sums[i][1] = _mm256_fmadd_pd(factor, c1, sums[i][1]);
    }
  }
  for (int i = 0; i < 6; i++) {
    for (int j = 0; j < 2; j++) _mm256_storeu_pd(h + (size_t)i * h_stride + 4 * j, sums[i][j]);
  }
}

#include "second_moment_tiles.h"

#define GRADIENT_TARGET AVX2
#include "gradient_loops.h"

static const ck_kernels table = {
  .isa = CK_AVX2,
  .name = "avx2",
  .f16_to_f32 = f16_to_f32,
  .bf16_to_f32 = bf16_to_f32,
  .f32_to_f16 = f32_to_f16,
  .f32_to_bf16 = f32_to_bf16,
  .gemv = gemv,
  .pack_panel = pack_panel,
  .gemm_panel = gemm_panel,
  .unpack_codes = unpack_codes,
  .vq_gemv = vq_gemv,
  .plane_centroids = 256,
  .prefers_planes_for_prompts = 0,
  .prefers_byte_matrix = 1,
  .byte_vector_length = 8,
  .split_activation = ck_avx2_split_activation,
  .byte_row = ck_avx2_byte_row,
  .gemv_bytes = ck_avx2_gemv_bytes,
  .vq_planes = ck_avx2_vq_planes,
  .vq_bytes = ck_avx2_vq_bytes,
  .vq_planes_many = ck_avx2_vq_planes_many,
  .token_lanes = ck_portable_token_lanes,
  .gather_lanes = ck_portable_gather_lanes,
  .vq_panel = vq_panel,
  .rms_norm = rms_norm,
  .rotary = rotary,
  .softmax = softmax,
  .silu_multiply = silu_multiply,
  .gelu_multiply = gelu_multiply,
  .soft_cap = soft_cap,
  .attention_scores = attention_scores,
  .attention_mix = attention_mix,
  .dot = dot,
  .axpy = axpy,
  .gather = ck_portable_gather,
  .nearest_centroid = nearest_centroid,
  .search_centroids = search_centroids,
  .second_moment = second_moment,
  .prefers_bf16 = 0,
  .product_bf16 = ck_portable_product_bf16,
  .rms_norm_gradient = rms_norm_gradient,
  .silu_gradient = silu_gradient,
  .gelu_gradient = gelu_gradient,
  .softmax_gradient = softmax_gradient,
  .divergence_gradient = divergence_gradient,
  .adam = adam,
  .vq_column = vq_column,
  .vq_column_gradient = vq_column_gradient,
};

const ck_kernels *ck_avx2_table(void) { return &table; }

#else

const ck_kernels *ck_avx2_table(void) { return NULL; }

#endif
