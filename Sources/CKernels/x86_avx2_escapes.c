// AVX2: adds what bytes cannot say (`ck_escapes`) to the products with codebooks.

#include "tables.h"

#if defined(__x86_64__)

#define ESCAPES_TARGET target("avx2,fma,f16c")
#include "x86_avx2_transpose.h"
#include "x86_escapes.h"

AVX2 void ck_avx2_add_escapes(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const float *x, float *y) {
  if (!escapes->starts) return;
  if (vector_length > 8) ck_add_escapes(escapes, vector_length, first, last, x, y);
  else if (vector_length == 8) add_escapes_of(8, escapes, first, last, x, y);
  else if (vector_length == 4) add_escapes_of(4, escapes, first, last, x, y);
  else if (vector_length == 3) add_escapes_of(3, escapes, first, last, x, y);
  else add_escapes_of((int)vector_length, escapes, first, last, x, y);
}

/// Lanes that fill a register.
enum { LANES = 8 };

/// As `add_escapes_of` for eight activations with a lane each, of 16 that `lanes` has; the operations on an output are the same.
AVX2_INLINE void add_escapes_to_lanes(
  int elements, const ck_escapes *escapes, size_t first, size_t last, const float *lanes, float *y, size_t y_stride) {
  for (size_t n = first; n < last; n++, y += elements) {
    const size_t end = escapes->starts[n + 1];
    size_t i = escapes->starts[n];
    if (i == end) continue;
    __m256 sums[LANES];
    for (size_t t = 0; t < LANES; t++) sums[t] = load_outputs(elements, y + t * y_stride);
    transpose_eight(sums);
    for (; i < end; i += 4) {
      __m256 x[4];
      const float *values[4];
      for (size_t k = 0; k < 4; k++) {
        const ck_escape escape = escapes->list[i + k];
        x[k] = _mm256_loadu_ps(lanes + 16 * (size_t)escape.column);
        values[k] = escapes->values + (size_t)elements * escape.entry;
      }
      for (int e = 0; e < elements; e++) {
        const __m256 even = _mm256_fmadd_ps(
          x[2], _mm256_broadcast_ss(values[2] + e), _mm256_mul_ps(x[0], _mm256_broadcast_ss(values[0] + e)));
        const __m256 odd = _mm256_fmadd_ps(
          x[3], _mm256_broadcast_ss(values[3] + e), _mm256_mul_ps(x[1], _mm256_broadcast_ss(values[1] + e)));
        sums[e] = _mm256_add_ps(sums[e], _mm256_add_ps(even, odd));
      }
    }
    transpose_eight(sums);
    for (size_t t = 0; t < LANES; t++) store_outputs(elements, y + t * y_stride, sums[t]);
  }
}

/// As `ck_add_escapes` for eight activations with a lane each: not inlined, for with the instructions of its caller products and sums would
/// become one operation.
static __attribute__((noinline)) void add_long_escapes_to_lanes(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const float *lanes, float *y, size_t y_stride) {
  for (size_t n = first; n < last; n++, y += vector_length) {
    for (size_t i = escapes->starts[n]; i < escapes->starts[n + 1]; i++) {
      const float *x = lanes + 16 * (size_t)escapes->list[i].column;
      const float *rest = escapes->values + escapes->list[i].entry * vector_length;
      for (size_t t = 0; t < LANES; t++) {
        for (size_t e = 0; e < vector_length; e++) y[t * y_stride + e] += x[t] * rest[e];
      }
    }
  }
}

AVX2 static void escapes_of_eight(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const float *lanes, float *y, size_t y_stride) {
  switch (vector_length) {
    case 2: add_escapes_to_lanes(2, escapes, first, last, lanes, y, y_stride); break;
    case 3: add_escapes_to_lanes(3, escapes, first, last, lanes, y, y_stride); break;
    case 4: add_escapes_to_lanes(4, escapes, first, last, lanes, y, y_stride); break;
    case 6: add_escapes_to_lanes(6, escapes, first, last, lanes, y, y_stride); break;
    case 8: add_escapes_to_lanes(8, escapes, first, last, lanes, y, y_stride); break;
    default:
      if (vector_length > 8) add_long_escapes_to_lanes(escapes, vector_length, first, last, lanes, y, y_stride);
      else add_escapes_to_lanes((int)vector_length, escapes, first, last, lanes, y, y_stride);
  }
}

AVX2 void ck_avx2_add_escapes_many(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const ck_split_activation *x, size_t x_stride,
  size_t tokens, ck_token_lanes lanes, float *y, size_t y_stride) {
  if (!escapes->starts) return;
  size_t t = 0;
  // Activations with lanes may have no values of their own.
  for (; lanes.values && vector_length <= 16 && t + 16 <= tokens; t += 16) {
    const float *own = lanes.values + t / 16 * lanes.stride;
    escapes_of_eight(escapes, vector_length, first, last, own, y + t * y_stride, y_stride);
    escapes_of_eight(escapes, vector_length, first, last, own + LANES, y + (t + LANES) * y_stride, y_stride);
  }
  t += add_escapes_by_fours(escapes, vector_length, first, last, x + t * x_stride, x_stride, tokens - t, y + t * y_stride, y_stride);
  for (; t < tokens; t++) ck_avx2_add_escapes(escapes, vector_length, first, last, x[t * x_stride].values, y + t * y_stride);
}

#endif
