// The tables that `dispatch.c` chooses from. A table function gives NULL where its instruction set was not compiled in.

#ifndef CKERNELS_TABLES_H
#define CKERNELS_TABLES_H

#include "ckernels.h"

extern const ck_kernels ck_portable_table;

const ck_kernels *ck_avx2_table(void);
const ck_kernels *ck_avx512_table(void);
const ck_kernels *ck_neon_table(void);

#endif
