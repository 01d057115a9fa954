// AVX-512 (F, BW, VL, DQ) overrides. Every function carries its own target attribute, so the file builds with no
// flag; `dispatch.c` asks the machine before it hands this table out. Tails are masked lanes of the same code.

#include "tables.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <float.h>
#include <math.h>
#include <string.h>

#define TARGET target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")
#define AVX512 __attribute__((TARGET))
#define AVX512_INLINE static inline __attribute__((always_inline, TARGET))

#include "x86_avx512_transpose.h"

// Loads and reductions

/// A mask of the first `n` lanes, all of them where n >= 16.
AVX512_INLINE __mmask16 first_lanes(size_t n) { return n >= 16 ? 0xFFFF : (__mmask16)((1u << n) - 1); }

/// Sixteen stored numbers from element `k` on, as float32; lanes outside of the mask are zero and not read.
AVX512_INLINE __m512 load_lanes(__mmask16 lanes, const void *w, ck_storage storage, size_t k) {
  if (storage == CK_F32) return _mm512_maskz_loadu_ps(lanes, (const float *)w + k);
  if (storage == CK_I8) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(lanes, (const int8_t *)w + k)));
  }
  const __m256i halves = _mm256_maskz_loadu_epi16(lanes, (const uint16_t *)w + k);
  if (storage == CK_F16) return _mm512_cvtph_ps(halves);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

AVX512_INLINE __m512 load16(const void *w, ck_storage storage, size_t k) { return load_lanes(0xFFFF, w, storage, k); }

AVX512_INLINE __m256 fold(__m512 a) { return _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1)); }

/// Four sums, each of one vector's lanes in an order of its own that is the same for all four.
AVX512_INLINE __m128 sum_lanes4(__m512 a, __m512 b, __m512 c, __m512 d) {
  const __m256 pairs = _mm256_hadd_ps(_mm256_hadd_ps(fold(a), fold(b)), _mm256_hadd_ps(fold(c), fold(d)));
  return _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1));
}

AVX512_INLINE __m512d low_double(__m512 a) { return _mm512_cvtps_pd(_mm512_castps512_ps256(a)); }
AVX512_INLINE __m512d high_double(__m512 a) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1)); }

// Conversions

AVX512_INLINE void to_f32(const uint16_t *source, ck_storage storage, float *target, size_t n) {
  size_t i = 0;
  for (; i + 16 <= n; i += 16) _mm512_storeu_ps(target + i, load16(source, storage, i));
  const __mmask16 lanes = first_lanes(n - i);
  if (lanes) _mm512_mask_storeu_ps(target + i, lanes, load_lanes(lanes, source, storage, i));
}

AVX512 static void f16_to_f32(const uint16_t *source, float *target, size_t n) { to_f32(source, CK_F16, target, n); }

AVX512 static void bf16_to_f32(const uint16_t *source, float *target, size_t n) { to_f32(source, CK_BF16, target, n); }

/// Rounds to nearest even by adding half a unit (less one where the kept part is even); NaN keeps its upper bits and
/// becomes quiet.
AVX512_INLINE __m256i bf16_bits(__m512 values) {
  const __m512i bits = _mm512_castps_si512(values);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
  const __mmask16 nan = _mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q);
  const __m512i kept = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(kept, 16));
}

AVX512_INLINE __m256i stored_bits(__m512 values, ck_storage storage) {
  if (storage == CK_BF16) return bf16_bits(values);
  return _mm512_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

AVX512_INLINE void from_f32(const float *source, ck_storage storage, uint16_t *target, size_t n) {
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    _mm256_storeu_si256((__m256i *)(target + i), stored_bits(_mm512_loadu_ps(source + i), storage));
  }
  const __mmask16 lanes = first_lanes(n - i);
  if (lanes) {
    _mm256_mask_storeu_epi16(target + i, lanes, stored_bits(_mm512_maskz_loadu_ps(lanes, source + i), storage));
  }
}

AVX512 static void f32_to_f16(const float *source, uint16_t *target, size_t n) { from_f32(source, CK_F16, target, n); }

AVX512 static void f32_to_bf16(const float *source, uint16_t *target, size_t n) {
  from_f32(source, CK_BF16, target, n);
}

// Dense products

/// Dot products of `rows` (1 or 4) rows with `x`. A row's sum is the same alone and in a group: even and odd
/// groups of sixteen columns have an accumulator each.
AVX512_INLINE __m128 row_dots(
  int rows, const void *w, ck_storage storage, size_t stride, size_t columns, const float *x) {
  __m512 even[4], odd[4];
  for (int r = 0; r < rows; r++) even[r] = odd[r] = _mm512_setzero_ps();
  size_t k = 0;
  for (; k + 32 <= columns; k += 32) {
    const __m512 x0 = _mm512_loadu_ps(x + k), x1 = _mm512_loadu_ps(x + k + 16);
    for (int r = 0; r < rows; r++) {
      // The same columns of the next four rows: half-width rows are too short for the machine's own prefetching.
      if (rows == 4 && storage != CK_F32) {
        _mm_prefetch((const char *)((const uint16_t *)w + ((size_t)r + 4) * stride + k), _MM_HINT_T0);
      }
      even[r] = _mm512_fmadd_ps(load16(w, storage, (size_t)r * stride + k), x0, even[r]);
      odd[r] = _mm512_fmadd_ps(load16(w, storage, (size_t)r * stride + k + 16), x1, odd[r]);
    }
  }
  for (; k < columns; k += 16) {
    const __mmask16 lanes = first_lanes(columns - k);
    const __m512 x0 = _mm512_maskz_loadu_ps(lanes, x + k);
    for (int r = 0; r < rows; r++) {
      even[r] = _mm512_fmadd_ps(load_lanes(lanes, w, storage, (size_t)r * stride + k), x0, even[r]);
    }
  }
  for (int r = 0; r < rows; r++) even[r] = _mm512_add_ps(even[r], odd[r]);
  if (rows == 1) return sum_lanes4(even[0], even[0], even[0], even[0]);
  return sum_lanes4(even[0], even[1], even[2], even[3]);
}

AVX512_INLINE void scaled_row_dots(
  const void *w, ck_storage storage, size_t stride, size_t rows, size_t columns, const float *x, float scale,
  float *y) {
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

AVX512 static void gemv(const void *w, ck_storage storage, size_t rows, size_t columns, const float *x, float *y) {
  switch (storage) {
    case CK_F32: scaled_row_dots(w, CK_F32, columns, rows, columns, x, 1, y); break;
    case CK_F16: scaled_row_dots(w, CK_F16, columns, rows, columns, x, 1, y); break;
    case CK_BF16: scaled_row_dots(w, CK_BF16, columns, rows, columns, x, 1, y); break;
    case CK_I8: break;
  }
}

AVX512 static float dot(const float *a, const float *b, size_t n) {
  __m512 sums[4];
  for (int j = 0; j < 4; j++) sums[j] = _mm512_setzero_ps();
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    for (int j = 0; j < 4; j++) {
      sums[j] = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16 * j), _mm512_loadu_ps(b + i + 16 * j), sums[j]);
    }
  }
  for (; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    sums[0] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(lanes, a + i), _mm512_maskz_loadu_ps(lanes, b + i), sums[0]);
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
}

/// Reads one by one: the instruction that gathers takes longer.
AVX512 static void gather(const float *x, const uint32_t *columns, const float *factors, size_t n, float *y) {
  ck_prefetch(columns, n * sizeof *columns);
  if (factors) ck_prefetch(factors, n * sizeof *factors);
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    __m128 values = _mm_setr_ps(x[columns[i]], x[columns[i + 1]], x[columns[i + 2]], x[columns[i + 3]]);
    if (factors) values = _mm_mul_ps(values, _mm_loadu_ps(factors + i));
    _mm_storeu_ps(y + i, values);
  }
  for (; i < n; i++) y[i] = factors ? x[columns[i]] * factors[i] : x[columns[i]];
}

AVX512 static void axpy(float a, const float *x, float *y, size_t n) {
  const __m512 factor = _mm512_set1_ps(a);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    _mm512_storeu_ps(y + i, _mm512_fmadd_ps(factor, _mm512_loadu_ps(x + i), _mm512_loadu_ps(y + i)));
  }
  const __mmask16 lanes = first_lanes(n - i);
  if (lanes) {
    const __m512 sum = _mm512_fmadd_ps(
      factor, _mm512_maskz_loadu_ps(lanes, x + i), _mm512_maskz_loadu_ps(lanes, y + i));
    _mm512_mask_storeu_ps(y + i, lanes, sum);
  }
}

AVX512_INLINE void pack_rows(
  const void *w, ck_storage storage, size_t stride, size_t rows, size_t columns, float *panel) {
  for (size_t r0 = 0; r0 < CK_PANEL; r0 += 16) {
    const size_t present = rows <= r0 ? 0 : (rows - r0 < 16 ? rows - r0 : 16);
    size_t k = 0;
    if (present == 16) {
      for (; k + 16 <= columns; k += 16) {
        __m512 row[16];
        for (size_t r = 0; r < 16; r++) row[r] = load16(w, storage, (r0 + r) * stride + k);
        transpose16(row);
        for (size_t i = 0; i < 16; i++) _mm512_storeu_ps(panel + (k + i) * CK_PANEL + r0, row[i]);
      }
    }
    for (; k < columns; k += 16) {
      const size_t width = columns - k < 16 ? columns - k : 16;
      const __mmask16 lanes = first_lanes(width);
      __m512 row[16];
      for (size_t r = 0; r < 16; r++) {
        row[r] = r < present ? load_lanes(lanes, w, storage, (r0 + r) * stride + k) : _mm512_setzero_ps();
      }
      transpose16(row);
      for (size_t i = 0; i < width; i++) _mm512_storeu_ps(panel + (k + i) * CK_PANEL + r0, row[i]);
    }
  }
}

AVX512 static void pack_panel(
  const void *w, ck_storage storage, size_t stride, size_t rows, size_t columns, float *panel) {
  switch (storage) {
    case CK_F32: pack_rows(w, CK_F32, stride, rows, columns, panel); break;
    case CK_F16: pack_rows(w, CK_F16, stride, rows, columns, panel); break;
    case CK_BF16: pack_rows(w, CK_BF16, stride, rows, columns, panel); break;
    case CK_I8: pack_rows(w, CK_I8, stride, rows, columns, panel); break;
  }
}

/// Most tokens of one tile: two accumulators each, and eight registers to spare.
enum { GEMM_TOKENS = 12 };

/// y (+)= x * panel for `tokens` (1...12) tokens; `rows` outputs of each are read and written.
AVX512_INLINE void gemm_tile(
  int tokens, const float *x, size_t x_stride, const float *panel, size_t columns, float *y, size_t y_stride,
  size_t rows, int accumulate) {
  const __mmask16 low = first_lanes(rows), high = first_lanes(rows > 16 ? rows - 16 : 0);
  __m512 sums[GEMM_TOKENS][2];
#pragma clang loop unroll(full)
  for (int t = 0; t < tokens; t++) {
    const float *line = y + (size_t)t * y_stride;
    sums[t][0] = accumulate ? _mm512_maskz_loadu_ps(low, line) : _mm512_setzero_ps();
    sums[t][1] = accumulate ? _mm512_maskz_loadu_ps(high, line + 16) : _mm512_setzero_ps();
  }
  for (size_t k = 0; k < columns; k++) {
    const __m512 w0 = _mm512_loadu_ps(panel + k * CK_PANEL), w1 = _mm512_loadu_ps(panel + k * CK_PANEL + 16);
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) {
      const __m512 factor = _mm512_set1_ps(x[(size_t)t * x_stride + k]);
      sums[t][0] = _mm512_fmadd_ps(factor, w0, sums[t][0]);
      sums[t][1] = _mm512_fmadd_ps(factor, w1, sums[t][1]);
    }
  }
#pragma clang loop unroll(full)
  for (int t = 0; t < tokens; t++) {
    _mm512_mask_storeu_ps(y + (size_t)t * y_stride, low, sums[t][0]);
    _mm512_mask_storeu_ps(y + (size_t)t * y_stride + 16, high, sums[t][1]);
  }
}

/// Columns of a panel that stay in the first-level cache (32 KiB) while all tokens pass over them.
enum { GEMM_COLUMNS = 256 };

AVX512 static void gemm_panel(
  const float *x, size_t x_stride, size_t tokens, const float *panel, size_t columns,
  float *y, size_t y_stride, size_t rows, int accumulate) {
  size_t k = 0;
  do {
    const size_t width = columns - k < GEMM_COLUMNS ? columns - k : GEMM_COLUMNS;
    const float *block = panel + k * CK_PANEL;
    // Tiles of nearly equal size: one of a single token has too few chains to fill the multipliers.
    size_t tiles = (tokens + GEMM_TOKENS - 1) / GEMM_TOKENS;
    for (size_t t = 0, count; t < tokens; t += count, tiles--) {
      count = (tokens - t + tiles - 1) / tiles;
      const float *input = x + t * x_stride + k;
      float *output = y + t * y_stride;
#define TILE(N) \
  case N: gemm_tile(N, input, x_stride, block, width, output, y_stride, rows, accumulate); break;
      switch (count) {
        TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)
      }
#undef TILE
    }
    accumulate = 1;
    k += width;
  } while (k < columns);
}

// Vector-quantized products

AVX512_INLINE uint32_t code_mask(uint32_t bits) { return bits >= 32 ? UINT32_MAX : (1u << bits) - 1; }

/// How a group of 16 codes (of up to 16 bits) or 8 codes (of up to 32) leaves the bit stream: the group's bytes in one
/// register, a shuffle of 16-bit words that brings each code's window of 4 or 8 bytes to its lane, a shift per lane.
/// A group takes a whole number of bytes, so every group starts at the same bit of a byte.
typedef struct {
  __m512i windows;
  __m512i shifts;
  __m512i mask;
  uint32_t start;
  uint32_t code_bits;
} code_groups;

AVX512_INLINE code_groups code_groups_from(uint32_t start, uint32_t code_bits) {
  const int narrow = code_bits <= 16;
  const __m512i words = _mm512_set_epi16(
    31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
    15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  // Words of a lane and the lane they belong to; positions stay below 2^9 bits.
  const __m512i lane = narrow ? _mm512_srli_epi16(words, 1) : _mm512_srli_epi16(words, 2);
  const __m512i word = _mm512_and_si512(words, _mm512_set1_epi16(narrow ? 1 : 3));
  const __m512i bits = _mm512_add_epi16(
    _mm512_mullo_epi16(lane, _mm512_set1_epi16((short)code_bits)), _mm512_set1_epi16((short)start));
  const __m512i shifts = _mm512_and_si512(bits, _mm512_set1_epi16(15));
  return (code_groups){
    .windows = _mm512_add_epi16(_mm512_srli_epi16(bits, 4), word),
    .shifts = _mm512_and_si512(shifts, narrow ? _mm512_set1_epi32(0xFFFF) : _mm512_set1_epi64(0xFFFF)),
    .mask = narrow ? _mm512_set1_epi32((int)code_mask(code_bits)) : _mm512_set1_epi64(code_mask(code_bits)),
    .start = start,
    .code_bits = code_bits,
  };
}

/// The first `count` (1...lanes) codes of the group at `bytes`, one in each 32-bit lane. Reads only their bytes.
AVX512_INLINE __m512i codes_of_group(int narrow, const code_groups *groups, const uint8_t *bytes, size_t count) {
  const size_t present = (groups->start + count * groups->code_bits + 7) / 8;
  const __m512i group = _mm512_maskz_loadu_epi8(~UINT64_C(0) >> (64 - present), bytes);
  const __m512i windows = _mm512_permutexvar_epi16(groups->windows, group);
  if (narrow) return _mm512_and_si512(_mm512_srlv_epi32(windows, groups->shifts), groups->mask);
  const __m512i codes = _mm512_and_si512(_mm512_srlv_epi64(windows, groups->shifts), groups->mask);
  return _mm512_zextsi256_si512(_mm512_cvtepi64_epi32(codes));
}

/// The first `count` (1...16) of the next 16 codes, in 2 * code_bits bytes.
AVX512_INLINE __m512i sixteen_codes(int narrow, const code_groups *groups, const uint8_t *bytes, size_t count) {
  if (narrow) return codes_of_group(1, groups, bytes, count);
  const __m512i low = codes_of_group(0, groups, bytes, count < 8 ? count : 8);
  if (count <= 8) return low;
  const __m512i high = codes_of_group(0, groups, bytes + groups->code_bits, count - 8);
  return _mm512_inserti64x4(low, _mm512_castsi512_si256(high), 1);
}

AVX512_INLINE void unpack_groups(
  int narrow, const code_groups *groups, const uint8_t *bytes, size_t count, uint32_t *target) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16, bytes += 2 * groups->code_bits) {
    _mm512_storeu_si512(target + i, sixteen_codes(narrow, groups, bytes, 16));
  }
  if (i < count) {
    _mm512_mask_storeu_epi32(target + i, first_lanes(count - i), sixteen_codes(narrow, groups, bytes, count - i));
  }
}

AVX512 static void unpack_codes(
  const uint8_t *codes, size_t first_bit, uint32_t code_bits, size_t count, uint32_t *target) {
  const code_groups groups = code_groups_from(first_bit % 8, code_bits);
  if (code_bits <= 16) unpack_groups(1, &groups, codes + first_bit / 8, count, target);
  else unpack_groups(0, &groups, codes + first_bit / 8, count, target);
}

/// Codes of one row unpacked at a time; a multiple of 16, so that every block starts at a whole byte.
enum { CODE_BLOCK = 256 };

/// Spare entries (8 bytes) after each row of unpacked codes, so that one column of all rows lies in different banks of
/// the first-level cache.
enum { BANK_SKEW = 2 };

/// Whether the byte offsets of all centroids fit 32 bits; beyond that (tables of 4 GiB) the portable kernels serve.
AVX512_INLINE int has_short_offsets(const ck_vq_matrix *m) {
  const uint32_t bits = m->residual_table && m->main_bits > m->code_bits - m->main_bits ? m->main_bits
    : m->residual_table ? m->code_bits - m->main_bits : m->code_bits;
  return ((uint64_t)m->table_stride * sizeof(float)) << bits <= (UINT64_C(1) << 32);
}

/// How many vector rows ahead of their use codes are asked for.
enum { ROWS_AHEAD = 8 };

/// Asks for the codes that this block of columns has some rows further on: rows are too short for the machine's own
/// prefetching, and without it most of the time is spent waiting for codes.
AVX512_INLINE void prefetch_codes(const ck_vq_matrix *m, size_t row, size_t column, size_t count) {
  const uint8_t *ahead = m->codes + (row + ROWS_AHEAD) * m->row_stride + column * m->code_bits / 8;
  const size_t bytes = count * m->code_bits / 8;
  for (size_t byte = 0; byte < bytes; byte += 64) _mm_prefetch((const char *)ahead + byte, _MM_HINT_T0);
}

/// Byte offsets in the tables of the centroids of `count` codes from `bytes` on. Whole registers are written: `count`
/// rounded up to a multiple of 16 entries.
AVX512_INLINE void offsets_of_codes(
  int narrow, int residual, const ck_vq_matrix *m, const code_groups *groups, const uint8_t *bytes, size_t count,
  uint32_t *main_at, uint32_t *rest_at) {
  const __m512i centroid_bytes = _mm512_set1_epi32((int)(m->table_stride * sizeof(float)));
  const __m512i main_mask = _mm512_set1_epi32((int)code_mask(m->main_bits));
  const __m128i main_bits = _mm_cvtsi32_si128((int)m->main_bits);
  for (size_t i = 0; i < count; i += 16, bytes += 2 * groups->code_bits) {
    const __m512i codes = i + 16 <= count ? sixteen_codes(narrow, groups, bytes, 16)
      : sixteen_codes(narrow, groups, bytes, count - i);
    const __m512i main = residual ? _mm512_and_si512(codes, main_mask) : codes;
    _mm512_storeu_si512(main_at + i, _mm512_mullo_epi32(main, centroid_bytes));
    if (residual) {
      const __m512i rest = _mm512_srl_epi32(codes, main_bits);
      _mm512_storeu_si512(rest_at + i, _mm512_mullo_epi32(rest, centroid_bytes));
    }
  }
}

/// The same for columns [column, column + count) of one vector row.
AVX512_INLINE void unpack_offsets(
  int residual, const ck_vq_matrix *m, size_t row, size_t column, size_t count, uint32_t *main_at, uint32_t *rest_at) {
  const size_t first_bit = column * m->code_bits;
  const code_groups groups = code_groups_from(first_bit % 8, m->code_bits);
  const uint8_t *bytes = m->codes + row * m->row_stride + first_bit / 8;
  prefetch_codes(m, row, column, count);
  if (m->code_bits <= 16) offsets_of_codes(1, residual, m, &groups, bytes, count, main_at, rest_at);
  else offsets_of_codes(0, residual, m, &groups, bytes, count, main_at, rest_at);
}

#define VQ_NAME vq_rows_4
#define VQ_VECTOR __m128
#define VQ_ZERO() _mm_setzero_ps()
#define VQ_SET(a) _mm_set1_ps(a)
#define VQ_LOAD(p) _mm_loadu_ps((const float *)(p))
#define VQ_FMADD(a, b, c) _mm_fmadd_ps(a, b, c)
#define VQ_ADD(a, b) _mm_add_ps(a, b)
#define VQ_ADD_TO(p, lanes, a) \
  _mm_mask_storeu_ps(p, (__mmask8)(lanes), _mm_add_ps(_mm_maskz_loadu_ps((__mmask8)(lanes), p), a))
#include "x86_avx512_vq_rows.h"

#define VQ_NAME vq_rows_8
#define VQ_VECTOR __m256
#define VQ_ZERO() _mm256_setzero_ps()
#define VQ_SET(a) _mm256_set1_ps(a)
#define VQ_LOAD(p) _mm256_loadu_ps((const float *)(p))
#define VQ_FMADD(a, b, c) _mm256_fmadd_ps(a, b, c)
#define VQ_ADD(a, b) _mm256_add_ps(a, b)
#define VQ_ADD_TO(p, lanes, a) \
  _mm256_mask_storeu_ps(p, (__mmask8)(lanes), _mm256_add_ps(_mm256_maskz_loadu_ps((__mmask8)(lanes), p), a))
#include "x86_avx512_vq_rows.h"

#define VQ_NAME vq_rows_12
#define VQ_VECTOR __m512
#define VQ_ZERO() _mm512_setzero_ps()
#define VQ_SET(a) _mm512_set1_ps(a)
#define VQ_LOAD(p) _mm512_maskz_loadu_ps(0xFFF, p)
#define VQ_FMADD(a, b, c) _mm512_fmadd_ps(a, b, c)
#define VQ_ADD(a, b) _mm512_add_ps(a, b)
#define VQ_ADD_TO(p, lanes, a) _mm512_mask_storeu_ps(p, lanes, _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, p), a))
#include "x86_avx512_vq_rows.h"

#define VQ_NAME vq_rows_16
#define VQ_VECTOR __m512
#define VQ_ZERO() _mm512_setzero_ps()
#define VQ_SET(a) _mm512_set1_ps(a)
#define VQ_LOAD(p) _mm512_loadu_ps(p)
#define VQ_FMADD(a, b, c) _mm512_fmadd_ps(a, b, c)
#define VQ_ADD(a, b) _mm512_add_ps(a, b)
#define VQ_ADD_TO(p, lanes, a) _mm512_mask_storeu_ps(p, lanes, _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, p), a))
#include "x86_avx512_vq_rows.h"

/// Outputs [offset, offset + 16) of all vectors, for `rows` vector rows.
AVX512_INLINE void vq_rows(
  int rows, int residual, const ck_vq_matrix *m, size_t first, size_t offset, const float *x, float *y) {
  const __mmask16 lanes = first_lanes(m->vector_length - offset);
  switch (m->table_stride - offset) {
    case 4: vq_rows_4(rows, residual, m, first, offset, lanes, x, y); break;
    case 8: vq_rows_8(rows, residual, m, first, offset, lanes, x, y); break;
    case 12: vq_rows_12(rows, residual, m, first, offset, lanes, x, y); break;
    default: vq_rows_16(rows, residual, m, first, offset, lanes, x, y); break;
  }
}

AVX512 static void vq_single(
  const ck_vq_matrix *m, size_t first, size_t last, size_t offset, const float *x, float *y) {
  size_t n = first;
  for (; n + 4 <= last; n += 4) vq_rows(4, 0, m, n, offset, x, y + (n - first) * m->vector_length);
  for (; n < last; n++) vq_rows(1, 0, m, n, offset, x, y + (n - first) * m->vector_length);
}

AVX512 static void vq_two_stage(
  const ck_vq_matrix *m, size_t first, size_t last, size_t offset, const float *x, float *y) {
  size_t n = first;
  for (; n + 4 <= last; n += 4) vq_rows(4, 1, m, n, offset, x, y + (n - first) * m->vector_length);
  for (; n < last; n++) vq_rows(1, 1, m, n, offset, x, y + (n - first) * m->vector_length);
}

AVX512 static void vq_gemv(const ck_vq_matrix *m, size_t first, size_t last, const float *x, float *y) {
  if (!has_short_offsets(m)) {
    ck_portable_table.vq_gemv(m, first, last, x, y);
    return;
  }
  const size_t start_bytes = (last - first < ROWS_AHEAD ? last - first : ROWS_AHEAD) * m->row_stride;
  for (size_t byte = 0; byte < start_bytes; byte += 64) {
    _mm_prefetch((const char *)m->codes + first * m->row_stride + byte, _MM_HINT_T0);
  }
  for (size_t offset = 0; offset < m->vector_length; offset += 16) {
    if (m->residual_table) vq_two_stage(m, first, last, offset, x, y);
    else vq_single(m, first, last, offset, x, y);
  }
}

/// Columns of a panel whose codes are unpacked together, for all its vector rows; a multiple of 16.
enum { PANEL_BLOCK = 64 };

/// What one vector row contributes to every column of a panel: entries [entry, entry + lanes) from `target` on.
/// A `whole` vector is written with its padding, which is zero and which the next vector overwrites.
typedef struct {
  size_t entry;
  size_t target;
  __mmask16 lanes;
  int whole;
} panel_row;

/// What one code stands for: the `floats` (4, 8, 12 or 16) floats of its main and residual centroid.
AVX512_INLINE void copy_vector(int floats, int residual, const float *main, const float *rest, float *target) {
  if (floats == 16) {
    const __m512 a = _mm512_loadu_ps(main);
    _mm512_storeu_ps(target, residual ? _mm512_add_ps(a, _mm512_loadu_ps(rest)) : a);
  }
  if (floats == 8 || floats == 12) {
    const __m256 a = _mm256_loadu_ps(main);
    _mm256_storeu_ps(target, residual ? _mm256_add_ps(a, _mm256_loadu_ps(rest)) : a);
  }
  if (floats == 4 || floats == 12) {
    const int at = floats - 4;
    const __m128 a = _mm_loadu_ps(main + at);
    _mm_storeu_ps(target + at, residual ? _mm_add_ps(a, _mm_loadu_ps(rest + at)) : a);
  }
}

/// The columns [c, c + width) of a vector row of which only some entries are wanted.
AVX512_INLINE void fill_part(
  int residual, const ck_vq_matrix *m, const panel_row *row, const uint32_t *main_at, const uint32_t *rest_at,
  size_t width, float *panel) {
  const char *table = (const char *)(m->table + row->entry);
  const char *rest_table = residual ? (const char *)(m->residual_table + row->entry) : table;
  for (size_t i = 0; i < width; i++) {
    const __m512 a = _mm512_maskz_loadu_ps(row->lanes, table + main_at[i]);
    const __m512 sum = residual ? _mm512_add_ps(a, _mm512_maskz_loadu_ps(row->lanes, rest_table + rest_at[i])) : a;
    _mm512_mask_storeu_ps(panel + i * CK_PANEL + row->target, row->lanes, sum);
  }
}

AVX512_INLINE void fill_panel(
  int floats, int residual, const ck_vq_matrix *m, size_t first, const panel_row *rows, size_t count, size_t c0,
  size_t c1, float *panel) {
  const size_t length = m->vector_length;
  const char *table = (const char *)m->table;
  const char *rest_table = residual ? (const char *)m->residual_table : table;
  uint32_t main_at[CK_PANEL][PANEL_BLOCK], rest_at[CK_PANEL][PANEL_BLOCK];
  // At most the first row and some last ones are not whole.
  size_t begin = 0, end = count;
  while (begin < count && !rows[begin].whole) begin++;
  while (end > begin && !rows[end - 1].whole) end--;
  for (size_t c = c0, width; c < c1; c += width, panel += width * CK_PANEL) {
    width = c1 - c < PANEL_BLOCK ? c1 - c : PANEL_BLOCK;
    for (size_t r = 0; r < count; r++) unpack_offsets(residual, m, first + r, c, width, main_at[r], rest_at[r]);
    for (size_t r = 0; r < begin; r++) fill_part(residual, m, rows + r, main_at[r], rest_at[r], width, panel);
    for (size_t i = 0; begin < end && i < width; i++) {
      float *target = panel + i * CK_PANEL + rows[begin].target;
      for (size_t r = begin; r < end; r++, target += length) {
        const float *main = (const float *)(table + main_at[r][i]);
        const float *rest = residual ? (const float *)(rest_table + rest_at[r][i]) : main;
        copy_vector(floats, residual, main, rest, target);
      }
    }
    for (size_t r = end; r < count; r++) fill_part(residual, m, rows + r, main_at[r], rest_at[r], width, panel);
  }
}

AVX512 static void vq_panel(
  const ck_vq_matrix *m, size_t first, size_t last, size_t skip, size_t rows, size_t c0, size_t c1, float *panel) {
  const size_t length = m->vector_length, stride = m->table_stride;
  if (stride > 16 || !has_short_offsets(m)) {
    ck_portable_table.vq_panel(m, first, last, skip, rows, c0, c1, panel);
    return;
  }
  if (rows < CK_PANEL || (last - first) * length < rows + skip) {
    memset(panel, 0, (c1 - c0) * CK_PANEL * sizeof(float));
  }
  // Vector row n holds the panel's outputs [begin - skip, begin - skip + length); those in [0, rows) are wanted.
  panel_row wanted[CK_PANEL];
  size_t count = 0;
  first += skip / length;
  skip %= length;
  for (size_t n = first; n < last && (n - first) * length < rows + skip; n++, count++) {
    const size_t begin = (n - first) * length;
    const size_t low = begin < skip ? skip - begin : 0;
    const size_t high = rows + skip - begin < length ? rows + skip - begin : length;
    const size_t target = begin + low - skip;
    wanted[count] = (panel_row){
      .entry = low,
      .target = target,
      .lanes = first_lanes(high - low),
      .whole = low == 0 && high == length && target + stride <= CK_PANEL,
    };
  }
  switch (stride * 2 + (m->residual_table != NULL)) {
    case 8: fill_panel(4, 0, m, first, wanted, count, c0, c1, panel); break;
    case 9: fill_panel(4, 1, m, first, wanted, count, c0, c1, panel); break;
    case 16: fill_panel(8, 0, m, first, wanted, count, c0, c1, panel); break;
    case 17: fill_panel(8, 1, m, first, wanted, count, c0, c1, panel); break;
    case 24: fill_panel(12, 0, m, first, wanted, count, c0, c1, panel); break;
    case 25: fill_panel(12, 1, m, first, wanted, count, c0, c1, panel); break;
    case 32: fill_panel(16, 0, m, first, wanted, count, c0, c1, panel); break;
    default: fill_panel(16, 1, m, first, wanted, count, c0, c1, panel); break;
  }
}

// Transformer pieces

AVX512 static void rms_norm(const float *x, const float *weight, float eps, size_t n, float *y) {
  __m512d low = _mm512_setzero_pd(), high = _mm512_setzero_pd();
  for (size_t i = 0; i < n; i += 16) {
    const __m512 v = _mm512_maskz_loadu_ps(first_lanes(n - i), x + i);
    low = _mm512_fmadd_pd(low_double(v), low_double(v), low);
    high = _mm512_fmadd_pd(high_double(v), high_double(v), high);
  }
  const double sum = _mm512_reduce_add_pd(_mm512_add_pd(low, high));
  const __m512 factor = _mm512_set1_ps((float)(1 / sqrt(sum / (double)n + (double)eps)));
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    const __m512 scaled = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + i), factor);
    _mm512_mask_storeu_ps(y + i, lanes, _mm512_mul_ps(scaled, _mm512_maskz_loadu_ps(lanes, weight + i)));
  }
}

AVX512 static void rotary(
  float *x, size_t heads, size_t head_dim, size_t half, const float *cosine, const float *sine) {
  for (size_t h = 0; h < heads; h++) {
    float *a = x + h * head_dim, *b = a + half;
    for (size_t i = 0; i < half; i += 16) {
      const __mmask16 lanes = first_lanes(half - i);
      const __m512 c = _mm512_maskz_loadu_ps(lanes, cosine + i), s = _mm512_maskz_loadu_ps(lanes, sine + i);
      const __m512 u = _mm512_maskz_loadu_ps(lanes, a + i), v = _mm512_maskz_loadu_ps(lanes, b + i);
      _mm512_mask_storeu_ps(a + i, lanes, _mm512_fmsub_ps(u, c, _mm512_mul_ps(v, s)));
      _mm512_mask_storeu_ps(b + i, lanes, _mm512_fmadd_ps(v, c, _mm512_mul_ps(u, s)));
    }
  }
}

/// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln(2) / 2, exp(r) by a polynomial of degree 7 (Cephes expf).
AVX512_INLINE __m512 exp16(__m512 x) {
  x = _mm512_min_ps(_mm512_set1_ps(89), _mm512_max_ps(_mm512_set1_ps(-104), x));
  const __m512 n = _mm512_roundscale_ps(
    _mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
  __m512 p = _mm512_set1_ps(1.9875691500e-4f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
  p = _mm512_add_ps(_mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r), _mm512_set1_ps(1));
  return _mm512_scalef_ps(p, n);
}

AVX512 static void softmax(float *x, size_t n) {
  const __m512 lowest = _mm512_set1_ps(-INFINITY);
  __m512 maxima = lowest;
  for (size_t i = 0; i < n; i += 16) {
    maxima = _mm512_max_ps(maxima, _mm512_mask_loadu_ps(lowest, first_lanes(n - i), x + i));
  }
  const __m512 origin = _mm512_set1_ps(_mm512_reduce_max_ps(maxima));
  __m512d low = _mm512_setzero_pd(), high = _mm512_setzero_pd();
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    const __m512 e = _mm512_maskz_mov_ps(lanes, exp16(_mm512_sub_ps(_mm512_maskz_loadu_ps(lanes, x + i), origin)));
    _mm512_mask_storeu_ps(x + i, lanes, e);
    low = _mm512_add_pd(low, low_double(e));
    high = _mm512_add_pd(high, high_double(e));
  }
  const __m512 factor = _mm512_set1_ps((float)(1 / _mm512_reduce_add_pd(_mm512_add_pd(low, high))));
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    _mm512_mask_storeu_ps(x + i, lanes, _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + i), factor));
  }
}

AVX512_INLINE __m512 silu16(__m512 g) {
  const __m512 negated = _mm512_xor_ps(g, _mm512_set1_ps(-0.0f));
  return _mm512_div_ps(g, _mm512_add_ps(_mm512_set1_ps(1), exp16(negated)));
}

/// g / (1 + exp(-2 sqrt(2 / pi) (g + 0.044715 g^3))).
AVX512_INLINE __m512 gelu16(__m512 g) {
  const __m512 cubic = _mm512_fmadd_ps(
    _mm512_mul_ps(g, g), _mm512_set1_ps(-2 * 0.797884561f * 0.044715f), _mm512_set1_ps(-2 * 0.797884561f));
  return _mm512_div_ps(g, _mm512_add_ps(_mm512_set1_ps(1), exp16(_mm512_mul_ps(g, cubic))));
}

/// y = activation(gate) * up.
AVX512_INLINE void multiply_gated(
  __m512 (*activation)(__m512), const float *gate, const float *up, float *y, size_t n) {
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    const __m512 activated = activation(_mm512_maskz_loadu_ps(lanes, gate + i));
    _mm512_mask_storeu_ps(y + i, lanes, _mm512_mul_ps(activated, _mm512_maskz_loadu_ps(lanes, up + i)));
  }
}

AVX512 static void silu_multiply(const float *gate, const float *up, float *y, size_t n) {
  multiply_gated(silu16, gate, up, y, n);
}

AVX512 static void gelu_multiply(const float *gate, const float *up, float *y, size_t n) {
  multiply_gated(gelu16, gate, up, y, n);
}

/// cap * tanh(x / cap) = cap - 2 cap / (1 + exp(2 x / cap)).
AVX512 static void soft_cap(float *x, size_t n, float cap) {
  const __m512 caps = _mm512_set1_ps(cap), slope = _mm512_set1_ps(2 / cap);
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = first_lanes(n - i);
    const __m512 e = exp16(_mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + i), slope));
    const __m512 rest = _mm512_div_ps(_mm512_add_ps(caps, caps), _mm512_add_ps(_mm512_set1_ps(1), e));
    _mm512_mask_storeu_ps(x + i, lanes, _mm512_sub_ps(caps, rest));
  }
}

/// Scores of `queries` (1...4) queries with `rows` (1 or 4) keys: one chain for each, so that no sum depends on the others.
AVX512_INLINE void score_rows(
  int queries, int rows, const float *q, const void *k, ck_storage storage, size_t k_stride, size_t head_dim,
  float scale, float *scores, size_t scores_stride) {
  __m512 sums[4][4];
  for (int i = 0; i < queries; i++) {
    for (int r = 0; r < rows; r++) sums[i][r] = _mm512_setzero_ps();
  }
  for (size_t d = 0; d < head_dim; d += 16) {
    const __mmask16 lanes = first_lanes(head_dim - d);
    __m512 query[4];
    for (int i = 0; i < queries; i++) query[i] = _mm512_maskz_loadu_ps(lanes, q + (size_t)i * head_dim + d);
    for (int r = 0; r < rows; r++) {
      const __m512 key = load_lanes(lanes, k, storage, (size_t)r * k_stride + d);
      for (int i = 0; i < queries; i++) sums[i][r] = _mm512_fmadd_ps(key, query[i], sums[i][r]);
    }
  }
  for (int i = 0; i < queries; i++) {
    float *target = scores + (size_t)i * scores_stride;
    if (rows == 4) {
      const __m128 dots = sum_lanes4(sums[i][0], sums[i][1], sums[i][2], sums[i][3]);
      _mm_storeu_ps(target, _mm_mul_ps(_mm_set1_ps(scale), dots));
    } else {
      *target = scale * _mm_cvtss_f32(sum_lanes4(sums[i][0], sums[i][0], sums[i][0], sums[i][0]));
    }
  }
}

/// 16 * vectors outputs of `queries` (1...4) mixtures, the last 16 of them masked: one chain for each.
AVX512_INLINE void mix_columns(
  int queries, int vectors, __mmask16 lanes, const float *weights, size_t weights_stride, const void *v,
  ck_storage storage, size_t v_stride, size_t positions, float *y, size_t y_stride) {
  __m512 sums[4][4];
  for (int i = 0; i < queries; i++) {
    for (int j = 0; j < vectors; j++) sums[i][j] = _mm512_setzero_ps();
  }
  for (size_t p = 0; p < positions; p++) {
    ck_prefetch_position(v, storage, v_stride, p, positions, 16 * (size_t)vectors);
    __m512 factors[4];
    for (int i = 0; i < queries; i++) factors[i] = _mm512_set1_ps(weights[(size_t)i * weights_stride + p]);
    for (int j = 0; j < vectors; j++) {
      const size_t at = p * v_stride + 16 * (size_t)j;
      const __m512 values = load_lanes(j == vectors - 1 ? lanes : 0xFFFF, v, storage, at);
      for (int i = 0; i < queries; i++) sums[i][j] = _mm512_fmadd_ps(factors[i], values, sums[i][j]);
    }
  }
  for (int i = 0; i < queries; i++) {
    for (int j = 0; j < vectors; j++) {
      float *target = y + (size_t)i * y_stride + 16 * j;
      _mm512_mask_storeu_ps(target, j == vectors - 1 ? lanes : 0xFFFF, sums[i][j]);
    }
  }
}

AVX512_INLINE void mix_queries(
  int queries, const float *weights, size_t weights_stride, const void *v, ck_storage storage, size_t v_stride,
  size_t positions, size_t head_dim, float *y) {
  size_t d = 0;
  for (; d + 64 <= head_dim; d += 64) {
    const void *values = ck_element(v, storage, d);
    mix_columns(queries, 4, 0xFFFF, weights, weights_stride, values, storage, v_stride, positions, y + d, head_dim);
  }
  for (; d < head_dim; d += 16) {
    const void *values = ck_element(v, storage, d);
    const __mmask16 lanes = first_lanes(head_dim - d);
    mix_columns(queries, 1, lanes, weights, weights_stride, values, storage, v_stride, positions, y + d, head_dim);
  }
}

#define ATTENTION_KEYS(queries) 4
#define ATTENTION AVX512
#define ATTENTION_INLINE AVX512_INLINE
#include "attention_queries.h"

// Nearest centroids

/// The least of the lanes of `smallest`, and of those that tie the least of their indices.
AVX512_INLINE int32_t least_lane(__m512 smallest, __m512i where, float *value) {
  *value = _mm512_reduce_min_ps(smallest);
  const __mmask16 ties = _mm512_cmp_ps_mask(smallest, _mm512_set1_ps(*value), _CMP_EQ_OQ);
  return _mm512_mask_reduce_min_epi32(ties, where);
}

/// `vectors` (1 or 8) vectors against all blocks. A lane keeps its first least candidate, for later ones must be less.
AVX512_INLINE void nearest_of(
  int vectors, const float *x, size_t dimension, const float *blocked, const float *half_norms, size_t blocks,
  int32_t *indices, float *best) {
  __m512 smallest[8];
  __m512i where[8];
  for (int i = 0; i < vectors; i++) {
    smallest[i] = _mm512_set1_ps(INFINITY);
    where[i] = _mm512_setzero_si512();
  }
  __m512i candidates = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (size_t b = 0; b < blocks; b++) {
    const float *block = blocked + b * dimension * 16;
    __m512 scores[8];
    for (int i = 0; i < vectors; i++) scores[i] = _mm512_loadu_ps(half_norms + b * 16);
    for (size_t j = 0; j < dimension; j++) {
      const __m512 centroids = _mm512_loadu_ps(block + 16 * j);
      for (int i = 0; i < vectors; i++) {
        scores[i] = _mm512_fnmadd_ps(_mm512_set1_ps(x[(size_t)i * dimension + j]), centroids, scores[i]);
      }
    }
    for (int i = 0; i < vectors; i++) {
      const __mmask16 less = _mm512_cmp_ps_mask(scores[i], smallest[i], _CMP_LT_OQ);
      smallest[i] = _mm512_mask_mov_ps(smallest[i], less, scores[i]);
      where[i] = _mm512_mask_mov_epi32(where[i], less, candidates);
    }
    candidates = _mm512_add_epi32(candidates, _mm512_set1_epi32(16));
  }
  for (int i = 0; i < vectors; i++) {
    float value;
    indices[i] = least_lane(smallest[i], where[i], &value);
    if (best) best[i] = value;
  }
}

AVX512 static void nearest_centroid(
  const float *vectors, size_t n, size_t dimension, const float *blocked, const float *half_norms, size_t blocks,
  int32_t *indices, float *best) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    nearest_of(
      8, vectors + i * dimension, dimension, blocked, half_norms, blocks, indices + i, best ? best + i : NULL);
  }
  for (; i < n; i++) {
    nearest_of(
      1, vectors + i * dimension, dimension, blocked, half_norms, blocks, indices + i, best ? best + i : NULL);
  }
}

typedef __m512 search_lanes;

AVX512_INLINE search_lanes search_scores(
  const float *x, size_t dimension, const float *block, const float *half_norms) {
  __m512 scores = _mm512_loadu_ps(half_norms);
  for (size_t j = 0; j < dimension; j++) {
    scores = _mm512_fnmadd_ps(_mm512_set1_ps(x[j]), _mm512_loadu_ps(block + 16 * j), scores);
  }
  return scores;
}

AVX512_INLINE search_lanes search_bounds(const float *x, size_t dimension, const float *boxes) {
  __m512 bounds = _mm512_loadu_ps(boxes);
  for (size_t j = 0; j < dimension; j++) {
    const __m512 value = _mm512_set1_ps(x[j]);
    const __m512 lower = _mm512_loadu_ps(boxes + 16 + 32 * j), upper = _mm512_loadu_ps(boxes + 32 + 32 * j);
    const __m512 distance = _mm512_sub_ps(value, _mm512_min_ps(_mm512_max_ps(value, lower), upper));
    bounds = _mm512_fmadd_ps(distance, distance, bounds);
  }
  return bounds;
}

AVX512_INLINE uint32_t search_up_to(search_lanes lanes, float limit) {
  return _mm512_cmp_ps_mask(lanes, _mm512_set1_ps(limit), _CMP_NGT_UQ);
}

AVX512_INLINE void search_store(search_lanes lanes, float *values) { _mm512_storeu_ps(values, lanes); }

#define SEARCH_TARGET AVX512
#include "centroid_search.h"

// Second moments

#define SECOND_MOMENT_TARGET AVX512
#define SECOND_MOMENT_ROWS 8
#define SECOND_MOMENT_COLUMNS 24

/// 24 accumulators: 3 of 8 columns for each of 8 rows.
AVX512_INLINE void second_moment_tile(
  const double *rows, const double *columns, size_t tokens, double *h, size_t h_stride) {
  __m512d sums[8][3];
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i++) {
    for (int j = 0; j < 3; j++) sums[i][j] = _mm512_loadu_pd(h + (size_t)i * h_stride + 8 * j);
  }
  for (size_t t = 0; t < tokens; t++, rows += 8, columns += 24) {
    const __m512d c0 = _mm512_load_pd(columns), c1 = _mm512_load_pd(columns + 8), c2 = _mm512_load_pd(columns + 16);
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++) {
      const __m512d factor = _mm512_set1_pd(rows[i]);
      sums[i][0] = _mm512_fmadd_pd(factor, c0, sums[i][0]);
      sums[i][1] = _mm512_fmadd_pd(factor, c1, sums[i][1]);
      sums[i][2] = _mm512_fmadd_pd(factor, c2, sums[i][2]);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i++) {
    for (int j = 0; j < 3; j++) _mm512_storeu_pd(h + (size_t)i * h_stride + 8 * j, sums[i][j]);
  }
}

#include "second_moment_tiles.h"

#define GRADIENT_TARGET AVX512
#include "gradient_loops.h"

static const ck_kernels table = {
  .isa = CK_AVX512,
  .name = "avx512",
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
  .gather = gather,
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

const ck_kernels *ck_avx512_table(void) { return &table; }

#else

const ck_kernels *ck_avx512_table(void) { return NULL; }

#endif
