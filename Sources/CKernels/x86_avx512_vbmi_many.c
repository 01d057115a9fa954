// AVX-512 with byte permutes and integer dot products: the product of several activations with small codebooks. Eight
// outputs are looked up at a time; all activations are multiplied with them while they are in the cache.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx512_vbmi.h"

#include <string.h>

/// Outputs that are looked up together, and activations that share their loads.
enum { OUTPUTS = 8, TOGETHER = 3 };

/// The bytes of one element of a row, in order of columns, of the main stage and of the residual one.
VBMI_INLINE void look_up_row(
  main_kind kind, residual_kind rest_kind, const ck_vq_planes *m, const uint8_t *row, size_t e, size_t blocks,
  uint8_t *main, uint8_t *rest) {
  const byte_table table = load_table(kind, m->main + 256 * e);
  byte_table rest_table = table;
  if (rest_kind != NO_RESIDUAL) rest_table = load_residual(rest_kind, m->residual + 256 * e);
  for (size_t b = 0; b < blocks;) {
    __m512i codes[4], rest_codes[4];
    const int count = next_codes(kind, rest_kind, row, b, blocks, codes, rest_codes);
    for (int i = 0; i < count; i++, b++) {
      const __mmask64 upper = kind == BYTES256 ? _mm512_movepi8_mask(codes[i]) : 0;
      _mm512_store_si512(main + 64 * b, look_up(kind, &table, codes[i], upper));
      if (rest_kind == NO_RESIDUAL) continue;
      const __mmask64 rest_upper = rest_kind == REST256 ? _mm512_movepi8_mask(rest_codes[i]) : 0;
      _mm512_store_si512(rest + 64 * b, look_up_residual(rest_kind, &rest_table, rest_codes[i], rest_upper));
    }
  }
}

/// 256 times one element of every centroid, in two bytes.
typedef struct { byte_table main_high, main_low, rest_high, rest_low; } joint_tables;

/// 64 sums of both stages, rounded to bytes and biased by 128.
VBMI_INLINE __m512i joint_bytes(
  main_kind kind, residual_kind rest_kind, const joint_tables *tables, __m512i codes, __m512i rest) {
  const __mmask64 upper = kind == BYTES256 ? _mm512_movepi8_mask(codes) : 0;
  const __mmask64 rest_upper = rest_kind == REST256 ? _mm512_movepi8_mask(rest) : 0;
  const __m512i bias = _mm512_set1_epi8(-128), half = _mm512_set1_epi16(128);
  const __m512i main_high = _mm512_xor_si512(look_up(kind, &tables->main_high, codes, upper), bias);
  const __m512i main_low = look_up(kind, &tables->main_low, codes, upper);
  const __m512i rest_high = _mm512_xor_si512(look_up_residual(rest_kind, &tables->rest_high, rest, rest_upper), bias);
  const __m512i rest_low = look_up_residual(rest_kind, &tables->rest_low, rest, rest_upper);
  const __m512i first = _mm512_adds_epi16(
    _mm512_unpacklo_epi8(main_low, main_high), _mm512_unpacklo_epi8(rest_low, rest_high));
  const __m512i second = _mm512_adds_epi16(
    _mm512_unpackhi_epi8(main_low, main_high), _mm512_unpackhi_epi8(rest_low, rest_high));
  const __m512i packed = _mm512_packs_epi16(
    _mm512_srai_epi16(_mm512_adds_epi16(first, half), 8), _mm512_srai_epi16(_mm512_adds_epi16(second, half), 8));
  return _mm512_xor_si512(packed, bias);
}

/// As `look_up_row`, with both stages in one unit.
VBMI_INLINE void look_up_joint_row(
  main_kind kind, residual_kind rest_kind, const ck_vq_planes *m, const uint8_t *row, size_t e, size_t blocks,
  uint8_t *main) {
  const size_t part = 256 * (size_t)m->vector_length;
  const uint8_t *at = m->joint + 256 * e;
  joint_tables tables;
  tables.main_high = load_table(kind, at);
  tables.main_low = load_table(kind, at + part);
  tables.rest_high = load_residual(rest_kind, at + 2 * part);
  tables.rest_low = load_residual(rest_kind, at + 3 * part);
  for (size_t b = 0; b < blocks;) {
    __m512i codes[4], rest_codes[4];
    const int count = next_codes(kind, rest_kind, row, b, blocks, codes, rest_codes);
    for (int i = 0; i < count; i++, b++) {
      _mm512_store_si512(main + 64 * b, joint_bytes(kind, rest_kind, &tables, codes[i], rest_codes[i]));
    }
  }
}

typedef void (*look_up_function)(
  const ck_vq_planes *m, const uint8_t *row, size_t e, size_t blocks, int joint, uint8_t *main, uint8_t *rest);

#define LOOK_UP(kind, rest_kind) \
  VBMI static void look_up_##kind##_##rest_kind( \
    const ck_vq_planes *m, const uint8_t *row, size_t e, size_t blocks, int joint, uint8_t *main, uint8_t *rest) { \
    if (joint && rest_kind != NO_RESIDUAL) look_up_joint_row(kind, rest_kind, m, row, e, blocks, main); \
    else look_up_row(kind, rest_kind, m, row, e, blocks, main, rest); \
  }
#define LOOK_UPS(kind) \
  LOOK_UP(kind, NO_RESIDUAL) \
  LOOK_UP(kind, NIBBLES) \
  LOOK_UP(kind, REST64) \
  LOOK_UP(kind, REST128) \
  LOOK_UP(kind, REST256)
LOOK_UPS(PACKED64)
LOOK_UPS(BYTES128)
LOOK_UPS(BYTES256)

static look_up_function look_up_of(main_kind kind, residual_kind rest_kind) {
#define NAMES(kind) \
  {look_up_##kind##_NO_RESIDUAL, look_up_##kind##_NIBBLES, look_up_##kind##_REST64, look_up_##kind##_REST128, \
   look_up_##kind##_REST256}
  static const look_up_function functions[3][5] = {NAMES(PACKED64), NAMES(BYTES128), NAMES(BYTES256)};
  return functions[kind][rest_kind];
}

/// The sums of the lanes of eight vectors.
VBMI_INLINE __m256i lane_sums8(const __m512i *a) {
  const __m256i first = _mm256_hadd_epi32(
    _mm256_hadd_epi32(half_sum(a[0]), half_sum(a[1])), _mm256_hadd_epi32(half_sum(a[2]), half_sum(a[3])));
  const __m256i second = _mm256_hadd_epi32(
    _mm256_hadd_epi32(half_sum(a[4]), half_sum(a[5])), _mm256_hadd_epi32(half_sum(a[6]), half_sum(a[7])));
  return _mm256_add_epi32(
    _mm256_permute2x128_si256(first, second, 0x20), _mm256_permute2x128_si256(first, second, 0x31));
}

/// The products of eight rows of bytes, `stride` apart, with the low digits of `tokens` activations.
VBMI_INLINE void low_products(
  const uint8_t *w, size_t stride, int tokens, const ck_split_activation *x, size_t x_stride, __m256i *sums) {
  __m512i acc[TOGETHER][OUTPUTS];
  for (int t = 0; t < tokens; t++) {
    const __m512i bias = _mm512_maskz_set1_epi32(1, -128 * x[(size_t)t * x_stride].sum_low);
    for (int i = 0; i < OUTPUTS; i++) acc[t][i] = bias;
  }
  const size_t columns = 64 * x->blocks;
  for (size_t c = 0; c < columns; c += 64) {
    __m512i digits[TOGETHER];
    for (int t = 0; t < tokens; t++) digits[t] = _mm512_loadu_si512(x[(size_t)t * x_stride].low + c);
    for (int i = 0; i < OUTPUTS; i++) {
      const __m512i values = _mm512_loadu_si512(w + (size_t)i * stride + c);
      for (int t = 0; t < tokens; t++) acc[t][i] = _mm512_dpbusd_epi32(acc[t][i], values, digits[t]);
    }
  }
  for (int t = 0; t < tokens; t++) sums[t] = lane_sums8(acc[t]);
}

/// The products of eight rows of bytes with the high digits of one activation.
VBMI_INLINE __m256i high_products(const uint8_t *w, size_t stride, const ck_split_activation *x) {
  if (x->large == 0) return _mm256_setzero_si256();
  __m512i acc[OUTPUTS];
  for (int i = 0; i < OUTPUTS; i++) acc[i] = _mm512_maskz_set1_epi32(1, -128 * x->sum_high);
  for (size_t k = 0; k < x->large; k++) {
    const size_t c = 64 * (size_t)x->large_blocks[k];
    const __m512i digits = _mm512_loadu_si512(x->high + c);
    for (int i = 0; i < OUTPUTS; i++) {
      acc[i] = _mm512_dpbusd_epi32(acc[i], _mm512_loadu_si512(w + (size_t)i * stride + c), digits);
    }
  }
  return lane_sums8(acc);
}

VBMI_INLINE __m256 joined8(const ck_split_activation *x, __m256i high, __m256i low) {
  if (x->is_narrow) return _mm256_cvtepi32_ps(_mm256_add_epi32(_mm256_slli_epi32(high, 8), low));
  return _mm256_fmadd_ps(_mm256_cvtepi32_ps(high), _mm256_set1_ps(256), _mm256_cvtepi32_ps(low));
}

/// What is looked up for eight outputs: bytes of the main stage, and of the residual one if that is apart.
typedef struct {
  uint8_t *main;
  uint8_t *rest;
  size_t stride;
  float main_scale;
  float rest_scale;
} looked_up;

/// Adds eight outputs (those in `wanted`) of `tokens` activations; the operations on each are those of `plane_outputs`.
VBMI_INLINE void add_outputs(
  const looked_up *w, int tokens, __mmask8 wanted, const ck_split_activation *x, size_t x_stride, float *y,
  size_t y_stride) {
  __m256i main_low[TOGETHER], rest_low[TOGETHER];
  low_products(w->main, w->stride, tokens, x, x_stride, main_low);
  if (w->rest) low_products(w->rest, w->stride, tokens, x, x_stride, rest_low);
  for (int t = 0; t < tokens; t++) {
    const ck_split_activation *own = x + (size_t)t * x_stride;
    __m256 sum = _mm256_mul_ps(
      joined8(own, high_products(w->main, w->stride, own), main_low[t]), _mm256_set1_ps(w->main_scale * own->scale));
    if (w->rest) {
      sum = _mm256_fmadd_ps(
        joined8(own, high_products(w->rest, w->stride, own), rest_low[t]), _mm256_set1_ps(w->rest_scale * own->scale), sum);
    }
    float *target = y + (size_t)t * y_stride;
    _mm256_mask_storeu_ps(target, wanted, _mm256_add_ps(_mm256_maskz_loadu_ps(wanted, target), sum));
  }
}

VBMI void ck_vbmi_vq_planes_many(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  int joint, float *y, size_t y_stride, void *scratch) {
  const size_t blocks = x->blocks, v = m->vector_length, outputs = (last - first) * v;
  joint = joint && m->residual;
  looked_up w;
  // Rows that are a power of two apart would share places in the cache.
  w.stride = 64 * (blocks + 1);
  w.main = (uint8_t *)(((uintptr_t)scratch + 63) / 64 * 64);
  uint8_t *rest = w.main + OUTPUTS * w.stride;
  w.rest = m->residual && !joint ? rest : NULL;
  w.main_scale = joint ? m->joint_scale : m->main_scale;
  w.rest_scale = m->residual_scale;
  const look_up_function look_up = look_up_of(main_kind_of(m), residual_kind_of(m));
  for (size_t o = 0; o < outputs; o += OUTPUTS) {
    for (size_t i = 0; i < OUTPUTS; i++) {
      const size_t own = o + i < outputs ? o + i : outputs - 1;
      look_up(
        m, m->codes + (first + own / v) * m->row_stride, own % v, blocks, joint, w.main + i * w.stride,
        rest + i * w.stride);
    }
    // The codes of the next outputs come meanwhile.
    if (o + OUTPUTS < outputs) {
      ck_prefetch(m->codes + (first + (o + OUTPUTS) / v) * m->row_stride, (OUTPUTS + v - 1) / v * m->row_stride);
    }
    const __mmask8 wanted = outputs - o < OUTPUTS ? (__mmask8)((1 << (outputs - o)) - 1) : 0xFF;
    size_t t = 0;
    for (; t + TOGETHER <= tokens; t += TOGETHER) {
      add_outputs(&w, TOGETHER, wanted, x + t * x_stride, x_stride, y + t * y_stride + o, y_stride);
    }
    if (tokens - t == 2) add_outputs(&w, 2, wanted, x + t * x_stride, x_stride, y + t * y_stride + o, y_stride);
    if (tokens - t == 1) add_outputs(&w, 1, wanted, x + t * x_stride, x_stride, y + t * y_stride + o, y_stride);
  }
  ck_vbmi_add_escapes_many(joint ? &m->joint_escapes : &m->escapes, v, first, last, x, x_stride, tokens, y, y_stride);
}

#endif
