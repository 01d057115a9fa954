// NEON overrides for 64-bit ARM. Everything used here belongs to the base architecture (ARMv8.0-A), so every such
// machine can run this table.

#include "tables.h"

#if defined(__aarch64__)

#include "arm_neon_integers.h"
#include "arm_neon_table.h"

#include <float.h>
#include <math.h>

#define INLINE static inline __attribute__((always_inline))

// Loads

/// Four stored numbers from element `k` on, as float32.
INLINE float32x4_t load4(const void *w, ck_storage storage, size_t k) {
  if (storage == CK_F32) return vld1q_f32((const float *)w + k);
  if (storage == CK_I8) {
    uint32_t four;
    memcpy(&four, (const int8_t *)w + k, sizeof four);
    const int16x8_t wide = vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(four)));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
  }
  const uint16x4_t halves = vld1_u16((const uint16_t *)w + k);
  if (storage == CK_F16) return vcvt_f32_f16(vreinterpret_f16_u16(halves));
  return vreinterpretq_f32_u32(vshll_n_u16(halves, 16));
}

/// The `n` (1...3) stored numbers from element `k` on, followed by zeros.
INLINE float32x4_t load_tail(const void *w, ck_storage storage, size_t k, size_t n) {
  if (storage == CK_F32) {
    float values[4] = {0};
    memcpy(values, (const float *)w + k, n * sizeof(float));
    return vld1q_f32(values);
  }
  uint16_t numbers[4] = {0};
  memcpy(numbers, ck_element(w, storage, k), n * ck_storage_size(storage));
  return load4(numbers, storage, 0);
}

INLINE void store_tail(float *y, float32x4_t values, size_t n) {
  float lanes[4];
  vst1q_f32(lanes, values);
  memcpy(y, lanes, n * sizeof(float));
}

INLINE float64x2_t low_double(float32x4_t a) { return vcvt_f64_f32(vget_low_f32(a)); }
INLINE float64x2_t high_double(float32x4_t a) { return vcvt_high_f64_f32(a); }

// Conversions

INLINE void to_f32(const uint16_t *source, ck_storage storage, float *target, size_t n) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) vst1q_f32(target + i, load4(source, storage, i));
  if (i < n) store_tail(target + i, load_tail(source, storage, i, n - i), n - i);
}

static void f16_to_f32(const uint16_t *source, float *target, size_t n) { to_f32(source, CK_F16, target, n); }

static void bf16_to_f32(const uint16_t *source, float *target, size_t n) { to_f32(source, CK_BF16, target, n); }

/// Rounds to nearest even by adding half a unit (less one where the kept part is even); NaN keeps its upper bits and becomes quiet.
INLINE uint16x4_t bf16_bits(float32x4_t values) {
  const uint32x4_t bits = vreinterpretq_u32_f32(values);
  const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  const uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7FFF)));
  const uint32x4_t number = vceqq_f32(values, values);
  const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
  return vshrn_n_u32(vbslq_u32(number, rounded, quiet), 16);
}

INLINE uint16x4_t stored_bits(float32x4_t values, ck_storage storage) {
  return storage == CK_F16 ? vreinterpret_u16_f16(vcvt_f16_f32(values)) : bf16_bits(values);
}

INLINE void from_f32(const float *source, ck_storage storage, uint16_t *target, size_t n) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) vst1_u16(target + i, stored_bits(vld1q_f32(source + i), storage));
  if (i < n) {
    uint16_t halves[4];
    vst1_u16(halves, stored_bits(load_tail(source, CK_F32, i, n - i), storage));
    memcpy(target + i, halves, (n - i) * sizeof(uint16_t));
  }
}

static void f32_to_f16(const float *source, uint16_t *target, size_t n) { from_f32(source, CK_F16, target, n); }

static void f32_to_bf16(const float *source, uint16_t *target, size_t n) { from_f32(source, CK_BF16, target, n); }

// Dense products

/// Dot products of `rows` (1 or 4) rows with `x`. A row's sum is the same alone and in a group: four accumulators
/// take the groups of four columns in turn.
INLINE void row_dots(
  int rows, const void *w, ck_storage storage, size_t stride, size_t columns, const float *x, float scale, float *y) {
  float32x4_t sums[4][4];
  for (int r = 0; r < rows; r++) {
    for (int j = 0; j < 4; j++) sums[r][j] = vdupq_n_f32(0);
  }
  size_t k = 0;
  for (; k + 16 <= columns; k += 16) {
    for (int j = 0; j < 4; j++) {
      const float32x4_t factor = vld1q_f32(x + k + 4 * j);
      for (int r = 0; r < rows; r++) {
        sums[r][j] = vfmaq_f32(sums[r][j], load4(w, storage, r * stride + k + 4 * j), factor);
      }
    }
  }
  for (; k + 4 <= columns; k += 4) {
    const float32x4_t factor = vld1q_f32(x + k);
    for (int r = 0; r < rows; r++) sums[r][0] = vfmaq_f32(sums[r][0], load4(w, storage, r * stride + k), factor);
  }
  if (k < columns) {
    const float32x4_t factor = load_tail(x, CK_F32, k, columns - k);
    for (int r = 0; r < rows; r++) {
      sums[r][1] = vfmaq_f32(sums[r][1], load_tail(w, storage, r * stride + k, columns - k), factor);
    }
  }
  for (int r = 0; r < rows; r++) {
    y[r] = scale * vaddvq_f32(vaddq_f32(vaddq_f32(sums[r][0], sums[r][1]), vaddq_f32(sums[r][2], sums[r][3])));
  }
}

INLINE void scaled_row_dots(
  const void *w, ck_storage storage, size_t stride, size_t rows, size_t columns, const float *x, float scale, float *y) {
  const size_t row_bytes = stride * ck_storage_size(storage);
  const char *bytes = w;
  size_t r = 0;
  for (; r + 4 <= rows; r += 4) row_dots(4, bytes + r * row_bytes, storage, stride, columns, x, scale, y + r);
  for (; r < rows; r++) row_dots(1, bytes + r * row_bytes, storage, stride, columns, x, scale, y + r);
}

static void gemv(const void *w, ck_storage storage, size_t rows, size_t columns, const float *x, float *y) {
  switch (storage) {
    case CK_F32: scaled_row_dots(w, CK_F32, columns, rows, columns, x, 1, y); break;
    case CK_F16: scaled_row_dots(w, CK_F16, columns, rows, columns, x, 1, y); break;
    case CK_BF16: scaled_row_dots(w, CK_BF16, columns, rows, columns, x, 1, y); break;
    case CK_I8: break;
  }
}

static float dot(const float *a, const float *b, size_t n) {
  float sum;
  row_dots(1, a, CK_F32, n, n, b, 1, &sum);
  return sum;
}

static void axpy(float a, const float *x, float *y, size_t n) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) vst1q_f32(y + i, vfmaq_n_f32(vld1q_f32(y + i), vld1q_f32(x + i), a));
  for (; i < n; i++) y[i] = fmaf(a, x[i], y[i]);
}

/// Transposes four vectors and stores them CK_PANEL floats apart.
INLINE void store_transposed(float_square rows, float *panel) {
  rows = transposed(rows);
  for (int i = 0; i < 4; i++) vst1q_f32(panel + i * CK_PANEL, rows.of[i]);
}

INLINE void pack_rows(
  const void *w, ck_storage storage, size_t stride, size_t rows, size_t columns, float *panel) {
  for (size_t r0 = 0; r0 < CK_PANEL; r0 += 4) {
    const size_t present = rows <= r0 ? 0 : (rows - r0 < 4 ? rows - r0 : 4);
    for (size_t k = 0; k < columns; k += 4) {
      const size_t width = columns - k < 4 ? columns - k : 4;
      float_square row;
      for (size_t r = 0; r < 4; r++) {
        const size_t at = (r0 + r) * stride + k;
        row.of[r] = r >= present ? vdupq_n_f32(0)
          : width == 4 ? load4(w, storage, at) : load_tail(w, storage, at, width);
      }
      if (width == 4) {
        store_transposed(row, panel + k * CK_PANEL + r0);
      } else {
        float block[4 * CK_PANEL];
        store_transposed(row, block);
        for (size_t i = 0; i < width; i++) {
          memcpy(panel + (k + i) * CK_PANEL + r0, block + i * CK_PANEL, 4 * sizeof(float));
        }
      }
    }
  }
}

static void pack_panel(
  const void *w, ck_storage storage, size_t stride, size_t rows, size_t columns, float *panel) {
  switch (storage) {
    case CK_F32: pack_rows(w, CK_F32, stride, rows, columns, panel); break;
    case CK_F16: pack_rows(w, CK_F16, stride, rows, columns, panel); break;
    case CK_BF16: pack_rows(w, CK_BF16, stride, rows, columns, panel); break;
    case CK_I8: pack_rows(w, CK_I8, stride, rows, columns, panel); break;
  }
}

/// Tokens and outputs of one register tile: 24 accumulators of four.
enum { TILE_TOKENS = 6, TILE_OUTPUTS = 16 };

/// y (+)= x * panel for `tokens` (1...6) tokens and 16 outputs.
INLINE void gemm_tile(
  int tokens, const float *x, size_t x_stride, const float *panel, size_t columns, float *y, size_t y_stride,
  int accumulate) {
  float32x4_t sums[TILE_TOKENS][4];
  for (int t = 0; t < tokens; t++) {
    for (int j = 0; j < 4; j++) sums[t][j] = accumulate ? vld1q_f32(y + t * y_stride + 4 * j) : vdupq_n_f32(0);
  }
  for (size_t k = 0; k < columns; k++) {
    float32x4_t weights[4];
    for (int j = 0; j < 4; j++) weights[j] = vld1q_f32(panel + k * CK_PANEL + 4 * j);
    for (int t = 0; t < tokens; t++) {
      for (int j = 0; j < 4; j++) sums[t][j] = vfmaq_n_f32(sums[t][j], weights[j], x[t * x_stride + k]);
    }
  }
  for (int t = 0; t < tokens; t++) {
    for (int j = 0; j < 4; j++) vst1q_f32(y + t * y_stride + 4 * j, sums[t][j]);
  }
}

INLINE void gemm_tokens(
  int tokens, const float *x, size_t x_stride, const float *panel, size_t columns, float *y, size_t y_stride,
  size_t rows, int accumulate) {
  for (size_t r = 0; r < rows; r += TILE_OUTPUTS) {
    const size_t present = rows - r < TILE_OUTPUTS ? rows - r : TILE_OUTPUTS;
    if (present == TILE_OUTPUTS) {
      gemm_tile(tokens, x, x_stride, panel + r, columns, y + r, y_stride, accumulate);
      continue;
    }
    float tile[TILE_TOKENS * TILE_OUTPUTS] = {0};
    for (int t = 0; accumulate && t < tokens; t++) {
      memcpy(tile + t * TILE_OUTPUTS, y + t * y_stride + r, present * sizeof(float));
    }
    gemm_tile(tokens, x, x_stride, panel + r, columns, tile, TILE_OUTPUTS, accumulate);
    for (int t = 0; t < tokens; t++) {
      memcpy(y + t * y_stride + r, tile + t * TILE_OUTPUTS, present * sizeof(float));
    }
  }
}

/// Columns of a panel that stay in the first-level cache (32 KiB) while all tokens pass over them.
enum { GEMM_COLUMNS = 256 };

static void gemm_panel(
  const float *x, size_t x_stride, size_t tokens, const float *panel, size_t columns,
  float *y, size_t y_stride, size_t rows, int accumulate) {
  size_t k = 0;
  do {
    const size_t width = columns - k < GEMM_COLUMNS ? columns - k : GEMM_COLUMNS;
    const float *block = panel + k * CK_PANEL;
    size_t t = 0;
    for (; t + 6 <= tokens; t += 6) {
      gemm_tokens(6, x + t * x_stride + k, x_stride, block, width, y + t * y_stride, y_stride, rows, accumulate);
    }
    for (; t + 3 <= tokens; t += 3) {
      gemm_tokens(3, x + t * x_stride + k, x_stride, block, width, y + t * y_stride, y_stride, rows, accumulate);
    }
    for (; t < tokens; t++) {
      gemm_tokens(1, x + t * x_stride + k, x_stride, block, width, y + t * y_stride, y_stride, rows, accumulate);
    }
    accumulate = 1;
    k += width;
  } while (k < columns);
}

// Vector-quantized products

INLINE uint32_t code_mask(uint32_t bits) { return bits >= 32 ? UINT32_MAX : (1u << bits) - 1; }

/// Eight codes take `code_bits` bytes, so every group of eight starts at the same bit of a byte: one table look-up
/// brings four codes' four-byte windows to their lanes. A window holds codes of up to 25 bits;
/// wider ones are read one at a time.
static void unpack_codes(
  const uint8_t *codes, size_t first_bit, uint32_t code_bits, size_t count, uint32_t *target) {
  const uint8_t *bytes = codes + first_bit / 8;
  const uint32_t start = first_bit % 8;
  const uint32_t mask = code_mask(code_bits);
  size_t i = 0;
  if (code_bits <= 25) {
    const uint32_t upper = (start + 4 * code_bits) / 8;
    uint8_t window[32];
    int32_t shift[8];
    for (uint32_t lane = 0; lane < 8; lane++) {
      const uint32_t bit = start + lane * code_bits;
      for (uint32_t b = 0; b < 4; b++) window[4 * lane + b] = (uint8_t)(bit / 8 - (lane < 4 ? 0 : upper) + b);
      shift[lane] = -(int32_t)(bit % 8);
    }
    const uint8x16_t low_windows = vld1q_u8(window), high_windows = vld1q_u8(window + 16);
    const int32x4_t low_shifts = vld1q_s32(shift), high_shifts = vld1q_s32(shift + 4);
    const uint32x4_t masks = vdupq_n_u32(mask);
    for (; i + 8 <= count; i += 8, bytes += code_bits) {
      const uint32x4_t low = vreinterpretq_u32_u8(vqtbl1q_u8(vld1q_u8(bytes), low_windows));
      const uint32x4_t high = vreinterpretq_u32_u8(vqtbl1q_u8(vld1q_u8(bytes + upper), high_windows));
      vst1q_u32(target + i, vandq_u32(vshlq_u32(low, low_shifts), masks));
      vst1q_u32(target + i + 4, vandq_u32(vshlq_u32(high, high_shifts), masks));
    }
  } else if (code_bits == 32 && start == 0) {
    memcpy(target, bytes, count * sizeof(uint32_t));
    return;
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

/// `rows` (1 or 4) vector rows from `first` on; outputs [offset, offset + 4 * parts) of each vector. Narrow vectors
/// keep even and odd columns apart, so that at least eight chains of additions run at once.
INLINE void vq_rows(
  int rows, int parts, int residual, const ck_vq_matrix *m, size_t first, size_t offset, const float *x, float *y) {
  const int chains = parts <= 2 ? 2 : 1;
  const size_t stride = m->table_stride;
  const uint32_t main_bits = m->main_bits, main_mask = code_mask(main_bits);
  const float *table = m->table + offset;
  const float *residual_table = residual ? m->residual_table + offset : NULL;
  uint32_t codes[4][CODE_BLOCK];
  float32x4_t sums[4][2][4];
  for (int r = 0; r < rows; r++) {
    for (int i = 0; i < chains; i++) {
      for (int p = 0; p < parts; p++) sums[r][i][p] = vdupq_n_f32(0);
    }
  }
  for (size_t c0 = 0; c0 < m->columns; c0 += CODE_BLOCK) {
    const size_t width = m->columns - c0 < CODE_BLOCK ? m->columns - c0 : CODE_BLOCK;
    for (int r = 0; r < rows; r++) {
      unpack_codes(m->codes + (first + r) * m->row_stride, c0 * m->code_bits, m->code_bits, width, codes[r]);
    }
    for (size_t c = 0; c < width; c += chains) {
      for (int i = 0; i < chains; i++) {
        if (i == 1 && c + 1 == width) break;
        const float factor = x[c0 + c + i];
        for (int r = 0; r < rows; r++) {
          const uint32_t code = codes[r][c + i];
          const float *main = table + (size_t)(residual ? code & main_mask : code) * stride;
          const float *rest = residual ? residual_table + (size_t)(code >> main_bits) * stride : main;
          for (int p = 0; p < parts; p++) {
            float32x4_t centroid = vld1q_f32(main + 4 * p);
            if (residual) centroid = vaddq_f32(centroid, vld1q_f32(rest + 4 * p));
            sums[r][i][p] = vfmaq_n_f32(sums[r][i][p], centroid, factor);
          }
        }
      }
    }
  }
  const size_t left = m->vector_length - offset;
  for (int r = 0; r < rows; r++) {
    float outputs[16];
    for (int p = 0; p < parts; p++) {
      vst1q_f32(outputs + 4 * p, chains == 2 ? vaddq_f32(sums[r][0][p], sums[r][1][p]) : sums[r][0][p]);
    }
    float *target = y + r * m->vector_length + offset;
    for (size_t e = 0; e < left && e < (size_t)(4 * parts); e++) target[e] += outputs[e];
  }
}

INLINE void vq_range(
  int parts, int residual, const ck_vq_matrix *m, size_t first, size_t last, size_t offset, const float *x, float *y) {
  size_t n = first;
  for (; n + 4 <= last; n += 4) {
    vq_rows(4, parts, residual, m, n, offset, x, y + (n - first) * m->vector_length);
  }
  for (; n < last; n++) vq_rows(1, parts, residual, m, n, offset, x, y + (n - first) * m->vector_length);
}

static void vq_gemv(const ck_vq_matrix *m, size_t first, size_t last, const float *x, float *y) {
  for (size_t offset = 0; offset < m->table_stride; offset += 16) {
    const size_t floats = m->table_stride - offset;
    if (m->residual_table) {
      if (floats == 4) vq_range(1, 1, m, first, last, offset, x, y);
      else if (floats == 8) vq_range(2, 1, m, first, last, offset, x, y);
      else if (floats == 12) vq_range(3, 1, m, first, last, offset, x, y);
      else vq_range(4, 1, m, first, last, offset, x, y);
    } else {
      if (floats == 4) vq_range(1, 0, m, first, last, offset, x, y);
      else if (floats == 8) vq_range(2, 0, m, first, last, offset, x, y);
      else if (floats == 12) vq_range(3, 0, m, first, last, offset, x, y);
      else vq_range(4, 0, m, first, last, offset, x, y);
    }
  }
}

/// Entries [low, high) of what each code stands for, CK_PANEL floats apart.
INLINE void scatter_centroids(
  int residual, const ck_vq_matrix *m, const uint32_t *codes, size_t count, size_t low, size_t high, float *panel) {
  const size_t stride = m->table_stride;
  const uint32_t main_bits = m->main_bits, main_mask = code_mask(main_bits);
  for (size_t c = 0; c < count; c++, panel += CK_PANEL) {
    const float *main = m->table + (size_t)(residual ? codes[c] & main_mask : codes[c]) * stride;
    const float *rest = residual ? m->residual_table + (size_t)(codes[c] >> main_bits) * stride : main;
    size_t e = low;
    for (; e + 4 <= high; e += 4) {
      const float32x4_t value = vld1q_f32(main + e);
      vst1q_f32(panel + e - low, residual ? vaddq_f32(value, vld1q_f32(rest + e)) : value);
    }
    for (; e < high; e++) panel[e - low] = residual ? main[e] + rest[e] : main[e];
  }
}

/// The partly wanted vector row `n` of a panel: entries [low, high) of each vector, written from `panel` on.
INLINE void scatter_row(
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
INLINE void scatter_rows(
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
        const float *main = m->table + (size_t)(residual ? code & main_mask : code) * stride;
        const float *rest = residual ? m->residual_table + (size_t)(code >> main_bits) * stride : main;
        for (int e = 0; e < floats; e += 4) {
          const float32x4_t value = vld1q_f32(main + e);
          vst1q_f32(target + e, residual ? vaddq_f32(value, vld1q_f32(rest + e)) : value);
        }
      }
    }
  }
}

static void vq_panel(
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

static void rms_norm(const float *x, const float *weight, float eps, size_t n, float *y) {
  float64x2_t low = vdupq_n_f64(0), high = vdupq_n_f64(0);
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const float32x4_t v = vld1q_f32(x + i);
    low = vfmaq_f64(low, low_double(v), low_double(v));
    high = vfmaq_f64(high, high_double(v), high_double(v));
  }
  double sum = vaddvq_f64(vaddq_f64(low, high));
  for (; i < n; i++) sum += (double)x[i] * x[i];
  const float scale = (float)(1 / sqrt(sum / (double)n + eps));
  for (i = 0; i + 4 <= n; i += 4) {
    vst1q_f32(y + i, vmulq_f32(vmulq_n_f32(vld1q_f32(x + i), scale), vld1q_f32(weight + i)));
  }
  for (; i < n; i++) y[i] = x[i] * scale * weight[i];
}

static void rotary(float *x, size_t heads, size_t head_dim, size_t half, const float *cosine, const float *sine) {
  for (size_t h = 0; h < heads; h++) {
    float *a = x + h * head_dim, *b = a + half;
    size_t i = 0;
    for (; i + 4 <= half; i += 4) {
      const float32x4_t c = vld1q_f32(cosine + i), s = vld1q_f32(sine + i);
      const float32x4_t u = vld1q_f32(a + i), v = vld1q_f32(b + i);
      vst1q_f32(a + i, vfmsq_f32(vmulq_f32(u, c), v, s));
      vst1q_f32(b + i, vfmaq_f32(vmulq_f32(v, c), u, s));
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
INLINE float32x4_t exp4(float32x4_t x) {
  x = vminq_f32(vdupq_n_f32(89), vmaxq_f32(vdupq_n_f32(-104), x));
  const float32x4_t n = vrndnq_f32(vmulq_n_f32(x, 1.44269504f));
  float32x4_t r = vfmsq_f32(x, n, vdupq_n_f32(0.693359375f));
  r = vfmsq_f32(r, n, vdupq_n_f32(-2.12194440e-4f));
  float32x4_t p = vdupq_n_f32(1.9875691500e-4f);
  p = vfmaq_f32(vdupq_n_f32(1.3981999507e-3f), p, r);
  p = vfmaq_f32(vdupq_n_f32(8.3334519073e-3f), p, r);
  p = vfmaq_f32(vdupq_n_f32(4.1665795894e-2f), p, r);
  p = vfmaq_f32(vdupq_n_f32(1.6666665459e-1f), p, r);
  p = vfmaq_f32(vdupq_n_f32(5.0000001201e-1f), p, r);
  p = vaddq_f32(vfmaq_f32(r, p, vmulq_f32(r, r)), vdupq_n_f32(1));
  const int32x4_t exponent = vcvtnq_s32_f32(n), half = vshrq_n_s32(exponent, 1);
  const int32x4_t bias = vdupq_n_s32(127);
  const int32x4_t first = vshlq_n_s32(vaddq_s32(half, bias), 23);
  const int32x4_t second = vshlq_n_s32(vaddq_s32(vsubq_s32(exponent, half), bias), 23);
  return vmulq_f32(vmulq_f32(p, vreinterpretq_f32_s32(first)), vreinterpretq_f32_s32(second));
}

static void softmax(float *x, size_t n) {
  const size_t whole = n / 4 * 4;
  float32x4_t maxima = vdupq_n_f32(x[0]);
  for (size_t i = 0; i < whole; i += 4) maxima = vmaxq_f32(maxima, vld1q_f32(x + i));
  float largest = vmaxvq_f32(maxima);
  for (size_t i = whole; i < n; i++) largest = x[i] > largest ? x[i] : largest;

  const float32x4_t origin = vdupq_n_f32(largest);
  float64x2_t low = vdupq_n_f64(0), high = vdupq_n_f64(0);
  for (size_t i = 0; i < whole; i += 4) {
    const float32x4_t e = exp4(vsubq_f32(vld1q_f32(x + i), origin));
    vst1q_f32(x + i, e);
    low = vaddq_f64(low, low_double(e));
    high = vaddq_f64(high, high_double(e));
  }
  double sum = vaddvq_f64(vaddq_f64(low, high));
  if (whole < n) {
    store_tail(x + whole, exp4(vsubq_f32(load_tail(x, CK_F32, whole, n - whole), origin)), n - whole);
  }
  for (size_t i = whole; i < n; i++) sum += x[i];
  const float scale = (float)(1 / sum);
  for (size_t i = 0; i < whole; i += 4) vst1q_f32(x + i, vmulq_n_f32(vld1q_f32(x + i), scale));
  for (size_t i = whole; i < n; i++) x[i] *= scale;
}

INLINE float32x4_t silu4(float32x4_t gate) {
  return vdivq_f32(gate, vaddq_f32(vdupq_n_f32(1), exp4(vnegq_f32(gate))));
}

/// g / (1 + exp(-2 sqrt(2 / pi) (g + 0.044715 g^3))).
INLINE float32x4_t gelu4(float32x4_t g) {
  const float32x4_t cubic = vfmaq_f32(
    vdupq_n_f32(-2 * 0.797884561f), vmulq_f32(g, g), vdupq_n_f32(-2 * 0.797884561f * 0.044715f));
  return vdivq_f32(g, vaddq_f32(vdupq_n_f32(1), exp4(vmulq_f32(g, cubic))));
}

/// y = activation(gate) * up.
INLINE void multiply_gated(
  float32x4_t (*activation)(float32x4_t), const float *gate, const float *up, float *y, size_t n) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) vst1q_f32(y + i, vmulq_f32(activation(vld1q_f32(gate + i)), vld1q_f32(up + i)));
  if (i < n) {
    const float32x4_t activated = activation(load_tail(gate, CK_F32, i, n - i));
    store_tail(y + i, vmulq_f32(activated, load_tail(up, CK_F32, i, n - i)), n - i);
  }
}

static void silu_multiply(const float *gate, const float *up, float *y, size_t n) {
  multiply_gated(silu4, gate, up, y, n);
}

static void gelu_multiply(const float *gate, const float *up, float *y, size_t n) {
  multiply_gated(gelu4, gate, up, y, n);
}

/// cap * tanh(x / cap) = cap - 2 cap / (1 + exp(2 x / cap)).
INLINE float32x4_t soft_cap4(float32x4_t x, float cap) {
  const float32x4_t e = exp4(vmulq_n_f32(x, 2 / cap));
  return vsubq_f32(vdupq_n_f32(cap), vdivq_f32(vdupq_n_f32(2 * cap), vaddq_f32(vdupq_n_f32(1), e)));
}

static void soft_cap(float *x, size_t n, float cap) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) vst1q_f32(x + i, soft_cap4(vld1q_f32(x + i), cap));
  if (i < n) store_tail(x + i, soft_cap4(load_tail(x, CK_F32, i, n - i), cap), n - i);
}

/// Scores of `queries` (1...4) queries with `rows` (1 or 4) keys: one chain for each, so that no sum depends on the others.
INLINE void score_rows(
  int queries, int rows, const float *q, const void *k, ck_storage storage, size_t k_stride, size_t head_dim,
  float scale, float *scores, size_t scores_stride) {
  float32x4_t sums[4][4];
  for (int i = 0; i < queries; i++) {
    for (int r = 0; r < rows; r++) sums[i][r] = vdupq_n_f32(0);
  }
  for (size_t d = 0; d < head_dim; d += 4) {
    const size_t width = head_dim - d;
    for (int r = 0; r < rows; r++) {
      const size_t at = (size_t)r * k_stride + d;
      const float32x4_t key = width >= 4 ? load4(k, storage, at) : load_tail(k, storage, at, width);
      for (int i = 0; i < queries; i++) {
        const float *query = q + (size_t)i * head_dim;
        const float32x4_t factor = width >= 4 ? vld1q_f32(query + d) : load_tail(query, CK_F32, d, width);
        sums[i][r] = vfmaq_f32(sums[i][r], key, factor);
      }
    }
  }
  for (int i = 0; i < queries; i++) {
    for (int r = 0; r < rows; r++) scores[(size_t)i * scores_stride + (size_t)r] = scale * vaddvq_f32(sums[i][r]);
  }
}

/// 4 * vectors outputs of `queries` (1...4) mixtures, `width` (1...4) of the last 4 there.
INLINE void mix_columns(
  int queries, int vectors, size_t width, const float *weights, size_t weights_stride, const void *v,
  ck_storage storage, size_t v_stride, size_t positions, float *y, size_t y_stride) {
  float32x4_t sums[4][4];
  for (int i = 0; i < queries; i++) {
    for (int j = 0; j < vectors; j++) sums[i][j] = vdupq_n_f32(0);
  }
  for (size_t p = 0; p < positions; p++) {
    ck_prefetch_position(v, storage, v_stride, p, positions, 4 * (size_t)vectors);
    for (int j = 0; j < vectors; j++) {
      const size_t at = p * v_stride + 4 * (size_t)j;
      const float32x4_t values = width == 4 ? load4(v, storage, at) : load_tail(v, storage, at, width);
      for (int i = 0; i < queries; i++) {
        sums[i][j] = vfmaq_n_f32(sums[i][j], values, weights[(size_t)i * weights_stride + p]);
      }
    }
  }
  for (int i = 0; i < queries; i++) {
    for (int j = 0; j < vectors; j++) {
      float *target = y + (size_t)i * y_stride + 4 * j;
      if (width == 4) vst1q_f32(target, sums[i][j]);
      else store_tail(target, sums[i][j], width);
    }
  }
}

INLINE void mix_queries(
  int queries, const float *weights, size_t weights_stride, const void *v, ck_storage storage, size_t v_stride,
  size_t positions, size_t head_dim, float *y) {
  size_t d = 0;
  for (; d + 16 <= head_dim; d += 16) {
    const void *values = ck_element(v, storage, d);
    mix_columns(queries, 4, 4, weights, weights_stride, values, storage, v_stride, positions, y + d, head_dim);
  }
  for (; d < head_dim; d += 4) {
    const void *values = ck_element(v, storage, d);
    const size_t width = head_dim - d < 4 ? head_dim - d : 4;
    mix_columns(queries, 1, width, weights, weights_stride, values, storage, v_stride, positions, y + d, head_dim);
  }
}

#define ATTENTION_KEYS(queries) 4
#define ATTENTION
#define ATTENTION_INLINE INLINE
#include "attention_queries.h"

// Nearest centroids

/// Scores of the 16 centroids of one block for `vectors` (1...4) vectors.
INLINE void block_scores(
  int vectors, const float *x, size_t dimension, const float *block, const float *half_norms,
  float32x4_t scores[4][4]) {
  for (int i = 0; i < vectors; i++) {
    for (int q = 0; q < 4; q++) scores[i][q] = vld1q_f32(half_norms + 4 * q);
  }
  for (size_t j = 0; j < dimension; j++) {
    for (int q = 0; q < 4; q++) {
      const float32x4_t centroids = vld1q_f32(block + 16 * j + 4 * q);
      for (int i = 0; i < vectors; i++) scores[i][q] = vfmsq_n_f32(scores[i][q], centroids, x[i * dimension + j]);
    }
  }
}

INLINE void nearest_of(
  int vectors, const float *x, size_t dimension, const float *blocked, const float *half_norms, size_t blocks,
  int32_t *indices, float *best) {
  static const int32_t first[4] = {0, 1, 2, 3};
  float32x4_t smallest[4];
  int32x4_t where[4];
  for (int i = 0; i < vectors; i++) {
    smallest[i] = vdupq_n_f32(INFINITY);
    where[i] = vdupq_n_s32(0);
  }
  int32x4_t candidates = vld1q_s32(first);
  for (size_t b = 0; b < blocks; b++) {
    float32x4_t scores[4][4];
    block_scores(vectors, x, dimension, blocked + b * dimension * 16, half_norms + b * 16, scores);
    for (int q = 0; q < 4; q++) {
      for (int i = 0; i < vectors; i++) {
        const uint32x4_t less = vcltq_f32(scores[i][q], smallest[i]);
        smallest[i] = vbslq_f32(less, scores[i][q], smallest[i]);
        where[i] = vbslq_s32(less, candidates, where[i]);
      }
      candidates = vaddq_s32(candidates, vdupq_n_s32(4));
    }
  }
  for (int i = 0; i < vectors; i++) {
    float values[4];
    int32_t lanes[4];
    vst1q_f32(values, smallest[i]);
    vst1q_s32(lanes, where[i]);
    int winner = 0;
    for (int lane = 1; lane < 4; lane++) {
      const int tie = values[lane] == values[winner] && lanes[lane] < lanes[winner];
      if (values[lane] < values[winner] || tie) winner = lane;
    }
    indices[i] = lanes[winner];
    if (best) best[i] = values[winner];
  }
}

static void nearest_centroid(
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

typedef struct { float32x4_t quad[4]; } search_lanes;

INLINE search_lanes search_scores(const float *x, size_t dimension, const float *block, const float *half_norms) {
  float32x4_t scores[4][4];
  block_scores(1, x, dimension, block, half_norms, scores);
  return (search_lanes){{scores[0][0], scores[0][1], scores[0][2], scores[0][3]}};
}

INLINE search_lanes search_bounds(const float *x, size_t dimension, const float *boxes) {
  search_lanes bounds;
  for (int q = 0; q < 4; q++) bounds.quad[q] = vld1q_f32(boxes + 4 * q);
  for (size_t j = 0; j < dimension; j++) {
    const float32x4_t value = vdupq_n_f32(x[j]);
    for (int q = 0; q < 4; q++) {
      const float *lower = boxes + 16 + 32 * j + 4 * q;
      const float32x4_t nearest = vminq_f32(vmaxq_f32(value, vld1q_f32(lower)), vld1q_f32(lower + 16));
      const float32x4_t distance = vsubq_f32(value, nearest);
      bounds.quad[q] = vfmaq_f32(bounds.quad[q], distance, distance);
    }
  }
  return bounds;
}

INLINE uint32_t search_up_to(search_lanes lanes, float limit) {
  static const uint32_t bits[4] = {1, 2, 4, 8};
  const float32x4_t most = vdupq_n_f32(limit);
  uint32_t mask = 0;
  for (int q = 0; q < 4; q++) {
    const uint32x4_t above = vcgtq_f32(lanes.quad[q], most);
    mask |= vaddvq_u32(vbicq_u32(vld1q_u32(bits), above)) << 4 * q;
  }
  return mask;
}

INLINE void search_store(search_lanes lanes, float *values) {
  for (int q = 0; q < 4; q++) vst1q_f32(values + 4 * q, lanes.quad[q]);
}

#define SEARCH_TARGET
#include "centroid_search.h"

// Second moments

#define SECOND_MOMENT_TARGET
#define SECOND_MOMENT_ROWS 4
#define SECOND_MOMENT_COLUMNS 12

/// 24 accumulators: 6 of 2 columns for each of 4 rows.
INLINE void second_moment_tile(
  const double *rows, const double *columns, size_t tokens, double *h, size_t h_stride) {
  float64x2_t sums[4][6];
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 6; j++) sums[i][j] = vld1q_f64(h + i * h_stride + 2 * j);
  }
  for (size_t t = 0; t < tokens; t++, rows += 4, columns += 12) {
    const float64x2_t low = vld1q_f64(rows), high = vld1q_f64(rows + 2);
    for (int j = 0; j < 6; j++) {
      const float64x2_t values = vld1q_f64(columns + 2 * j);
      sums[0][j] = vfmaq_laneq_f64(sums[0][j], values, low, 0);
      sums[1][j] = vfmaq_laneq_f64(sums[1][j], values, low, 1);
      sums[2][j] = vfmaq_laneq_f64(sums[2][j], values, high, 0);
      sums[3][j] = vfmaq_laneq_f64(sums[3][j], values, high, 1);
    }
  }
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 6; j++) vst1q_f64(h + i * h_stride + 2 * j, sums[i][j]);
  }
}

#include "second_moment_tiles.h"

#define GRADIENT_TARGET
#include "gradient_loops.h"

static const ck_kernels table = {
  .isa = CK_NEON,
  .name = "neon",
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
  .byte_vector_length = 16,
  .split_activation = ck_neon_split_activation,
  .byte_row = ck_neon_byte_row,
  .gemv_bytes = ck_neon_base_gemv_bytes,
  .vq_planes = ck_neon_base_vq_planes,
  .vq_bytes = ck_neon_vq_bytes,
  .vq_planes_many = ck_neon_base_vq_planes_many,
  .token_lanes = ck_neon_token_lanes,
  .gather_lanes = ck_neon_gather_lanes,
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

const ck_kernels *ck_neon_table(void) { return &table; }

#else

const ck_kernels *ck_neon_table(void) { return NULL; }

#endif
