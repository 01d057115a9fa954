// NEON: what the kernels for integers share.

#ifndef CKERNELS_ARM_NEON_INTEGERS_H
#define CKERNELS_ARM_NEON_INTEGERS_H

#include "plane_codes.h"
#include "tables.h"

#include <arm_neon.h>
#include <string.h>

#define NEON_INLINE static inline __attribute__((always_inline))

/// Sums of the rows of a band, an element of the vector after the other.
typedef struct { int32_t of[CK_BAND_ROWS]; } band_sums;

/// The most elements that are gone through at once; longer vectors in several passes.
enum { PASS = 8 };

/// Both digits of `columns` columns, whole blocks of 64 from column `first` on, in one number each.
NEON_INLINE void join_digits(const ck_split_activation *x, size_t first, size_t columns, int16_t *joined) {
  const uint16_t *large = large_before(x, x->large_blocks, first / 8), *end = x->large_blocks + x->large;
  for (size_t c = 0; c < columns; c += 64, joined += 64) {
    const int is_large = large < end && 64 * (size_t)*large == first + c;
    large += is_large;
    for (size_t i = 0; i < 64; i += 8) {
      const size_t at = first + c + i;
      int16x8_t digits = vmovl_s8(vld1_s8(x->low + at));
      if (is_large) digits = vaddq_s16(digits, vshlq_n_s16(vmovl_s8(vld1_s8(x->high + at)), 8));
      vst1q_s16(joined + i, digits);
    }
  }
}

/// Four vectors turned: number `i` of what comes back has the lanes `i`.
typedef struct { float32x4_t of[4]; } float_square;
NEON_INLINE float_square transposed(float_square rows) {
  const float64x2_t a = vreinterpretq_f64_f32(vtrn1q_f32(rows.of[0], rows.of[1]));
  const float64x2_t b = vreinterpretq_f64_f32(vtrn2q_f32(rows.of[0], rows.of[1]));
  const float64x2_t c = vreinterpretq_f64_f32(vtrn1q_f32(rows.of[2], rows.of[3]));
  const float64x2_t d = vreinterpretq_f64_f32(vtrn2q_f32(rows.of[2], rows.of[3]));
  return (float_square){{
    vreinterpretq_f32_f64(vtrn1q_f64(a, c)), vreinterpretq_f32_f64(vtrn1q_f64(b, d)),
    vreinterpretq_f32_f64(vtrn2q_f64(a, c)), vreinterpretq_f32_f64(vtrn2q_f64(b, d)),
  }};
}

/// Adds the sums of `elements` elements, from the first of `y` on, to the outputs of the first `rows` rows of a band.
void ck_neon_add_outputs(
  const ck_vq_planes *m, const ck_split_activation *x, const band_sums *sums, size_t rows, size_t elements, float *y);

/// Adds escapes of rows [first, last): the value of column `c` is `x[step * c]`.
void ck_neon_add_escapes(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const float *x, size_t step, float *y);

/// Adds the escapes of `tokens` activations, of whole groups of 16 from `lanes`, if it has any and vectors are short enough.
void ck_neon_add_escapes_many(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  ck_token_lanes lanes, float *y, size_t y_stride);

/// The products of one activation whose sums fit 32 bits with codebooks of any size, without escapes: entries are read one by one.
void ck_neon_planes_entries(const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y);

#endif
