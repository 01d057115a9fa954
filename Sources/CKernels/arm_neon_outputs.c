// NEON: what is added to outputs at the end: sums in their unit, and what bytes cannot say (`ck_escapes`).
//
// One activation and many come here alike, so that a sequence has the same bits alone and in a batch.

#include "tables.h"

#if defined(__aarch64__)

#include "arm_neon_integers.h"

void ck_neon_add_outputs(
  const ck_vq_planes *m, const ck_split_activation *x, const band_sums *sums, size_t rows, size_t elements, float *y) {
  const float unit = m->scale * x->scale;
  for (size_t e = 0; e < elements; e++) {
    float values[CK_BAND_ROWS];
    for (size_t i = 0; i < CK_BAND_ROWS; i += 4) {
      vst1q_f32(values + i, vmulq_n_f32(vcvtq_f32_s32(vld1q_s32(sums[e].of + i)), unit));
    }
    for (size_t i = 0; i < rows; i++) y[i * m->vector_length + e] += values[i];
  }
}

/// The first `elements` (1...4) floats, followed by zeros.
NEON_INLINE float32x4_t load_floats(int elements, const float *from) {
  if (elements == 4) return vld1q_f32(from);
  const float32x2_t zero = vdup_n_f32(0);
  if (elements == 1) return vcombine_f32(vld1_lane_f32(from, zero, 0), zero);
  return vcombine_f32(vld1_f32(from), elements == 3 ? vld1_lane_f32(from + 2, zero, 0) : zero);
}

NEON_INLINE void store_floats(int elements, float *to, float32x4_t values) {
  if (elements == 4) {
    vst1q_f32(to, values);
  } else if (elements == 1) {
    vst1q_lane_f32(to, values, 0);
  } else {
    vst1_f32(to, vget_low_f32(values));
    if (elements == 3) vst1q_lane_f32(to + 2, values, 2);
  }
}

/// `sum` and what four entries add to `elements` (1...4) elements, from element `e` of their values on.
NEON_INLINE float32x4_t add_four(
  int elements, size_t e, size_t vector_length, const ck_escapes *escapes, size_t i, const float *x, size_t step, float32x4_t sum) {
  float32x4_t pairs[2];
  for (size_t k = 0; k < 4; k++) {
    const ck_escape own = escapes->list[i + k];
    const float32x4_t values = load_floats(elements, escapes->values + vector_length * own.entry + e);
    const float factor = x[step * own.column];
    pairs[k % 2] = k < 2 ? vmulq_n_f32(values, factor) : vfmaq_n_f32(pairs[k % 2], values, factor);
  }
  return vaddq_f32(sum, vaddq_f32(pairs[0], pairs[1]));
}

/// Elements [e, e + elements), up to eight, of the vectors of rows [first, last).
NEON_INLINE void escapes_of(
  int elements, size_t e, size_t vector_length, const ck_escapes *escapes, size_t first, size_t last, const float *x, size_t step,
  float *y) {
  const int low = elements < 4 ? elements : 4, high = elements - low;
  size_t i = escapes->starts[first];
  for (size_t n = first; n < last; n++) {
    const size_t end = escapes->starts[n + 1];
    if (i == end) continue;
    float *target = y + (n - first) * vector_length + e;
    float32x4_t sum = load_floats(low, target), more = high > 0 ? load_floats(high, target + 4) : sum;
    for (; i < end; i += 4) {
      sum = add_four(low, e, vector_length, escapes, i, x, step, sum);
      if (high > 0) more = add_four(high, e + 4, vector_length, escapes, i, x, step, more);
    }
    store_floats(low, target, sum);
    if (high > 0) store_floats(high, target + 4, more);
  }
}

void ck_neon_add_escapes(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const float *x, size_t step, float *y) {
  if (!escapes->starts) return;
  for (size_t e = 0; e < vector_length; e += 8) {
    switch (vector_length - e) {
#define ESCAPES(elements) \
    case elements: escapes_of(elements, e, vector_length, escapes, first, last, x, step, y); break
      ESCAPES(1);
      ESCAPES(2);
      ESCAPES(3);
      ESCAPES(4);
      ESCAPES(5);
      ESCAPES(6);
      ESCAPES(7);
      default: escapes_of(8, e, vector_length, escapes, first, last, x, step, y);
    }
  }
}

void ck_neon_add_escapes_many(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  ck_token_lanes lanes, float *y, size_t y_stride) {
  // The values of longer vectors' activations are there for each token.
  const size_t grouped = lanes.values && m->vector_length <= 16 ? tokens / 16 * 16 : 0;
  for (size_t t = 0; t < tokens; t++) {
    const float *values = t < grouped ? lanes.values + t / 16 * lanes.stride + t % 16 : x[t * x_stride].values;
    ck_neon_add_escapes(&m->escapes, m->vector_length, first, last, values, t < grouped ? 16 : 1, y + t * y_stride);
  }
}

#endif
