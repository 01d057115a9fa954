// AVX-512 with byte permutes and integer dot products: the product of several activations with small codebooks. Eight
// outputs are looked up at a time; all activations are multiplied with them while they are in the cache.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx512_vbmi.h"

#include <string.h>

/// Outputs that are looked up together, and activations that share their loads.
enum { OUTPUTS = 8, TOGETHER = 3 };

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

/// From so many activations on, turning what is looked up costs less than gathering sums from lanes.
enum { PROMPT = 16 };

static int are_narrow(const ck_split_activation *x, size_t x_stride, size_t tokens) {
  for (size_t t = 0; t < tokens; t++) {
    if (!x[t * x_stride].is_narrow) return 0;
  }
  return 1;
}

VBMI void ck_vbmi_vq_planes_many(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  ck_token_lanes lanes, int joint, float *y, size_t y_stride, void *scratch) {
  const size_t blocks = x->blocks, v = m->vector_length, outputs = (last - first) * v;
  joint = joint && m->residual;
  const ck_escapes *escapes = joint ? &m->joint_escapes : &m->escapes;
  if (tokens >= PROMPT && (joint || !m->residual) && are_narrow(x, x_stride, tokens)) {
    ck_vbmi_vq_planes_tiles(m, first, last, x, x_stride, tokens, joint, y, y_stride, scratch);
    ck_vbmi_add_escapes_many(escapes, v, first, last, x, x_stride, tokens, lanes, y, y_stride);
    return;
  }
  looked_up w;
  // Rows that are a power of two apart would share places in the cache.
  w.stride = 64 * (blocks + 1);
  w.main = (uint8_t *)(((uintptr_t)scratch + 63) / 64 * 64);
  uint8_t *rest = w.main + OUTPUTS * w.stride;
  w.rest = m->residual && !joint ? rest : NULL;
  w.main_scale = joint ? m->joint_scale : m->main_scale;
  w.rest_scale = m->residual_scale;
  const look_up_function look_up = ck_vbmi_look_up(m);
  for (size_t o = 0; o < outputs; o += OUTPUTS) {
    for (size_t i = 0; i < OUTPUTS; i++) {
      const size_t own = o + i < outputs ? o + i : outputs - 1;
      look_up(
        m, m->codes + (first + own / v) * m->row_stride, own % v, (block_range){0, blocks}, joint, w.main + i * w.stride,
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
  ck_vbmi_add_escapes_many(escapes, v, first, last, x, x_stride, tokens, lanes, y, y_stride);
}

#endif
