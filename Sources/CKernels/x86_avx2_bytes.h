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

AVX2_INLINE __m256i sixteen_digits(const int8_t *from) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)from));
}

/// Both digits of a block of 64 columns in one number each, to a multiple of 32 bytes.
AVX2_INLINE void join_digits(const ck_split_activation *x, size_t first, int is_large, int16_t *joined) {
  for (size_t c = 0; c < 64; c += 16) {
    __m256i digits = sixteen_digits(x->low + first + c);
    if (is_large) digits = _mm256_add_epi16(digits, _mm256_slli_epi16(sixteen_digits(x->high + first + c), 8));
    _mm256_store_si256((__m256i *)(joined + c), digits);
  }
}

/// As `vq_planes_many` without escapes, for codebooks of any size and activations whose sums fit 32 bits.
void ck_avx2_vq_entries(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens, float *y,
  size_t y_stride);

void ck_avx2_add_escapes(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const float *x, float *y);

/// The same for `tokens` activations.
void ck_avx2_add_escapes_many(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const ck_split_activation *x, size_t x_stride,
  size_t tokens, ck_token_lanes lanes, float *y, size_t y_stride);

#endif
