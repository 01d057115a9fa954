// NEON: the activations of a prompt with a lane for each of 16.

#include "tables.h"

#if defined(__aarch64__)

#include "arm_neon_integers.h"
#include "arm_neon_table.h"

void ck_neon_token_lanes(const float *x, size_t x_stride, size_t tokens, size_t n, float *lanes) {
  const size_t whole = tokens == 16 ? n / 4 * 4 : 0;
  for (size_t c = 0; c < whole; c += 4) {
    for (size_t t = 0; t < 16; t += 4) {
      float_square square;
      for (size_t i = 0; i < 4; i++) square.of[i] = vld1q_f32(x + (t + i) * x_stride + c);
      square = transposed(square);
      for (size_t i = 0; i < 4; i++) vst1q_f32(lanes + 16 * (c + i) + t, square.of[i]);
    }
  }
  ck_portable_token_lanes(x + whole, x_stride, tokens, n - whole, lanes + 16 * whole);
}

void ck_neon_gather_lanes(
  const float *x, const uint32_t *columns, const float *factors, size_t n, float *y, float *rows, size_t row_stride) {
  const size_t whole = n / 4 * 4;
  for (size_t c = 0; c < whole; c += 4) {
    for (size_t t = 0; t < 16; t += 4) {
      float_square square;
      for (size_t i = 0; i < 4; i++) {
        const float32x4_t own = vld1q_f32(x + 16 * (columns ? columns[c + i] : c + i) + t);
        square.of[i] = factors ? vmulq_n_f32(own, factors[c + i]) : own;
        vst1q_f32(y + 16 * (c + i) + t, square.of[i]);
      }
      square = transposed(square);
      for (size_t i = 0; i < 4; i++) vst1q_f32(rows + (t + i) * row_stride + c, square.of[i]);
    }
  }
  for (size_t c = whole; c < n; c++) {
    const float *own = x + 16 * (columns ? columns[c] : c);
    for (size_t t = 0; t < 16; t++) y[16 * c + t] = rows[t * row_stride + c] = factors ? own[t] * factors[c] : own[t];
  }
}

#endif
