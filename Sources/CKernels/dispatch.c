// One table, chosen once.

#include "tables.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

const ck_kernels *ck_kernels_for(ck_isa isa) {
  switch (isa) {
    case CK_PORTABLE: return &ck_portable_table;
    case CK_NEON: return ck_neon_table();
#if defined(__x86_64__)
    case CK_AVX2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")
        ? ck_avx2_table()
        : NULL;
    case CK_AVX512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
          && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
          && __builtin_cpu_supports("f16c")
        ? ck_avx512_table()
        : NULL;
    case CK_AVX512_VBMI:
      return ck_kernels_for(CK_AVX512) && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni")
        ? ck_avx512_vbmi_table()
        : NULL;
#endif
    default: return NULL;
  }
}

/// The best table that the environment variable VPTQ_ISA allows.
static const ck_kernels *choose(void) {
  static const ck_isa order[] = {CK_AVX512_VBMI, CK_AVX512, CK_AVX2, CK_NEON, CK_PORTABLE};
  const char *limit = getenv("VPTQ_ISA");
  int allowed = limit == NULL;
  for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
    const ck_kernels *table = ck_kernels_for(order[i]);
    if (!table) continue;
    allowed = allowed || strcmp(limit, table->name) == 0;
    if (allowed) return table;
  }
  return &ck_portable_table;
}

const ck_kernels *ck_active(void) {
  static _Atomic(const ck_kernels *) active;
  const ck_kernels *table = atomic_load_explicit(&active, memory_order_acquire);
  if (!table) {
    table = choose();
    atomic_store_explicit(&active, table, memory_order_release);
  }
  return table;
}

void ck_block_codebook(const float *centroids, size_t count, size_t dimension, float *blocked, float *half_norms) {
  const size_t blocks = (count + 15) / 16;
  for (size_t i = 0; i < blocks * 16; i++) {
    float norm = 0;
    for (size_t j = 0; j < dimension; j++) {
      const float value = i < count ? centroids[i * dimension + j] : 0;
      blocked[((i / 16) * dimension + j) * 16 + i % 16] = value;
      norm += value * value;
    }
    half_norms[i] = i < count ? norm / 2 : INFINITY;
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
