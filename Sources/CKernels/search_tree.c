// The tree and the boxes by which `search_centroids` passes over most of a codebook.

#include "ckernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/// The dimension along which the centroids named by `keys` vary most.
static size_t widest_axis(const float *centroids, size_t dimension, const uint64_t *keys, size_t count) {
  size_t axis = 0;
  double largest = -1;
  for (size_t j = 0; j < dimension; j++) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
      const double value = centroids[(uint32_t)keys[i] * dimension + j];
      sum += value;
      squares += value * value;
    }
    const double variance = squares - sum * sum / (double)count;
    if (variance > largest) axis = j, largest = variance;
  }
  return axis;
}

static int by_key(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/// Sorts the keys: by index with no `axis`, else by the value along it and then by index.
static void sort_keys(const float *centroids, size_t dimension, uint64_t *keys, size_t count, const size_t *axis) {
  for (size_t i = 0; i < count; i++) {
    const uint32_t index = (uint32_t)keys[i];
    uint32_t bits = 0;
    if (axis) {
      memcpy(&bits, centroids + index * dimension + *axis, sizeof bits);
      // Integers in the order of the floats.
      bits = bits >> 31 ? ~bits : bits | 1u << 31;
    }
    keys[i] = (uint64_t)bits << 32 | index;
  }
  qsort(keys, count, sizeof *keys, by_key);
}

static void split(
  const float *centroids, size_t dimension, uint64_t *keys, size_t count, size_t node, uint16_t *axes, float *cuts) {
  if (count <= 16) {
    sort_keys(centroids, dimension, keys, count, NULL);
    return;
  }
  const size_t axis = widest_axis(centroids, dimension, keys, count), half = count / 2;
  sort_keys(centroids, dimension, keys, count, &axis);
  axes[node] = (uint16_t)axis;
  cuts[node] = centroids[(uint32_t)keys[half] * dimension + axis];
  split(centroids, dimension, keys, half, 2 * node, axes, cuts);
  split(centroids, dimension, keys + half, half, 2 * node + 1, axes, cuts);
}

void ck_sort_codebook(
  const float *centroids, size_t count, size_t dimension, uint64_t *keys, int32_t *order, int32_t *places, uint16_t *axes,
  float *cuts) {
  for (size_t i = 0; i < count; i++) keys[i] = i;
  memset(axes, 0, count / 16 * sizeof *axes);
  memset(cuts, 0, count / 16 * sizeof *cuts);
  split(centroids, dimension, keys, count, 1, axes, cuts);
  for (size_t place = 0; place < count; place++) {
    order[place] = (int32_t)(uint32_t)keys[place];
    places[order[place]] = (int32_t)place;
  }
}

// A score is a chain of `dimension` products subtracted from a rounded half norm, a bound one of as many squares: each is off
// by less than 2 * (dimension + 4) units of 2^-24, relative to |x|^2 + |C|^2 or twice that. 16 units leave room.
float ck_search_margin(size_t dimension) { return 16.0f * (float)(dimension + 4) * 0x1p-24f; }

/// Widens box `box` of `sets` by box `part` of `parts`.
static void widen(float *sets, size_t box, const float *parts, size_t part, size_t dimension) {
  const size_t size = (2 * dimension + 1) * 16;
  float *to = sets + box / 16 * size + box % 16;
  const float *from = parts + part / 16 * size + part % 16;
  to[0] = fminf(to[0], from[0]);
  for (size_t j = 0; j < dimension; j++) {
    to[16 + 32 * j] = fminf(to[16 + 32 * j], from[16 + 32 * j]);
    to[32 + 32 * j] = fmaxf(to[32 + 32 * j], from[32 + 32 * j]);
  }
}

/// Sets of boxes that hold nothing.
static void empty_boxes(float *sets, size_t count, size_t dimension) {
  const size_t size = (2 * dimension + 1) * 16;
  for (size_t i = 0; i < count * size; i++) {
    const size_t row = i % size / 16;
    sets[i] = row == 0 ? 0 : row % 2 ? INFINITY : -INFINITY;
  }
}

void ck_bound_codebook(
  const float *blocked, const float *half_norms, size_t blocks, size_t dimension, float *block_boxes,
  float *group_boxes) {
  const float margin = ck_search_margin(dimension);
  const size_t groups = (blocks + 15) / 16;
  empty_boxes(block_boxes, groups, dimension);
  empty_boxes(group_boxes, (groups + 15) / 16, dimension);
  for (size_t block = 0; block < blocks; block++) {
    float *box = block_boxes + block / 16 * (2 * dimension + 1) * 16 + block % 16;
    for (size_t lane = 0; lane < 16; lane++) {
      const float half_norm = half_norms[block * 16 + lane];
      // Places that fill up a block have no centroid.
      if (half_norm == INFINITY) continue;
      box[0] = fminf(box[0], -2 * margin * half_norm);
      for (size_t j = 0; j < dimension; j++) {
        const float value = blocked[(block * dimension + j) * 16 + lane];
        box[16 + 32 * j] = fminf(box[16 + 32 * j], value);
        box[32 + 32 * j] = fmaxf(box[32 + 32 * j], value);
      }
    }
    widen(group_boxes, block / 16, block_boxes, block, dimension);
  }
}
