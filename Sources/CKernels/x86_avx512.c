// AVX-512 overrides.

#include "tables.h"

const ck_kernels *ck_avx512_table(void) { return NULL; }
