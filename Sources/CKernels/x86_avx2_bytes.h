// What the AVX2 kernels for bytes share: products of bytes with digits.

#ifndef CKERNELS_X86_AVX2_BYTES_H
#define CKERNELS_X86_AVX2_BYTES_H

#include "tables.h"

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma,f16c")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2,fma,f16c")))

AVX2_INLINE __m256i load_values(const int8_t *from) { return _mm256_loadu_si256((const __m256i *)from); }

/// Products of 32 bytes with digits, added up by fours.
///
/// Magnitudes of bytes are multiplied by digits with a sign: 2 * 128 * 127 fits the 16 bits of a pair, which 2 * 255 * 127 would not. That
/// changes the sign of digits, of which none is -128.
AVX2_INLINE __m256i signed_products(__m256i bytes, __m256i digits) {
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(bytes), _mm256_sign_epi8(digits, bytes));
  return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

void ck_avx2_add_escapes(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const float *x, float *y);

#endif
