// NEON: activations and rows of a dense matrix as integers.

#include "tables.h"

#if defined(__aarch64__)

#include "arm_neon_integers.h"
#include "arm_neon_table.h"
#include "split_unit.h"

#include <math.h>

/// Four values from `i` on, 0 for those that are not among the first `n`.
NEON_INLINE float32x4_t values_from(const float *x, size_t n, size_t i) {
  if (i + 4 <= n) return vld1q_f32(x + i);
  float values[4] = {0};
  for (size_t k = i; k < n; k++) values[k - i] = x[k];
  return vld1q_f32(values);
}

static float block_peak(const float *x, size_t n, size_t b) {
  float32x4_t peak = vdupq_n_f32(0);
  for (size_t i = 64 * b; i < 64 * b + 64; i += 4) peak = vmaxq_f32(peak, vabsq_f32(values_from(x, n, i)));
  return vmaxvq_f32(peak);
}

/// Sixteen integers that fit bytes.
NEON_INLINE int8x16_t as_bytes(const int32x4_t *a) {
  const int16x8_t low = vcombine_s16(vmovn_s32(a[0]), vmovn_s32(a[1])), high = vcombine_s16(vmovn_s32(a[2]), vmovn_s32(a[3]));
  return vcombine_s8(vmovn_s16(low), vmovn_s16(high));
}

/// Sums over the digits of an activation.
typedef struct { int32x4_t low, high, magnitudes; } digit_sums;

/// The low digits (and the high ones, if wanted) of one block; the sums with them.
NEON_INLINE digit_sums split_block(
  const float *x, size_t n, size_t b, float inverse, int is_large, ck_split_activation *split, digit_sums sums) {
  const int32x4_t half = vdupq_n_s32(128);
  for (size_t i = 64 * b; i < 64 * b + 64; i += 16) {
    int32x4_t low[4], high[4];
    for (size_t k = 0; k < 4; k++) {
      const int32x4_t value = vcvtnq_s32_f32(vmulq_n_f32(values_from(x, n, i + 4 * k), inverse));
      sums.magnitudes = vaddq_s32(sums.magnitudes, vabsq_s32(value));
      low[k] = value;
      if (is_large) {
        low[k] = vsubq_s32(vandq_s32(vaddq_s32(value, half), vdupq_n_s32(255)), half);
        high[k] = vshrq_n_s32(vsubq_s32(value, low[k]), 8);
        sums.high = vaddq_s32(sums.high, high[k]);
        low[k] = vmaxq_s32(low[k], vdupq_n_s32(-127));
      }
      sums.low = vaddq_s32(sums.low, low[k]);
    }
    vst1q_s8(split->low + i, as_bytes(low));
    if (is_large) vst1q_s8(split->high + i, as_bytes(high));
  }
  return sums;
}

void ck_neon_split_activation(const float *x, size_t n, float large_value, ck_split_activation *split) {
  float32x4_t squares[4], peaks[4];
  for (int k = 0; k < 4; k++) squares[k] = peaks[k] = vdupq_n_f32(0);
  for (size_t i = 0; i < n; i += 16) {
    for (size_t k = 0; k < 4; k++) {
      const float32x4_t value = values_from(x, n, i + 4 * k);
      squares[k] = vfmaq_f32(squares[k], value, value);
      peaks[k] = vmaxq_f32(peaks[k], vabsq_f32(value));
    }
  }
  const float energy = vaddvq_f32(vaddq_f32(vaddq_f32(squares[0], squares[1]), vaddq_f32(squares[2], squares[3])));
  const float largest = vmaxvq_f32(vmaxq_f32(vmaxq_f32(peaks[0], peaks[1]), vmaxq_f32(peaks[2], peaks[3])));
  // Not finite, or huge.
  if (!(energy < INFINITY)) {
    ck_portable_split_activation(x, n, large_value, split);
    return;
  }
  const float limit = begin_split(split, x, n, large_value, energy, largest);
  const float inverse = choose_unit(split, name_large_blocks(split, x, n, limit, block_peak), largest);
  digit_sums sums = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
  size_t next = 0;
  for (size_t b = 0; b < split->blocks; b++) {
    const int is_large = next < split->large && split->large_blocks[next] == b;
    next += is_large;
    sums = is_large ? split_block(x, n, b, inverse, 1, split, sums) : split_block(x, n, b, inverse, 0, split, sums);
  }
  split->sum_low = vaddvq_s32(sums.low);
  split->sum_high = vaddvq_s32(sums.high);
  // At most 65536 values of up to 32512.
  split->is_narrow = vaddvq_s32(sums.magnitudes) < CK_NARROW_SUM;
  name_eights(split);
}

/// Eight values times `inverse` as bytes, biased by 128.
NEON_INLINE uint8x8_t eight_bytes(const float *values, float inverse) {
  int16x4_t integers[2];
  for (size_t k = 0; k < 2; k++) {
    const float32x4_t value = vmulq_n_f32(vld1q_f32(values + 4 * k), inverse);
    const float32x4_t bounded = vmaxq_f32(vdupq_n_f32(-127), vminq_f32(vdupq_n_f32(127), value));
    integers[k] = vmovn_s32(vcvtnq_s32_f32(bounded));
  }
  return veor_u8(vreinterpret_u8_s8(vmovn_s16(vcombine_s16(integers[0], integers[1]))), vdup_n_u8(128));
}

float ck_neon_byte_row(const float *values, size_t eights, uint8_t *bytes) {
  float32x4_t peaks = vdupq_n_f32(0);
  // A maximum with what is no number is none.
  for (size_t c = 0; c < 8 * eights; c += 4) peaks = vmaxq_f32(peaks, vabsq_f32(vld1q_f32(values + c)));
  const float largest = vmaxvq_f32(peaks);
  if (!(largest < INFINITY)) return ck_portable_byte_row(values, eights, bytes);
  const float scale = largest / 127, inverse = scale > 1e-37f ? 1 / scale : 0;
  for (size_t i = 0; i < eights; i++) vst1_u8(bytes + 64 * i, eight_bytes(values + 8 * i, inverse));
  return scale;
}

#endif
