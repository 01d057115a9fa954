// Escapes of a row in registers of 128 and 256 bits. The file that includes this names its instructions in ESCAPES_TARGET.

#ifndef CKERNELS_X86_ESCAPES_H
#define CKERNELS_X86_ESCAPES_H

#include "tables.h"

#include <immintrin.h>

#define ESCAPES_INLINE static inline __attribute__((always_inline, ESCAPES_TARGET))

/// The lanes below `elements`.
ESCAPES_INLINE __m256i element_lanes(int elements) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(elements), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/// The first `elements` (at most eight) floats.
ESCAPES_INLINE __m256 load_elements(int elements, const float *from) {
  if (elements == 8) return _mm256_loadu_ps(from);
  if (elements == 4) return _mm256_castps128_ps256(_mm_loadu_ps(from));
  const __m256i lanes = element_lanes(elements);
  if (elements > 4) return _mm256_maskload_ps(from, lanes);
  return _mm256_castps128_ps256(_mm_maskload_ps(from, _mm256_castsi256_si128(lanes)));
}

ESCAPES_INLINE void store_elements(int elements, float *to, __m256 values) {
  if (elements == 8) _mm256_storeu_ps(to, values);
  else if (elements == 4) _mm_storeu_ps(to, _mm256_castps256_ps128(values));
  else _mm256_maskstore_ps(to, element_lanes(elements), values);
}

/// What one escape adds; up to four elements in half a register.
ESCAPES_INLINE __m256 add_escape(int elements, const ck_escapes *escapes, size_t i, const float *x, __m256 sum) {
  const ck_escape own = escapes->list[i];
  const __m256 values = load_elements(elements, escapes->values + (size_t)elements * own.entry);
  if (elements > 4) return _mm256_fmadd_ps(_mm256_broadcast_ss(x + own.column), values, sum);
  return _mm256_castps128_ps256(_mm_fmadd_ps(
    _mm_broadcast_ss(x + own.column), _mm256_castps256_ps128(values), _mm256_castps256_ps128(sum)));
}

ESCAPES_INLINE __m256 sum_of_two(int elements, __m256 a, __m256 b) {
  if (elements > 4) return _mm256_add_ps(a, b);
  return _mm256_castps128_ps256(_mm_add_ps(_mm256_castps256_ps128(a), _mm256_castps256_ps128(b)));
}

/// The escapes [begin, end) of one row of vectors of up to eight elements, in four chains so that additions do not wait for
/// each other.
ESCAPES_INLINE void add_row_escapes_of(
  int elements, const ck_escapes *escapes, size_t begin, size_t end, const float *x, float *y) {
  __m256 chains[4] = {load_elements(elements, y), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
  size_t i = begin;
  for (; i + 4 <= end; i += 4) {
    for (size_t c = 0; c < 4; c++) chains[c] = add_escape(elements, escapes, i + c, x, chains[c]);
  }
  // Chains stay in registers: each by its own number.
  if (i < end) chains[0] = add_escape(elements, escapes, i, x, chains[0]);
  if (i + 1 < end) chains[1] = add_escape(elements, escapes, i + 1, x, chains[1]);
  if (i + 2 < end) chains[2] = add_escape(elements, escapes, i + 2, x, chains[2]);
  store_elements(
    elements, y,
    sum_of_two(
      elements, sum_of_two(elements, chains[0], chains[1]), sum_of_two(elements, chains[2], chains[3])));
}

#endif
