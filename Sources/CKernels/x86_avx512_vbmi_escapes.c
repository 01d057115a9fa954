// AVX-512: adds what bytes cannot say (`ck_escapes`) to the products with codebooks.

#include "tables.h"

#if defined(__x86_64__)

#define ESCAPES_TARGET TARGET
#include "x86_avx512_vbmi.h"
#include "x86_escapes.h"

/// The escapes of rows of vectors of up to 16 elements.
VBMI_INLINE void add_long_escapes(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const float *x, float *y) {
  const __mmask16 lanes = lanes_below(vector_length);
  const size_t end = escapes->starts[last];
  for (size_t i = escapes->starts[first]; i < end; i++) {
    const ck_escape own = escapes->list[i];
    float *target = y + vector_length * (escapes->rows[i / 4] - first);
    const __m512 sum = _mm512_fmadd_ps(
      _mm512_set1_ps(x[own.column]), _mm512_maskz_loadu_ps(lanes, escapes->values + own.entry * vector_length),
      _mm512_maskz_loadu_ps(lanes, target));
    _mm512_mask_storeu_ps(target, lanes, sum);
  }
}

VBMI void ck_vbmi_add_escapes(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const float *x, float *y) {
  if (!escapes->starts) return;
  switch (vector_length) {
    case 2: add_escapes_of(2, escapes, first, last, x, y); break;
    case 3: add_escapes_of(3, escapes, first, last, x, y); break;
    case 4: add_escapes_of(4, escapes, first, last, x, y); break;
    case 6: add_escapes_of(6, escapes, first, last, x, y); break;
    case 8: add_escapes_of(8, escapes, first, last, x, y); break;
    default:
      if (vector_length <= 16) add_long_escapes(escapes, vector_length, first, last, x, y);
      else ck_add_escapes(escapes, vector_length, first, last, x, y);
  }
}

/// Turns quarters of 4 x 4 floats in place: element `e` of the activations of all lanes, from four elements of each activation,
/// where register `j` has those of activations `j`, `4 + j`, `8 + j` and `12 + j`; and back.
VBMI_INLINE void transpose_quarters(__m512 *a) {
  const __m512d low0 = _mm512_castps_pd(_mm512_unpacklo_ps(a[0], a[1])), low1 = _mm512_castps_pd(_mm512_unpacklo_ps(a[2], a[3]));
  const __m512d high0 = _mm512_castps_pd(_mm512_unpackhi_ps(a[0], a[1])), high1 = _mm512_castps_pd(_mm512_unpackhi_ps(a[2], a[3]));
  a[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(low0, low1));
  a[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low0, low1));
  a[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high0, high1));
  a[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high0, high1));
}

/// Up to four elements of 16 activations, `y_stride` apart, with a lane for each activation.
VBMI_INLINE void load_lanes(int elements, const float *y, size_t y_stride, __m512 *sums) {
  const __mmask8 present = (__mmask8)((1 << elements) - 1);
  for (size_t j = 0; j < 4; j++) {
    __m128 quarter[4];
    for (size_t q = 0; q < 4; q++) quarter[q] = _mm_maskz_loadu_ps(present, y + (4 * q + j) * y_stride);
    const __m256 low = _mm256_insertf128_ps(_mm256_castps128_ps256(quarter[0]), quarter[1], 1);
    const __m256 high = _mm256_insertf128_ps(_mm256_castps128_ps256(quarter[2]), quarter[3], 1);
    sums[j] = _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
  }
  transpose_quarters(sums);
}

VBMI_INLINE void store_lanes(int elements, float *y, size_t y_stride, __m512 *sums) {
  const __mmask8 present = (__mmask8)((1 << elements) - 1);
  transpose_quarters(sums);
  for (size_t j = 0; j < 4; j++) {
    _mm_mask_storeu_ps(y + j * y_stride, present, _mm512_castps512_ps128(sums[j]));
    _mm_mask_storeu_ps(y + (4 + j) * y_stride, present, _mm512_extractf32x4_ps(sums[j], 1));
    _mm_mask_storeu_ps(y + (8 + j) * y_stride, present, _mm512_extractf32x4_ps(sums[j], 2));
    _mm_mask_storeu_ps(y + (12 + j) * y_stride, present, _mm512_extractf32x4_ps(sums[j], 3));
  }
}

/// As `add_escapes_of` for 16 activations with a lane each; the operations on an output are the same.
VBMI_INLINE void add_escapes_to_lanes(
  int elements, const ck_escapes *escapes, size_t first, size_t last, const float *lanes, float *y, size_t y_stride) {
  const int rest = elements > 4 ? elements - 4 : 0, own = elements - rest;
  for (size_t n = first; n < last; n++, y += elements) {
    const size_t end = escapes->starts[n + 1];
    size_t i = escapes->starts[n];
    if (i == end) continue;
    __m512 sums[8];
    load_lanes(own, y, y_stride, sums);
    if (rest) load_lanes(rest, y + 4, y_stride, sums + 4);
    for (; i < end; i += 4) {
      __m512 x[4];
      const float *values[4];
      for (size_t k = 0; k < 4; k++) {
        const ck_escape escape = escapes->list[i + k];
        x[k] = _mm512_loadu_ps(lanes + 16 * (size_t)escape.column);
        values[k] = escapes->values + (size_t)elements * escape.entry;
      }
      for (int e = 0; e < elements; e++) {
        const __m512 even = _mm512_fmadd_ps(x[2], _mm512_set1_ps(values[2][e]), _mm512_mul_ps(x[0], _mm512_set1_ps(values[0][e])));
        const __m512 odd = _mm512_fmadd_ps(x[3], _mm512_set1_ps(values[3][e]), _mm512_mul_ps(x[1], _mm512_set1_ps(values[1][e])));
        sums[e] = _mm512_add_ps(sums[e], _mm512_add_ps(even, odd));
      }
    }
    store_lanes(own, y, y_stride, sums);
    if (rest) store_lanes(rest, y + 4, y_stride, sums + 4);
  }
}

/// As `add_long_escapes` for 16 activations with a lane each.
VBMI_INLINE void add_long_escapes_to_lanes(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const float *lanes, float *y, size_t y_stride) {
  const __mmask16 present = lanes_below(vector_length);
  const size_t end = escapes->starts[last];
  for (size_t i = escapes->starts[first]; i < end; i++) {
    const ck_escape own = escapes->list[i];
    const __m512 values = _mm512_maskz_loadu_ps(present, escapes->values + own.entry * vector_length);
    float *target = y + vector_length * (escapes->rows[i / 4] - first);
    for (size_t t = 0; t < 16; t++, target += y_stride) {
      const __m512 sum = _mm512_fmadd_ps(
        _mm512_set1_ps(lanes[16 * (size_t)own.column + t]), values, _mm512_maskz_loadu_ps(present, target));
      _mm512_mask_storeu_ps(target, present, sum);
    }
  }
}

/// The escapes of 16 activations, for vectors of at most 16 elements.
VBMI_INLINE void add_escapes_of_16(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const float *lanes, float *y, size_t y_stride) {
  switch (vector_length) {
    case 2: add_escapes_to_lanes(2, escapes, first, last, lanes, y, y_stride); break;
    case 3: add_escapes_to_lanes(3, escapes, first, last, lanes, y, y_stride); break;
    case 4: add_escapes_to_lanes(4, escapes, first, last, lanes, y, y_stride); break;
    case 6: add_escapes_to_lanes(6, escapes, first, last, lanes, y, y_stride); break;
    case 8: add_escapes_to_lanes(8, escapes, first, last, lanes, y, y_stride); break;
    default: add_long_escapes_to_lanes(escapes, vector_length, first, last, lanes, y, y_stride);
  }
}

VBMI void ck_vbmi_add_escapes_many(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const ck_split_activation *x, size_t x_stride,
  size_t tokens, ck_token_lanes lanes, float *y, size_t y_stride) {
  if (!escapes->starts) return;
  size_t t = 0;
  for (; lanes.values && vector_length <= 16 && t + 16 <= tokens; t += 16) {
    const float *own = lanes.values + t / 16 * lanes.stride;
    add_escapes_of_16(escapes, vector_length, first, last, own, y + t * y_stride, y_stride);
  }
  t += add_escapes_by_fours(escapes, vector_length, first, last, x + t * x_stride, x_stride, tokens - t, y + t * y_stride, y_stride);
  for (; t < tokens; t++) ck_vbmi_add_escapes(escapes, vector_length, first, last, x[t * x_stride].values, y + t * y_stride);
}

#endif
