// AVX2: turns squares of floats around.

#ifndef CKERNELS_X86_AVX2_TRANSPOSE_H
#define CKERNELS_X86_AVX2_TRANSPOSE_H

#include "x86_avx2_bytes.h"

/// Turns four registers of four floats in each half around, in place.
AVX2_INLINE void transpose_halves(__m256 *a) {
  const __m256 b = _mm256_unpacklo_ps(a[0], a[1]), c = _mm256_unpackhi_ps(a[0], a[1]);
  const __m256 d = _mm256_unpacklo_ps(a[2], a[3]), e = _mm256_unpackhi_ps(a[2], a[3]);
  a[0] = _mm256_shuffle_ps(b, d, 0x44);
  a[1] = _mm256_shuffle_ps(b, d, 0xEE);
  a[2] = _mm256_shuffle_ps(c, e, 0x44);
  a[3] = _mm256_shuffle_ps(c, e, 0xEE);
}

/// Turns eight registers around, in place.
AVX2_INLINE void transpose_eight(__m256 *a) {
  transpose_halves(a);
  transpose_halves(a + 4);
  for (int i = 0; i < 4; i++) {
    const __m256 low = a[i], high = a[4 + i];
    a[i] = _mm256_permute2f128_ps(low, high, 0x20);
    a[4 + i] = _mm256_permute2f128_ps(low, high, 0x31);
  }
}

#endif
