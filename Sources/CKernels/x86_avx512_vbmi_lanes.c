// AVX-512: the activations of a prompt with a lane for each of 16.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx512_vbmi.h"

#define AVX512_INLINE VBMI_INLINE
#include "x86_avx512_transpose.h"

VBMI void ck_vbmi_token_lanes(const float *x, size_t x_stride, size_t tokens, size_t n, float *lanes) {
  for (size_t c = 0; c < n; c += 16) {
    const size_t width = n - c < 16 ? n - c : 16;
    const __mmask16 present = lanes_below(width);
    __m512 square[16];
    for (size_t t = 0; t < 16; t++) {
      square[t] = t < tokens ? _mm512_maskz_loadu_ps(present, x + t * x_stride + c) : _mm512_setzero_ps();
    }
    transpose16(square);
    for (size_t i = 0; i < width; i++) _mm512_storeu_ps(lanes + 16 * (c + i), square[i]);
  }
}

VBMI void ck_vbmi_gather_lanes(
  const float *x, const uint32_t *columns, const float *factors, size_t n, float *y, float *rows, size_t row_stride) {
  for (size_t i = 0; i < n; i += 16) {
    const size_t width = n - i < 16 ? n - i : 16;
    const __mmask16 present = lanes_below(width);
    __m512 square[16];
    for (size_t j = 0; j < 16; j++) {
      square[j] = _mm512_setzero_ps();
      if (j >= width) continue;
      square[j] = _mm512_loadu_ps(x + 16 * (columns ? (size_t)columns[i + j] : i + j));
      if (factors) square[j] = _mm512_mul_ps(square[j], _mm512_set1_ps(factors[i + j]));
      _mm512_storeu_ps(y + 16 * (i + j), square[j]);
    }
    transpose16(square);
    for (size_t t = 0; t < 16; t++) _mm512_mask_storeu_ps(rows + t * row_stride + i, present, square[t]);
  }
}

#endif
