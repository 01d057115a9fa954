// A square of 16 floats in registers. The file that includes this defines AVX512_INLINE.

#ifndef CKERNELS_X86_AVX512_TRANSPOSE_H
#define CKERNELS_X86_AVX512_TRANSPOSE_H

#include <immintrin.h>

/// Transposes sixteen vectors in place.
AVX512_INLINE void transpose16(__m512 row[16]) {
  __m512 t[16];
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_ps(row[2 * i], row[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_ps(row[2 * i], row[2 * i + 1]);
  }
  // Afterwards row[4 i + j] holds column 4 q + j of rows 4 i ... 4 i + 3 in its quarter q.
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 2; j++) {
      const __m512d a = _mm512_castps_pd(t[4 * i + j]), b = _mm512_castps_pd(t[4 * i + j + 2]);
      row[4 * i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
      row[4 * i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
  }
  for (int j = 0; j < 4; j++) {
    const __m512 low = _mm512_shuffle_f32x4(row[j], row[4 + j], 0x88);
    const __m512 high = _mm512_shuffle_f32x4(row[8 + j], row[12 + j], 0x88);
    const __m512 odd_low = _mm512_shuffle_f32x4(row[j], row[4 + j], 0xDD);
    const __m512 odd_high = _mm512_shuffle_f32x4(row[8 + j], row[12 + j], 0xDD);
    t[j] = _mm512_shuffle_f32x4(low, high, 0x88);
    t[8 + j] = _mm512_shuffle_f32x4(low, high, 0xDD);
    t[4 + j] = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
    t[12 + j] = _mm512_shuffle_f32x4(odd_low, odd_high, 0xDD);
  }
  for (int i = 0; i < 16; i++) row[i] = t[i];
}

#endif
