// NEON with instructions for dot products (of ARMv8.2-A, in every processor of some speed since).

#include "tables.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <pthread.h>

#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#if defined(__ARM_FEATURE_DOTPROD)
#define PLANES_TARGET
#else
#define PLANES_TARGET __attribute__((target("arch=armv8.2-a+dotprod")))
#endif
#define PLANES_NAME(kernel) ck_neon_dotprod_##kernel

PLANES_TARGET static inline int32x4_t dot(int32x4_t sum, int8x16_t bytes, int8x16_t digits) {
  return vdotq_s32(sum, bytes, digits);
}

#include "arm_neon_planes.h"

static int has_dot_products(void) {
#if defined(__ARM_FEATURE_DOTPROD)
  return 1;
#elif defined(__linux__)
  // HWCAP_ASIMDDP.
  return (int)(getauxval(AT_HWCAP) >> 20 & 1);
#elif defined(__APPLE__)
  int has = 0;
  size_t size = sizeof has;
  return sysctlbyname("hw.optional.arm.FEAT_DotProd", &has, &size, NULL, 0) == 0 && has;
#else
  return 0;
#endif
}

static ck_kernels table;

static void fill_table(void) {
  table = *ck_neon_table();
  table.isa = CK_NEON_DOTPROD;
  table.name = "neondotprod";
  table.prefers_planes_for_prompts = 1;
  table.gemv_bytes = ck_neon_dotprod_gemv_bytes;
  table.vq_planes = ck_neon_dotprod_vq_planes;
  table.vq_planes_many = ck_neon_dotprod_vq_planes_many;
}

const ck_kernels *ck_neon_dotprod_table(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  if (!has_dot_products()) return NULL;
  pthread_once(&once, fill_table);
  return &table;
}

#else

const ck_kernels *ck_neon_dotprod_table(void) { return NULL; }

#endif
