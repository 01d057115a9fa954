// Splits an activation into integers for the products with small codebooks, and adds what bytes cannot say.

#include "tables.h"

#if defined(__x86_64__)

#define ESCAPES_TARGET TARGET
#include "x86_avx512_vbmi.h"
#include "x86_escapes.h"
#include "split_unit.h"

#include <math.h>

/// The mask of those of the 16 values from `i` on that lie below `n`.
VBMI_INLINE __mmask16 lanes_below(size_t i, size_t n) {
  return i >= n ? 0 : n - i < 16 ? (__mmask16)((1u << (n - i)) - 1) : 0xFFFF;
}

/// The largest magnitude of block `b`.
VBMI static float block_peak(const float *x, size_t n, size_t b) {
  __m512 peak = _mm512_setzero_ps();
  for (size_t i = 64 * b; i < 64 * b + 64; i += 16) {
    peak = _mm512_max_ps(peak, _mm512_abs_ps(_mm512_maskz_loadu_ps(lanes_below(i, n), x + i)));
  }
  return _mm512_reduce_max_ps(peak);
}

/// The low digits (and the high ones, if wanted) of one block; adds them up.
VBMI_INLINE void split_block(
  const float *x, size_t n, size_t b, __m512 inverse, int is_large, ck_split_activation *split, __m512i *low_sum,
  __m512i *high_sum, __m512i *magnitudes) {
  const __m512i byte = _mm512_set1_epi32(255), half = _mm512_set1_epi32(128);
  for (size_t i = 64 * b; i < 64 * b + 64; i += 16) {
    const __m512i value = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_maskz_loadu_ps(lanes_below(i, n), x + i), inverse));
    __m512i low = value;
    if (is_large) {
      low = _mm512_sub_epi32(_mm512_and_si512(_mm512_add_epi32(value, half), byte), half);
      const __m512i high = _mm512_srai_epi32(_mm512_sub_epi32(value, low), 8);
      _mm_storeu_si128((__m128i *)(split->high + i), _mm512_cvtepi32_epi8(high));
      *high_sum = _mm512_add_epi32(*high_sum, high);
    }
    _mm_storeu_si128((__m128i *)(split->low + i), _mm512_cvtepi32_epi8(low));
    *low_sum = _mm512_add_epi32(*low_sum, low);
    *magnitudes = _mm512_add_epi32(*magnitudes, _mm512_abs_epi32(value));
  }
}

VBMI void ck_vbmi_split_activation(const float *x, size_t n, float large_value, ck_split_activation *split) {
  __m512 squares = _mm512_setzero_ps(), peaks = squares;
  for (size_t i = 0; i < n; i += 16) {
    const __m512 value = _mm512_maskz_loadu_ps(lanes_below(i, n), x + i);
    squares = _mm512_fmadd_ps(value, value, squares);
    peaks = _mm512_max_ps(peaks, _mm512_abs_ps(value));
  }
  const float energy = _mm512_reduce_add_ps(squares), largest = _mm512_reduce_max_ps(peaks);
  // Not finite, or huge.
  if (!(energy < INFINITY)) {
    ck_portable_split_activation(x, n, large_value, split);
    return;
  }
  const __m512 inverse = _mm512_set1_ps(choose_unit(split, x, n, large_value, energy, largest, block_peak));
  __m512i low_sum = _mm512_setzero_si512(), high_sum = low_sum, magnitudes = low_sum;
  size_t next = 0;
  for (size_t b = 0; b < split->blocks; b++) {
    if (next < split->large && split->large_blocks[next] == b) {
      next++;
      split_block(x, n, b, inverse, 1, split, &low_sum, &high_sum, &magnitudes);
    } else {
      split_block(x, n, b, inverse, 0, split, &low_sum, &high_sum, &magnitudes);
    }
  }
  split->sum_low = _mm512_reduce_add_epi32(low_sum);
  split->sum_high = _mm512_reduce_add_epi32(high_sum);
  // At most 65536 values of up to 32512.
  split->is_narrow = _mm512_reduce_add_epi32(magnitudes) < 1 << 24;
}

/// The escapes of rows of vectors of up to 16 elements.
VBMI_INLINE void add_long_escapes(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const float *x, float *y) {
  const __mmask16 lanes = lanes_below(0, vector_length);
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

/// Activations whose values stay in the first-level cache while the escapes of all rows are gone through.
enum { ESCAPE_TOKENS = 4 };

VBMI_INLINE void escapes_of_four_tokens(
  int elements, const ck_escapes *escapes, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, float *y,
  size_t y_stride) {
  const float *values[ESCAPE_TOKENS];
  for (size_t t = 0; t < ESCAPE_TOKENS; t++) values[t] = x[t * x_stride].values;
  add_escapes_of_several(elements, ESCAPE_TOKENS, escapes, first, last, values, y, y_stride);
}

VBMI void ck_vbmi_add_escapes_many(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const ck_split_activation *x, size_t x_stride,
  size_t tokens, float *y, size_t y_stride) {
  if (!escapes->starts) return;
  size_t t = 0;
  for (; t + ESCAPE_TOKENS <= tokens; t += ESCAPE_TOKENS) {
    const ck_split_activation *own = x + t * x_stride;
    float *target = y + t * y_stride;
    if (vector_length == 8) escapes_of_four_tokens(8, escapes, first, last, own, x_stride, target, y_stride);
    else if (vector_length == 4) escapes_of_four_tokens(4, escapes, first, last, own, x_stride, target, y_stride);
    else if (vector_length == 3) escapes_of_four_tokens(3, escapes, first, last, own, x_stride, target, y_stride);
    else break;
  }
  for (; t < tokens; t++) ck_vbmi_add_escapes(escapes, vector_length, first, last, x[t * x_stride].values, y + t * y_stride);
}

#endif
