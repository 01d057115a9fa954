// Splits an activation into integers for the products with small codebooks.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx512_vbmi.h"
#include "split_unit.h"

#include <math.h>

/// Sixteen values from `i` on, 0 for those that are not among the first `n`.
VBMI_INLINE __m512 values_from(const float *x, size_t n, size_t i) {
  return i + 16 <= n ? _mm512_loadu_ps(x + i) : _mm512_maskz_loadu_ps(lanes_below(i < n ? n - i : 0), x + i);
}

/// As `name_large_blocks`, without a maximum across lanes for every block.
VBMI_INLINE float name_large(ck_split_activation *split, const float *x, size_t n, float limit) {
  __m512 rest = _mm512_setzero_ps();
  for (size_t b = 0; b < split->blocks; b++) {
    __m512 peaks[4];
    for (size_t k = 0; k < 4; k++) peaks[k] = _mm512_abs_ps(values_from(x, n, 64 * b + 16 * k));
    const __m512 peak = _mm512_max_ps(_mm512_max_ps(peaks[0], peaks[1]), _mm512_max_ps(peaks[2], peaks[3]));
    if (_mm512_cmp_ps_mask(peak, _mm512_set1_ps(limit), _CMP_GT_OQ)) {
      split->large_blocks[split->large++] = (uint16_t)b;
      continue;
    }
    _mm512_storeu_si512(split->high + 64 * b, _mm512_setzero_si512());
    rest = _mm512_max_ps(rest, peak);
  }
  return _mm512_reduce_max_ps(rest);
}

/// The low digits (and the high ones, if wanted) of one block; adds them up.
VBMI_INLINE void split_block(
  const float *x, size_t n, size_t b, __m512 inverse, int is_large, ck_split_activation *split, __m512i *low_sum,
  __m512i *high_sum, __m512i *magnitudes) {
  const __m512i byte = _mm512_set1_epi32(255), half = _mm512_set1_epi32(128);
  for (size_t i = 64 * b; i < 64 * b + 64; i += 16) {
    const __m512i value = _mm512_cvtps_epi32(_mm512_mul_ps(values_from(x, n, i), inverse));
    __m512i low = value;
    if (is_large) {
      low = _mm512_sub_epi32(_mm512_and_si512(_mm512_add_epi32(value, half), byte), half);
      const __m512i high = _mm512_srai_epi32(_mm512_sub_epi32(value, low), 8);
      _mm_storeu_si128((__m128i *)(split->high + i), _mm512_cvtepi32_epi8(high));
      *high_sum = _mm512_add_epi32(*high_sum, high);
      low = _mm512_max_epi32(low, _mm512_set1_epi32(-127));
    }
    _mm_storeu_si128((__m128i *)(split->low + i), _mm512_cvtepi32_epi8(low));
    *low_sum = _mm512_add_epi32(*low_sum, low);
    *magnitudes = _mm512_add_epi32(*magnitudes, _mm512_abs_epi32(value));
  }
}

VBMI void ck_vbmi_split_activation(const float *x, size_t n, float large_value, ck_split_activation *split) {
  // Four sets, so that no sum waits for itself.
  __m512 squares[4], peaks[4];
  for (size_t k = 0; k < 4; k++) squares[k] = peaks[k] = _mm512_setzero_ps();
  for (size_t i = 0; i < n; i += 64) {
    for (size_t k = 0; k < 4; k++) {
      const __m512 value = values_from(x, n, i + 16 * k);
      squares[k] = _mm512_fmadd_ps(value, value, squares[k]);
      peaks[k] = _mm512_max_ps(peaks[k], _mm512_abs_ps(value));
    }
  }
  const float energy = _mm512_reduce_add_ps(
    _mm512_add_ps(_mm512_add_ps(squares[0], squares[1]), _mm512_add_ps(squares[2], squares[3])));
  const float largest = _mm512_reduce_max_ps(
    _mm512_max_ps(_mm512_max_ps(peaks[0], peaks[1]), _mm512_max_ps(peaks[2], peaks[3])));
  // Not finite, or huge.
  if (!(energy < INFINITY)) {
    ck_portable_split_activation(x, n, large_value, split);
    return;
  }
  const float rest = name_large(split, x, n, begin_split(split, x, n, large_value, energy, largest));
  const __m512 inverse = _mm512_set1_ps(choose_unit(split, rest, largest));
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
  split->is_narrow = _mm512_reduce_add_epi32(magnitudes) < CK_NARROW_SUM;
  name_eights(split);
}

#endif
