// Every kernel in plain C: the specification the other files are compared with.

#include "plane_codes.h"
#include "split_unit.h"
#include "tables.h"

#include <float.h>
#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

static float bits_to_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint32_t float_to_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

// Conversions

static float f16_value(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  const uint32_t exponent = (half >> 10) & 31;
  const uint32_t mantissa = half & 0x3FF;
  if (exponent == 31) return bits_to_float(sign | 0x7F800000 | mantissa << 13 | (mantissa ? 0x400000 : 0));
  if (exponent == 0) {
    const float magnitude = (float)mantissa * 0x1p-24f;
    return bits_to_float(sign | float_to_bits(magnitude));
  }
  return bits_to_float(sign | (exponent + 112) << 23 | mantissa << 13);
}

static uint16_t f16_bits(float value) {
  const uint32_t bits = float_to_bits(value);
  const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return (uint16_t)(sign | 0x7E00 | (magnitude >> 13 & 0x3FF));
  if (magnitude >= 0x477FF000) return sign | 0x7C00;
  if (magnitude < 0x38800000) {
    // Adding 0.5 leaves the value as a multiple of 2^-24 in the low bits, rounded to nearest even.
    const float shifted = bits_to_float(magnitude) + 0.5f;
    return (uint16_t)(sign | (float_to_bits(shifted) - float_to_bits(0.5f)));
  }
  const uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1);
  return (uint16_t)(sign | (rounded - (112u << 23)) >> 13);
}

static uint16_t bf16_bits(float value) {
  const uint32_t bits = float_to_bits(value);
  if ((bits & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static void f16_to_f32(const uint16_t *source, float *target, size_t n) {
  for (size_t i = 0; i < n; i++) target[i] = f16_value(source[i]);
}

static void bf16_to_f32(const uint16_t *source, float *target, size_t n) {
  for (size_t i = 0; i < n; i++) target[i] = bits_to_float((uint32_t)source[i] << 16);
}

static void f32_to_f16(const float *source, uint16_t *target, size_t n) {
  for (size_t i = 0; i < n; i++) target[i] = f16_bits(source[i]);
}

static void f32_to_bf16(const float *source, uint16_t *target, size_t n) {
  for (size_t i = 0; i < n; i++) target[i] = bf16_bits(source[i]);
}

static float stored(const void *w, ck_storage storage, size_t i) {
  switch (storage) {
    case CK_F16: return f16_value(((const uint16_t *)w)[i]);
    case CK_BF16: return bits_to_float((uint32_t)((const uint16_t *)w)[i] << 16);
    case CK_I8: return ((const int8_t *)w)[i];
    default: return ((const float *)w)[i];
  }
}

// Dense products

static void gemv(const void *w, ck_storage storage, size_t rows, size_t columns, const float *x, float *y) {
  for (size_t r = 0; r < rows; r++) {
    float sum = 0;
    for (size_t k = 0; k < columns; k++) sum += stored(w, storage, r * columns + k) * x[k];
    y[r] = sum;
  }
}

static void pack_panel(
  const void *w, ck_storage storage, size_t stride, size_t rows, size_t columns, float *panel) {
  for (size_t k = 0; k < columns; k++) {
    for (size_t r = 0; r < CK_PANEL; r++) {
      panel[k * CK_PANEL + r] = r < rows ? stored(w, storage, r * stride + k) : 0;
    }
  }
}

static void gemm_panel(
  const float *x, size_t x_stride, size_t tokens, const float *panel, size_t columns, float *y, size_t y_stride,
  size_t rows, int accumulate) {
  for (size_t t = 0; t < tokens; t++) {
    for (size_t r = 0; r < rows; r++) {
      float sum = accumulate ? y[t * y_stride + r] : 0;
      for (size_t k = 0; k < columns; k++) sum += x[t * x_stride + k] * panel[k * CK_PANEL + r];
      y[t * y_stride + r] = sum;
    }
  }
}

// Vector-quantized products

static uint32_t code_at(const uint8_t *codes, size_t bit, uint32_t width) {
  uint64_t window;
  memcpy(&window, codes + bit / 8, sizeof window);
  return (uint32_t)(window >> bit % 8 & ((1ull << width) - 1));
}

static void unpack_codes(
  const uint8_t *codes, size_t first_bit, uint32_t code_bits, size_t count, uint32_t *target) {
  for (size_t i = 0; i < count; i++) target[i] = code_at(codes, first_bit + i * code_bits, code_bits);
}

/// Entry `e` of the vector that column `c` of vector row `n` stands for.
static float vq_value(const ck_vq_matrix *m, size_t n, size_t c, size_t e) {
  const uint32_t code = code_at(m->codes + n * m->row_stride, c * m->code_bits, m->code_bits);
  if (!m->residual_table) return m->table[(size_t)code * m->table_stride + e];
  const uint32_t main_code = code & (uint32_t)((1ull << m->main_bits) - 1);
  const uint32_t residual = (uint32_t)((uint64_t)code >> m->main_bits);
  return m->table[(size_t)main_code * m->table_stride + e]
    + m->residual_table[(size_t)residual * m->table_stride + e];
}

static void vq_gemv(const ck_vq_matrix *m, size_t first, size_t last, const float *x, float *y) {
  for (size_t n = first; n < last; n++) {
    for (size_t e = 0; e < m->vector_length; e++) {
      float sum = 0;
      for (size_t c = 0; c < m->columns; c++) sum += x[c] * vq_value(m, n, c, e);
      y[(n - first) * m->vector_length + e] += sum;
    }
  }
}

static void vq_panel(
  const ck_vq_matrix *m, size_t first, size_t last, size_t skip, size_t rows, size_t c0, size_t c1, float *panel) {
  for (size_t c = c0; c < c1; c++) {
    float *line = panel + (c - c0) * CK_PANEL;
    memset(line, 0, CK_PANEL * sizeof(float));
    for (size_t n = first; n < last; n++) {
      for (size_t e = 0; e < m->vector_length; e++) {
        const size_t offset = (n - first) * m->vector_length + e;
        if (offset >= skip && offset - skip < rows) line[offset - skip] = vq_value(m, n, c, e);
      }
    }
  }
}

static float block_peak(const float *x, size_t n, size_t b) {
  float peak = 0;
  for (size_t i = 64 * b; i < n && i < 64 * b + 64; i++) peak = fabsf(x[i]) > peak ? fabsf(x[i]) : peak;
  return peak;
}

void ck_portable_split_activation(const float *x, size_t n, float large_value, ck_split_activation *split) {
  double energy = 0;
  float largest = 0;
  for (size_t i = 0; i < n; i++) {
    energy += (double)x[i] * x[i];
    if (fabsf(x[i]) > largest) largest = fabsf(x[i]);
  }
  const int finite = energy < INFINITY;
  // Where a value is not finite, all integers are 0 and there is no scale.
  const float limit = begin_split(split, x, n, large_value, finite ? energy : 0, largest);
  const float inverse = choose_unit(split, name_large_blocks(split, x, n, limit, block_peak), largest) * (float)finite;
  if (!finite) split->scale = NAN;
  split->sum_low = split->sum_high = 0;
  int64_t magnitudes = 0;
  size_t next = 0;
  for (size_t b = 0; b < split->blocks; b++) {
    const int is_large = next < split->large && split->large_blocks[next] == b;
    if (is_large) next++;
    for (size_t i = 64 * b; i < 64 * b + 64; i++) {
      const int value = i < n && inverse > 0 ? (int)lrintf(x[i] * inverse) : 0;
      const int low = is_large ? ((value + 128) & 255) - 128 : value;
      split->low[i] = (int8_t)(low < -127 ? -127 : low);
      split->sum_low += split->low[i];
      magnitudes += value < 0 ? -value : value;
      if (!is_large) continue;
      split->high[i] = (int8_t)((value - low) / 256);
      split->sum_high += split->high[i];
    }
  }
  split->is_narrow = magnitudes < CK_NARROW_SUM;
  name_eights(split);
}

float ck_portable_byte_row(const float *values, size_t eights, uint8_t *bytes) {
  float largest = 0;
  int finite = 1;
  for (size_t i = 0; i < 8 * eights; i++) {
    const float magnitude = fabsf(values[i]);
    finite = finite && magnitude < INFINITY;
    if (magnitude > largest) largest = magnitude;
  }
  const float scale = largest / 127;
  // The reciprocal of the least units is no number.
  const float inverse = finite && scale > 1e-37f ? 1 / scale : 0;
  for (size_t i = 0; i < 8 * eights; i++) {
    bytes[64 * (i / 8) + i % 8] = (uint8_t)((inverse > 0 ? (int)lrintf(fmaxf(-127, fminf(127, values[i] * inverse))) : 0) + 128);
  }
  return finite ? scale : NAN;
}

static void bytes_product(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, float *y) {
  for (size_t r = first; r < last; r++) {
    const uint8_t *row = w->bytes + 64 * (r / CK_BAND_ROWS * w->eights) + 8 * (r % CK_BAND_ROWS);
    int32_t low = 0, high = 0;
    for (size_t c = 0; c < 8 * w->eights; c++) low += x->low[c] * (row[64 * (c / 8) + c % 8] - 128);
    for (size_t k = 0; k < x->large; k++) {
      const size_t b = x->large_blocks[k];
      for (size_t c = 64 * b; c < 64 * b + 64 && c < 8 * w->eights; c++) high += x->high[c] * (row[64 * (c / 8) + c % 8] - 128);
    }
    y[r - first] = x->scale * w->scales[r] * fmaf((float)high, 256, (float)low);
  }
}

void ck_portable_gemv_bytes(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, size_t tokens, float *y,
  size_t y_stride) {
  for (size_t t = 0; t < tokens; t++) bytes_product(w, first, last, x + t, y + t * y_stride);
}

/// The four blocks of a row's band that have column `c`.
static const uint8_t *four_blocks(const ck_vq_planes *m, size_t row, size_t c) {
  const band_layout layout = layout_of(m);
  return m->codes + row / CK_BAND_ROWS * m->band_stride + c / 32 * bytes_of_four(&layout);
}

/// The main code of one column of a row.
static uint8_t main_code(const ck_vq_planes *m, size_t row, size_t c) {
  const uint8_t *four = four_blocks(m, row, c);
  const size_t block = c % 32 / 8, j = row % CK_BAND_ROWS * 8 + c % 8;
  if (m->main_count > 64) return four[64 * block + j];
  if (block < 3) return four[64 * block + j] & 63;
  return (uint8_t)(four[j] >> 6 | four[64 + j] >> 6 << 2 | four[128 + j] >> 6 << 4);
}

/// The residual code of one column of a row.
static uint8_t residual_code(const ck_vq_planes *m, size_t row, size_t c) {
  const band_layout layout = layout_of(m);
  const uint8_t *rest = four_blocks(m, row, c) + layout.main_of_four + c % 32 / 8 * layout.rest_of_block;
  const size_t j = row % CK_BAND_ROWS * 8 + c % 8;
  if (m->residual_count > 16) return rest[j];
  return j < 32 ? rest[j] & 15 : rest[j - 32] >> 4;
}

void ck_add_escapes(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const float *x, float *y) {
  if (!escapes->starts) return;
  for (size_t n = first; n < last; n++) {
    float *target = y + (n - first) * vector_length;
    for (size_t i = escapes->starts[n]; i < escapes->starts[n + 1]; i++) {
      const float value = x[escapes->list[i].column];
      const float *rest = escapes->values + escapes->list[i].entry * vector_length;
      for (size_t e = 0; e < vector_length; e++) target[e] += value * rest[e];
    }
  }
}

/// The integer that both bytes stand for together.
static int both_stages(uint8_t main, int8_t rest) { return (uint8_t)(main + rest) - 128; }

/// What fine bytes add, of whole runs rounded: `lanes` has the sums of the run until now.
static int64_t end_fine_run(int64_t *lanes) {
  int64_t sum = 0;
  for (int i = 0; i < 2; i++) {
    sum += (lanes[i] + 64) >> 7;
    lanes[i] = 0;
  }
  return sum;
}

void ck_portable_planes_sums(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  for (size_t n = first; n < last; n++) {
    for (size_t e = 0; e < m->vector_length; e++) {
      int64_t sum = 0, fine[2] = {0, 0};
      size_t next = 0;
      for (size_t c = 0; c < 64 * x->blocks; c++) {
        while (next < x->large && x->large_blocks[next] < c / 64) next++;
        const int is_large = next < x->large && x->large_blocks[next] == c / 64;
        const int64_t whole = x->low[c] + (is_large ? 256 * x->high[c] : 0);
        const size_t k = e * 256 + main_code(m, n, c), r = e * 256 + (m->residual ? residual_code(m, n, c) : 0);
        sum += whole * both_stages(m->main[k], m->residual ? m->residual[r] : 0);
        if (c >= m->fine_columns) continue;
        fine[c / 4 % 2] += whole * both_stages(m->fine_main[k], m->residual ? m->fine_residual[r] : 0);
        if ((c + 1) % CK_FINE_RUN == 0 || c + 1 == m->fine_columns) sum += end_fine_run(fine);
      }
      y[(n - first) * m->vector_length + e] += m->scale * x->scale * (float)sum;
    }
  }
}

void ck_portable_vq_planes(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  ck_portable_planes_sums(m, first, last, x, y);
  ck_add_escapes(&m->escapes, m->vector_length, first, last, x->values, y);
}

/// The sums of one row of packed codes, `[stage][element]`.
static void bytes_row_sums(
  const ck_vq_bytes *m, const uint8_t *row, const ck_split_activation *x, int64_t sums[2][16]) {
  enum { CODES = 64 };
  const size_t stride = m->vector_length > 8 ? 16 : 8;
  const uint32_t mask = (uint32_t)((UINT64_C(1) << m->main_bits) - 1);
  uint32_t codes[CODES];
  size_t next = 0;
  for (size_t first = 0; first < m->columns; first += CODES) {
    const size_t count = m->columns - first < CODES ? m->columns - first : CODES;
    const int is_large = next < x->large && x->large_blocks[next] == first / CODES;
    if (is_large) next++;
    unpack_codes(row, first * m->code_bits, m->code_bits, count, codes);
    for (size_t c = 0; c < count; c++) {
      const int64_t whole = x->low[first + c] + (is_large ? 256 * x->high[first + c] : 0);
      const uint8_t *main = m->main + (codes[c] & mask) * stride;
      const uint8_t *rest = m->residual ? m->residual + (codes[c] >> m->main_bits) * stride : NULL;
      for (size_t e = 0; e < m->vector_length; e++) {
        sums[0][e] += whole * (main[e] - 128);
        if (rest) sums[1][e] += whole * (rest[e] - 128);
      }
    }
  }
}

void ck_portable_vq_bytes(
  const ck_vq_bytes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  for (size_t n = first; n < last; n++) {
    int64_t sums[2][16] = {{0}};
    bytes_row_sums(m, m->codes + n * m->row_stride, x, sums);
    for (size_t e = 0; e < m->vector_length; e++) {
      float value = m->main_scale * (float)sums[0][e];
      if (m->residual) value += m->residual_scale * (float)sums[1][e];
      y[(n - first) * m->vector_length + e] += x->scale * value;
    }
  }
  ck_add_escapes(&m->escapes, m->vector_length, first, last, x->values, y);
}

void ck_portable_vq_planes_many(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  ck_token_lanes lanes, float *y, size_t y_stride, void *scratch) {
  (void)scratch;
  (void)lanes;
  for (size_t t = 0; t < tokens; t++) ck_portable_vq_planes(m, first, last, x + t * x_stride, y + t * y_stride);
}

void ck_portable_token_lanes(const float *x, size_t x_stride, size_t tokens, size_t n, float *lanes) {
  for (size_t c = 0; c < n; c++) {
    for (size_t t = 0; t < 16; t++) lanes[16 * c + t] = t < tokens ? x[t * x_stride + c] : 0;
  }
}

void ck_portable_gather_lanes(
  const float *x, const uint32_t *columns, const float *factors, size_t n, float *y, float *rows, size_t row_stride) {
  for (size_t i = 0; i < n; i++) {
    const float *own = x + 16 * (columns ? columns[i] : i);
    for (size_t t = 0; t < 16; t++) y[16 * i + t] = rows[t * row_stride + i] = factors ? own[t] * factors[i] : own[t];
  }
}

// Layers

static void rms_norm(const float *x, const float *weight, float eps, size_t n, float *y) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
  const float scale = (float)(1 / sqrt(sum / (double)n + eps));
  for (size_t i = 0; i < n; i++) y[i] = x[i] * scale * weight[i];
}

static void rotary(float *x, size_t heads, size_t head_dim, size_t half, const float *cosine, const float *sine) {
  for (size_t h = 0; h < heads; h++) {
    float *head = x + h * head_dim;
    for (size_t i = 0; i < half; i++) {
      const float a = head[i], b = head[i + half];
      head[i] = a * cosine[i] - b * sine[i];
      head[i + half] = b * cosine[i] + a * sine[i];
    }
  }
}

static void softmax(float *x, size_t n) {
  float max = x[0];
  for (size_t i = 1; i < n; i++) max = x[i] > max ? x[i] : max;
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    x[i] = expf(x[i] - max);
    sum += x[i];
  }
  const float scale = (float)(1 / sum);
  for (size_t i = 0; i < n; i++) x[i] *= scale;
}

static void silu_multiply(const float *gate, const float *up, float *y, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

static void gelu_multiply(const float *gate, const float *up, float *y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const float g = gate[i], u = 0.797884561f * (g + 0.044715f * g * g * g);
    y[i] = g / (1 + expf(-2 * u)) * up[i];
  }
}

static void soft_cap(float *x, size_t n, float cap) {
  for (size_t i = 0; i < n; i++) x[i] = cap * tanhf(x[i] / cap);
}

static float dot(const float *a, const float *b, size_t n) {
  float sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

void ck_portable_gather(const float *x, const uint32_t *columns, const float *factors, size_t n, float *y) {
  ck_prefetch(columns, n * sizeof *columns);
  if (factors) ck_prefetch(factors, n * sizeof *factors);
  if (factors) {
    for (size_t i = 0; i < n; i++) y[i] = x[columns[i]] * factors[i];
  } else {
    for (size_t i = 0; i < n; i++) y[i] = x[columns[i]];
  }
}

static void axpy(float a, const float *x, float *y, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

static void attention_scores(
  const float *q, size_t queries, const void *k, ck_storage storage, size_t k_stride, size_t positions,
  size_t head_dim, float scale, float *scores, size_t scores_stride) {
  for (size_t i = 0; i < queries; i++) {
    for (size_t p = 0; p < positions; p++) {
      float sum = 0;
      for (size_t d = 0; d < head_dim; d++) sum += q[i * head_dim + d] * stored(k, storage, p * k_stride + d);
      scores[i * scores_stride + p] = scale * sum;
    }
  }
}

static void attention_mix(
  const float *weights, size_t weights_stride, size_t queries, const void *v, ck_storage storage, size_t v_stride,
  size_t positions, size_t head_dim, float *y) {
  memset(y, 0, queries * head_dim * sizeof(float));
  for (size_t p = 0; p < positions; p++) {
    for (size_t d = 0; d < head_dim; d++) {
      const float value = stored(v, storage, p * v_stride + d);
      for (size_t i = 0; i < queries; i++) y[i * head_dim + d] += weights[i * weights_stride + p] * value;
    }
  }
}

// Codebook search

typedef struct { float value[16]; } search_lanes;

static search_lanes search_scores(const float *x, size_t dimension, const float *block, const float *half_norms) {
  search_lanes scores;
  for (size_t lane = 0; lane < 16; lane++) {
    scores.value[lane] = half_norms[lane];
    for (size_t j = 0; j < dimension; j++) scores.value[lane] -= x[j] * block[j * 16 + lane];
  }
  return scores;
}

static search_lanes search_bounds(const float *x, size_t dimension, const float *boxes) {
  search_lanes bounds;
  for (size_t lane = 0; lane < 16; lane++) {
    bounds.value[lane] = boxes[lane];
    for (size_t j = 0; j < dimension; j++) {
      const float distance = x[j] - fminf(fmaxf(x[j], boxes[16 + 32 * j + lane]), boxes[32 + 32 * j + lane]);
      bounds.value[lane] += distance * distance;
    }
  }
  return bounds;
}

static uint32_t search_up_to(search_lanes lanes, float limit) {
  uint32_t mask = 0;
  for (int lane = 0; lane < 16; lane++) mask |= (uint32_t) !(lanes.value[lane] > limit) << lane;
  return mask;
}

static void search_store(search_lanes lanes, float *values) { memcpy(values, lanes.value, sizeof lanes.value); }

#define SEARCH_TARGET
#include "centroid_search.h"

static void nearest_centroid(
  const float *vectors, size_t n, size_t dimension, const float *blocked, const float *half_norms, size_t blocks,
  int32_t *indices, float *best) {
  for (size_t i = 0; i < n; i++) {
    float smallest = INFINITY;
    int32_t index = 0;
    for (size_t b = 0; b < blocks; b++) {
      const search_lanes scores = search_scores(
        vectors + i * dimension, dimension, blocked + b * dimension * 16, half_norms + b * 16);
      for (int lane = 0; lane < 16; lane++) {
        if (scores.value[lane] < smallest) {
          smallest = scores.value[lane];
          index = (int32_t)(b * 16) + lane;
        }
      }
    }
    indices[i] = index;
    if (best) best[i] = smallest;
  }
}

static void second_moment(
  const float *x, size_t x_stride, size_t tokens, size_t i0, size_t i1, size_t j0, size_t j1, double *h,
  size_t h_stride) {
  for (size_t t = 0; t < tokens; t++) {
    const float *line = x + t * x_stride;
    for (size_t i = i0; i < i1; i++) {
      const double factor = line[i];
      for (size_t j = j0; j < j1; j++) h[i * h_stride + j] += factor * line[j];
    }
  }
}

void ck_portable_product_bf16(
  const float *a, size_t a_stride, int a_transposed, const float *b, size_t b_stride, int b_transposed, float alpha,
  float *c, size_t c_stride, size_t m, size_t n, size_t k, int adding, void *scratch) {
  (void)scratch;
  for (size_t i = 0; i < m; i++) {
    for (size_t j = 0; j < n; j++) {
      float sum = 0;
      for (size_t l = 0; l < k; l++) {
        const float left = a_transposed ? a[l * a_stride + i] : a[i * a_stride + l];
        const float right = b_transposed ? b[j * b_stride + l] : b[l * b_stride + j];
        sum += bits_to_float((uint32_t)bf16_bits(left) << 16) * bits_to_float((uint32_t)bf16_bits(right) << 16);
      }
      c[i * c_stride + j] = (adding ? c[i * c_stride + j] : 0) + alpha * sum;
    }
  }
}

#define GRADIENT_TARGET
#include "gradient_loops.h"

const ck_kernels ck_portable_table = {
  .isa = CK_PORTABLE,
  .name = "portable",
  .f16_to_f32 = f16_to_f32,
  .bf16_to_f32 = bf16_to_f32,
  .f32_to_f16 = f32_to_f16,
  .f32_to_bf16 = f32_to_bf16,
  .gemv = gemv,
  .pack_panel = pack_panel,
  .gemm_panel = gemm_panel,
  .unpack_codes = unpack_codes,
  .vq_gemv = vq_gemv,
  .plane_centroids = 0,
  .prefers_planes_for_prompts = 0,
  .prefers_byte_matrix = 0,
  .byte_vector_length = 0,
  .split_activation = ck_portable_split_activation,
  .byte_row = ck_portable_byte_row,
  .gemv_bytes = ck_portable_gemv_bytes,
  .vq_planes = ck_portable_vq_planes,
  .vq_bytes = ck_portable_vq_bytes,
  .vq_planes_many = ck_portable_vq_planes_many,
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
