// NEON: products of bytes by the base architecture (ARMv8.0-A).

#include "tables.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#define PLANES_TARGET
#define PLANES_NAME(kernel) ck_neon_base_##kernel

/// Pairs fit 16 bits: no digit is -128.
static inline int32x4_t dot(int32x4_t sum, int8x16_t bytes, int8x16_t digits) {
  const int16x8_t low = vmull_s8(vget_low_s8(bytes), vget_low_s8(digits)), high = vmull_high_s8(bytes, digits);
  return vpadalq_s16(sum, vpaddq_s16(low, high));
}

#include "arm_neon_planes.h"

#endif
