// OpenBLAS chooses its kernels by the processor's model when it is loaded. A model that is newer than the library gets those of the
// oldest processor with 64 bits: on a Xeon of the Emerald Rapids kind, OpenBLAS 0.3.21 multiplies at less than a quarter of the
// speed of its own AVX-512 kernels. Then the choice is made again here, by what instructions the processor has.

#include "ckernels.h"

#if defined(__linux__) && defined(__x86_64__)

#include <stdlib.h>
#include <strings.h>

// Of a library built with kernels for several processors; null where there is none.
extern char *openblas_get_corename(void) __attribute__((weak));
extern void gotoblas_dynamic_init(void) __attribute__((weak));
extern void gotoblas_dynamic_quit(void) __attribute__((weak));

static const char variable[] = "OPENBLAS_CORETYPE";

/// Whether the kernels called `name` are older than AVX2.
static int is_old(const char *name) {
  static const char *const names[] = {
    "Katmai", "Coppermine", "Northwood", "Banias", "Prescott", "Core2", "Penryn", "Dunnington", "Nehalem", "Sandybridge", "Atom",
    "Athlon", "Opteron", "Opteron(SSE3)", "Opteron_SSE3", "Barcelona", "Bobcat", "Bulldozer", "Piledriver", "Steamroller", "Nano"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcasecmp(name, names[i]) == 0) return 1;
  }
  return 0;
}

/// Runs after the library's own constructors, before there are threads that could read the environment.
__attribute__((constructor)) static void choose_core(void) {
  if (!openblas_get_corename || !gotoblas_dynamic_init || !gotoblas_dynamic_quit) return;
  // Who names the kernels gets them.
  if (getenv(variable) || !is_old(openblas_get_corename())) return;
  __builtin_cpu_init();
  const char *core = ck_kernels_for(CK_AVX512) ? "SkylakeX" : ck_kernels_for(CK_AVX2) ? "Haswell" : NULL;
  if (!core || setenv(variable, core, 1) != 0) return;
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  unsetenv(variable);
}

const char *ck_openblas_core(void) { return openblas_get_corename ? openblas_get_corename() : NULL; }

#else

const char *ck_openblas_core(void) { return NULL; }

#endif
