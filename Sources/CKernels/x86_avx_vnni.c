// AVX2 with integer dot products of its own (AVX-VNNI: Intel's client processors since Alder Lake, AMD's since Zen 5): products of activations with
// small codebooks.

#include "tables.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>

#define PLANES_TARGET __attribute__((target("avx2,fma,f16c,avxvnni")))
#define PLANES_NAME(kernel) ck_avxvnni_##kernel
#define BYTE_BIAS 128

PLANES_TARGET static inline __m256i with_products(__m256i sum, __m256i magnitudes, __m256i digits) {
  return _mm256_dpbusd_avx_epi32(sum, magnitudes, digits);
}

#include "x86_avx2_alone.h"
#include "x86_avx2_group.h"

static int has_dot_products(void) {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

static ck_kernels table;

static void make_table(void) {
  table = *ck_avx2_table();
  table.isa = CK_AVX_VNNI;
  table.name = "avxvnni";
  table.prefers_planes_for_prompts = 1;
  table.vq_planes = ck_avxvnni_vq_planes;
  table.vq_planes_many = ck_avxvnni_vq_planes_many;
}

const ck_kernels *ck_avxvnni_table(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  if (!has_dot_products()) return NULL;
  pthread_once(&once, make_table);
  return &table;
}

#endif
