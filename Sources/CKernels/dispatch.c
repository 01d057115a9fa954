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
    case CK_NEON_DOTPROD: return ck_neon_dotprod_table();
#if defined(__x86_64__)
    case CK_AVX2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")
        ? ck_avx2_table()
        : NULL;
    case CK_AVX_VNNI: return ck_kernels_for(CK_AVX2) ? ck_avxvnni_table() : NULL;
    case CK_AVX512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
          && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
          && __builtin_cpu_supports("f16c")
        ? ck_avx512_table()
        : NULL;
    case CK_AVX512_VNNI:
      return ck_kernels_for(CK_AVX512) && __builtin_cpu_supports("avx512vnni") ? ck_avx512vnni_table() : NULL;
    case CK_AVX512_VBMI:
      return ck_kernels_for(CK_AVX512_VNNI) && __builtin_cpu_supports("avx512vbmi")
        ? ck_avx512_vbmi_table()
        : NULL;
    case CK_AMX: return ck_kernels_for(CK_AVX512_VBMI) ? ck_amx_table() : NULL;
#endif
    default: return NULL;
  }
}

/// The best table that the environment variable VPTQ_ISA allows; a name that no table has on this machine allows all.
static const ck_kernels *choose(void) {
  static const ck_isa order[] = {
    CK_AMX, CK_AVX512_VBMI, CK_AVX512_VNNI, CK_AVX512, CK_AVX_VNNI, CK_AVX2, CK_NEON_DOTPROD, CK_NEON, CK_PORTABLE};
  const char *limit = getenv("VPTQ_ISA");
  int allowed = 1;
  for (size_t i = 0; limit && i < sizeof order / sizeof *order; i++) {
    const ck_kernels *table = ck_kernels_for(order[i]);
    if (table && strcmp(limit, table->name) == 0) allowed = 0;
  }
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
