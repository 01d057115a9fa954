// How the kernels that split an activation into integers choose its unit and its large blocks.

#ifndef CKERNELS_SPLIT_UNIT_H
#define CKERNELS_SPLIT_UNIT_H

#include "tables.h"

#include <math.h>
#include <string.h>

/// Starts to fill `split` from `n` values, of which `energy` is the sum of all squares and `largest` the largest magnitude: gives the magnitude
/// beyond which a value makes its block a large one, `large_value` times the root mean square; with 0 every block is one.
static inline float begin_split(
  ck_split_activation *split, const float *x, size_t n, float large_value, double energy, float largest) {
  split->values = x;
  split->large = 0;
  if (large_value == 0) return -1;
  return fmaxf(large_value * (float)sqrt(energy / (double)(n > 0 ? n : 1)), largest / 256);
}

/// The largest magnitude of block `b` of `n` values.
typedef float (*block_peak_function)(const float *x, size_t n, size_t b);

/// Names the large blocks, those with a value beyond `limit`; clears the high digits of the others and gives their largest magnitude.
static inline __attribute__((always_inline)) float name_large_blocks(
  ck_split_activation *split, const float *x, size_t n, float limit, block_peak_function block_peak) {
  float rest = 0;
  for (size_t b = 0; b < split->blocks; b++) {
    const float peak = block_peak(x, n, b);
    if (peak > limit) {
      split->large_blocks[split->large++] = (uint16_t)b;
      continue;
    }
    memset(split->high + 64 * b, 0, 64);
    if (peak > rest) rest = peak;
  }
  return rest;
}

/// Sets the unit that `rest`, the largest magnitude outside of the large blocks, and `largest` need, and returns its reciprocal; 0 where that is
/// no number.
static inline float choose_unit(ck_split_activation *split, float rest, float largest) {
  split->scale = fmaxf(rest / 127, largest / 32512);
  return split->scale > 1e-37f ? 1 / split->scale : 0;
}

/// Names the eights of columns that have high digits.
static inline void name_eights(ck_split_activation *split) {
  split->eights = 0;
  if (!split->high_eights) return;
  for (size_t k = 0; k < split->large; k++) {
    for (size_t eight = 8 * (size_t)split->large_blocks[k], end = eight + 8; eight < end; eight++) {
      uint64_t digits;
      memcpy(&digits, split->high + 8 * eight, sizeof digits);
      split->high_eights[split->eights] = (uint16_t)eight;
      split->eights += digits != 0;
    }
  }
}

#endif
