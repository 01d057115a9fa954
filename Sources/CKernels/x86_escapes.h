// Escapes in registers of 128 and 256 bits. The file that includes this names its instructions in ESCAPES_TARGET.

#ifndef CKERNELS_X86_ESCAPES_H
#define CKERNELS_X86_ESCAPES_H

#include "tables.h"

#include <immintrin.h>

#define ESCAPES_INLINE static inline __attribute__((always_inline, ESCAPES_TARGET))

/// The lanes below `elements`.
ESCAPES_INLINE __m256i element_lanes(int elements) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(elements), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/// The first `elements` (at most eight) floats; up to four in half a register.
ESCAPES_INLINE __m256 load_elements(int elements, const float *from) {
  if (elements == 8) return _mm256_loadu_ps(from);
  if (elements == 4) return _mm256_castps128_ps256(_mm_loadu_ps(from));
  const __m256i lanes = element_lanes(elements);
  if (elements > 4) return _mm256_maskload_ps(from, lanes);
  return _mm256_castps128_ps256(_mm_maskload_ps(from, _mm256_castsi256_si128(lanes)));
}

/// Outputs, in pieces as wide as those that `store_outputs` writes: they may be read again at once.
ESCAPES_INLINE __m256 load_outputs(int elements, const float *from) {
  if (elements == 8 || elements == 4) return load_elements(elements, from);
  if (elements == 3) {
    const __m128 pair = _mm_castpd_ps(_mm_load_sd((const double *)(const void *)from));
    return _mm256_castps128_ps256(_mm_movelh_ps(pair, _mm_load_ss(from + 2)));
  }
  float own[8] = {0};
  for (int e = 0; e < elements; e++) own[e] = from[e];
  return _mm256_loadu_ps(own);
}

ESCAPES_INLINE void store_outputs(int elements, float *to, __m256 values) {
  const __m128 low = _mm256_castps256_ps128(values);
  if (elements == 8) {
    _mm256_storeu_ps(to, values);
  } else if (elements == 4) {
    _mm_storeu_ps(to, low);
  } else if (elements == 3) {
    _mm_store_sd((double *)(void *)to, _mm_castps_pd(low));
    _mm_store_ss(to + 2, _mm_movehl_ps(low, low));
  } else {
    float own[8];
    _mm256_storeu_ps(own, values);
    for (int e = 0; e < elements; e++) to[e] = own[e];
  }
}

/// `sum` and a value times `elements` others.
ESCAPES_INLINE __m256 escape_product(int elements, const float *value, __m256 others, __m256 sum) {
  if (elements > 4) return _mm256_fmadd_ps(_mm256_broadcast_ss(value), others, sum);
  return _mm256_castps128_ps256(_mm_fmadd_ps(
    _mm_broadcast_ss(value), _mm256_castps256_ps128(others), _mm256_castps256_ps128(sum)));
}

/// Four entries: what is added for each unit of which columns.
typedef struct { __m256 values[4]; size_t columns[4]; } four_escapes;

ESCAPES_INLINE four_escapes load_four(int elements, const ck_escapes *escapes, size_t i) {
  four_escapes four;
  for (size_t k = 0; k < 4; k++) {
    const ck_escape own = escapes->list[i + k];
    four.values[k] = load_elements(elements, escapes->values + (size_t)elements * own.entry);
    four.columns[k] = own.column;
  }
  return four;
}

/// A sum, and what four entries add.
ESCAPES_INLINE __m256 add_four(int elements, const four_escapes *four, const float *x, __m256 sum) {
  __m256 pairs[2];
  for (int k = 0; k < 2; k++) {
    pairs[k] = escape_product(elements, x + four->columns[k], four->values[k], _mm256_setzero_ps());
    pairs[k] = escape_product(elements, x + four->columns[k + 2], four->values[k + 2], pairs[k]);
  }
  return _mm256_add_ps(sum, _mm256_add_ps(pairs[0], pairs[1]));
}

/// From so many escapes in a row on, on average, a row is added up in a register.
enum { MANY_ESCAPES = 16 };

/// The escapes of rows [first, last) of vectors of up to eight elements.
///
/// Short rows have few, and how many cannot be foreseen: they are added four at a time without a branch on it. The operations
/// on an output are the same for long rows.
ESCAPES_INLINE void add_escapes_of(
  int elements, const ck_escapes *escapes, size_t first, size_t last, const float *x, float *y) {
  const size_t end = escapes->starts[last];
  size_t i = escapes->starts[first];
  if (end - i < MANY_ESCAPES * (last - first)) {
    for (; i < end; i += 4) {
      float *target = y + (size_t)elements * (escapes->rows[i / 4] - first);
      const four_escapes four = load_four(elements, escapes, i);
      store_outputs(elements, target, add_four(elements, &four, x, load_outputs(elements, target)));
    }
    return;
  }
  for (size_t n = first; n < last; n++, y += elements) {
    __m256 sum = load_outputs(elements, y);
    for (const size_t row_end = escapes->starts[n + 1]; i < row_end; i += 4) {
      const four_escapes four = load_four(elements, escapes, i);
      sum = add_four(elements, &four, x, sum);
    }
    store_outputs(elements, y, sum);
  }
}

/// As `add_escapes_of` for `tokens` activations, to outputs `y_stride` apart.
ESCAPES_INLINE void add_escapes_of_several(
  int elements, int tokens, const ck_escapes *escapes, size_t first, size_t last, const float *const *x, float *y,
  size_t y_stride) {
  const size_t end = escapes->starts[last];
  for (size_t i = escapes->starts[first]; i < end; i += 4) {
    const four_escapes four = load_four(elements, escapes, i);
    float *target = y + (size_t)elements * (escapes->rows[i / 4] - first);
    for (int t = 0; t < tokens; t++, target += y_stride) {
      store_outputs(elements, target, add_four(elements, &four, x[t], load_outputs(elements, target)));
    }
  }
}

/// Activations whose values stay in the first-level cache while the escapes of all rows are gone through.
enum { ESCAPE_TOKENS = 4 };

ESCAPES_INLINE void escapes_of_four_tokens(
  int elements, const ck_escapes *escapes, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, float *y,
  size_t y_stride) {
  const float *values[ESCAPE_TOKENS];
  for (size_t t = 0; t < ESCAPE_TOKENS; t++) values[t] = x[t * x_stride].values;
  add_escapes_of_several(elements, ESCAPE_TOKENS, escapes, first, last, values, y, y_stride);
}

/// The escapes of whole fours of `tokens` activations, where vectors have a length for which there is such a function. Returns how many activations.
ESCAPES_INLINE size_t add_escapes_by_fours(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const ck_split_activation *x, size_t x_stride,
  size_t tokens, float *y, size_t y_stride) {
  size_t t = 0;
  for (; t + ESCAPE_TOKENS <= tokens; t += ESCAPE_TOKENS, x += ESCAPE_TOKENS * x_stride, y += ESCAPE_TOKENS * y_stride) {
    if (vector_length == 8) escapes_of_four_tokens(8, escapes, first, last, x, x_stride, y, y_stride);
    else if (vector_length == 4) escapes_of_four_tokens(4, escapes, first, last, x, x_stride, y, y_stride);
    else if (vector_length == 3) escapes_of_four_tokens(3, escapes, first, last, x, x_stride, y, y_stride);
    else break;
  }
  return t;
}

#endif
