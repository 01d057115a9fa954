// AVX-512 with integer dot products but without byte permutes (Cascade Lake, Cooper Lake): products of activations with small codebooks, in
// registers of 256 bits as those of AVX2.

#include "tables.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <pthread.h>

#define PLANES_TARGET __attribute__((target("avx2,fma,f16c,avx512f,avx512vl,avx512vnni")))
#define PLANES_NAME(kernel) ck_avx512vnni_##kernel
#define BYTE_BIAS 128

PLANES_TARGET static inline __m256i with_products(__m256i sum, __m256i magnitudes, __m256i digits) {
  return _mm256_dpbusd_epi32(sum, magnitudes, digits);
}

#include "x86_avx2_alone.h"
#include "x86_avx2_group.h"

static ck_kernels table;

static void make_table(void) {
  table = *ck_avx512_table();
  table.isa = CK_AVX512_VNNI;
  table.name = "avx512vnni";
  // Tiles of floats in registers of 512 bits are a little faster than bytes in half of them.
  table.prefers_planes_for_prompts = 0;
  table.vq_planes = ck_avx512vnni_vq_planes;
  table.vq_planes_many = ck_avx512vnni_vq_planes_many;
}

const ck_kernels *ck_avx512vnni_table(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_table);
  return &table;
}

#endif
