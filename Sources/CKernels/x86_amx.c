// AMX: tiles of bytes for several activations, tiles of bfloat16 for products of that precision; everything else is that of AVX-512 with byte permutes.

#include "tables.h"

#if defined(__x86_64__) && defined(__linux__)

#include "x86_amx.h"

#include <cpuid.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Whether the processor has tiles of bytes and the system keeps their state.
__attribute__((target("xsave"))) static int has_tiles(void) {
  enum { OSXSAVE = 1 << 27, AMX_TILE = 1 << 24, AMX_INT8 = 1 << 25, TILE_STATE = 3 << 17 };
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & OSXSAVE)) return 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & (AMX_TILE | AMX_INT8)) != (AMX_TILE | AMX_INT8)) return 0;
  return (_xgetbv(0) & TILE_STATE) == TILE_STATE;
}

/// Whether tiles of bfloat16 can be multiplied too.
static int has_bf16_tiles(void) {
  enum { AMX_BF16 = 1 << 22 };
  unsigned a, b, c, d;
  return __builtin_cpu_supports("avx512bf16") && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & AMX_BF16);
}

/// Asks Linux to let this process use tiles: their state is large, so that it is not for every process.
static int may_use_tiles(void) {
  enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
  return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

static ck_kernels table;
static int is_available;

static void fill_table(void) {
  if (!has_tiles() || !may_use_tiles()) return;
  table = *ck_avx512_vbmi_table();
  table.isa = CK_AMX;
  table.name = "amx";
  table.gemv_bytes = ck_amx_gemv_bytes;
  table.vq_planes_many = ck_amx_vq_planes_many;
  if (has_bf16_tiles()) {
    table.prefers_bf16 = 1;
    table.product_bf16 = ck_amx_product_bf16;
  }
  is_available = 1;
}

const ck_kernels *ck_amx_table(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, fill_table);
  return is_available ? &table : NULL;
}

#else

const ck_kernels *ck_amx_table(void) { return NULL; }

#endif
