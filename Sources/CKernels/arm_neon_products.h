// NEON: sums of products of bytes, which lie in blocks of eight columns of a band, with the digits of activations. What the file that includes this
// says is told in `arm_neon_planes.h`.

#include "arm_neon_integers.h"

#define PLANES_INLINE static inline __attribute__((always_inline)) PLANES_TARGET

/// Registers of 16 bytes that eight columns of a band fill, of two rows each.
enum { QUARTERS = CK_BAND_ROWS / 2 };

/// Activations whose sums are in registers together.
enum { TOKENS = 4 };

/// Digits of eight columns, for two rows.
PLANES_INLINE int8x16_t eight_columns(const int8_t *digits) {
  int64_t eight;
  memcpy(&eight, digits, sizeof eight);
  return vreinterpretq_s8_s64(vdupq_n_s64(eight));
}

/// Two sums for each row of a band.
typedef struct { int32x4_t of[QUARTERS]; } lane_sums;

PLANES_INLINE lane_sums no_lanes(void) {
  lane_sums sums;
  for (int q = 0; q < QUARTERS; q++) sums.of[q] = vdupq_n_s32(0);
  return sums;
}

/// 64 bytes with a sign.
typedef struct { int8x16_t of[QUARTERS]; } block_values;

/// The bytes at `from`, in which `flip` is turned.
PLANES_INLINE block_values values_at(const uint8_t *from, uint8_t flip) {
  block_values values;
  for (int q = 0; q < QUARTERS; q++) {
    const uint8x16_t own = vld1q_u8(from + 16 * q);
    values.of[q] = vreinterpretq_s8_u8(flip ? veorq_u8(own, vdupq_n_u8(flip)) : own);
  }
  return values;
}

PLANES_INLINE lane_sums with_block(lane_sums sums, block_values values, const int8_t *digits) {
  const int8x16_t x = eight_columns(digits);
  for (int q = 0; q < QUARTERS; q++) sums.of[q] = dot(sums.of[q], values.of[q], x);
  return sums;
}

typedef struct { lane_sums of[TOKENS]; } token_sums;

/// The products of `blocks` blocks with the digits of `tokens` activations.
PLANES_INLINE token_sums products(int tokens, const uint8_t *bytes, uint8_t flip, size_t blocks, const int8_t *const *digits) {
  token_sums sums;
  for (int t = 0; t < tokens; t++) sums.of[t] = no_lanes();
  for (size_t b = 0; b < blocks; b++) {
    const block_values values = values_at(bytes + 64 * b, flip);
    for (int t = 0; t < tokens; t++) sums.of[t] = with_block(sums.of[t], values, digits[t] + 8 * b);
  }
  return sums;
}

/// The same for 1 to 4 activations.
PLANES_INLINE token_sums products_of(size_t tokens, const uint8_t *bytes, uint8_t flip, size_t blocks, const int8_t *const *digits) {
  switch (tokens) {
    case 1: return products(1, bytes, flip, blocks, digits);
    case 2: return products(2, bytes, flip, blocks, digits);
    case 3: return products(3, bytes, flip, blocks, digits);
    default: return products(4, bytes, flip, blocks, digits);
  }
}

/// Large blocks of an activation among some columns.
typedef struct { const uint16_t *from, *end; } large_range;

/// The products of blocks with high digits; `bytes` are those of blocks [first, first + blocks) of eight columns.
PLANES_INLINE lane_sums high_products(
  const uint8_t *bytes, uint8_t flip, size_t first, size_t blocks, const ck_split_activation *x, large_range large) {
  lane_sums sums = no_lanes();
  for (; large.from < large.end; large.from++) {
    const size_t from = 8 * (size_t)*large.from - first;
    // The last fine columns, or a matrix of bytes, may end within a large block.
    for (size_t b = from; b < from + 8 && b < blocks; b++) {
      sums = with_block(sums, values_at(bytes + 64 * b, flip), x->high + 8 * (first + b));
    }
  }
  return sums;
}

PLANES_INLINE lane_sums with_high(lane_sums low, lane_sums high) {
  for (int q = 0; q < QUARTERS; q++) low.of[q] = vaddq_s32(low.of[q], vshlq_n_s32(high.of[q], 8));
  return low;
}

/// Adds the two sums of each row, of a run of fine columns rounded.
PLANES_INLINE void add_rows(lane_sums lanes, int is_fine, band_sums *sums) {
  for (int q = 0; is_fine && q < QUARTERS; q++) lanes.of[q] = vrshrq_n_s32(lanes.of[q], 7);
  for (int q = 0; q < QUARTERS; q += 2) {
    vst1q_s32(sums->of + 2 * q, vaddq_s32(vld1q_s32(sums->of + 2 * q), vpaddq_s32(lanes.of[q], lanes.of[q + 1])));
  }
}
