// How kernels that read packed codes of large codebooks (`ck_vq_bytes`) go through a row: a block of columns at a time.

#ifndef CKERNELS_CODE_BLOCKS_H
#define CKERNELS_CODE_BLOCKS_H

#include "tables.h"

/// Codes of a row that are unpacked at a time: whole blocks of 64, and whole bytes for any number of bits.
enum { CODE_BLOCK = 256 };

/// How many rows ahead of their use codes are asked for.
enum { CODE_ROWS_AHEAD = 4 };

/// Codes of both stages, with room for the whole registers that unpacking writes.
typedef struct { uint32_t main[CODE_BLOCK + 16], rest[CODE_BLOCK + 16]; } code_block;

/// Unpacks the codes of a row from column `first` on, up to `CODE_BLOCK`; returns how many columns there are with those that pad the
/// last 64, which have code 0 and meet activations of 0.
static inline __attribute__((always_inline)) size_t unpack_block(
  const ck_kernels *kernels, const ck_vq_bytes *m, const uint8_t *row, size_t first, code_block *codes) {
  const size_t count = m->columns - first < CODE_BLOCK ? m->columns - first : CODE_BLOCK;
  const size_t padded = (count + 63) / 64 * 64, bytes = count * m->code_bits / 8;
  const uint8_t *ahead = row + CODE_ROWS_AHEAD * m->row_stride + first * m->code_bits / 8;
  for (size_t byte = 0; byte < bytes; byte += 64) __builtin_prefetch(ahead + byte);
  kernels->unpack_codes(row, first * m->code_bits, m->code_bits, count, codes->main);
  for (size_t c = count; c < padded; c++) codes->main[c] = 0;
  if (!m->residual) return padded;
  const uint32_t mask = (UINT32_C(1) << m->main_bits) - 1;
  for (size_t c = 0; c < padded; c++) {
    codes->rest[c] = codes->main[c] >> m->main_bits;
    codes->main[c] &= mask;
  }
  return padded;
}

#endif
