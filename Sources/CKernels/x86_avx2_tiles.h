// AVX2: bytes of a part of a band, looked up once for many activations.

#ifndef CKERNELS_X86_AVX2_TILES_H
#define CKERNELS_X86_AVX2_TILES_H

#include "x86_avx2_lookup.h"
#include "x86_avx2_tables.h"

/// Bytes with a sign of one element of a chunk of a band: column `c` of row `r` is `of[64 * (c / 8) + 8 * r + c % 8]`.
typedef struct { _Alignas(32) int8_t of[64 * CHUNK_BLOCKS]; } band_tile;

/// The elements of a pass, and the tables of codebooks that are read entry by entry.
typedef struct {
  band_tile coarse[PASS], fine[PASS];
  table_pair coarse_tables, fine_tables;
} tile_memory;

/// Elements [e, e + elements) of the blocks [b, b + count) of a band, of which the first `fine` are wanted of the fine tables too.
typedef struct {
  const uint8_t *band;
  size_t e, elements, b, count, fine;
} tile_part;

/// Fills the tiles.
typedef void (*ck_avx2_tile_filler)(const ck_vq_planes *m, const tile_part *part, tile_memory *memory);

ck_avx2_tile_filler ck_avx2_tile_filler_for(const ck_vq_planes *m);

/// Makes the tables for elements [e, e + elements) ready.
void ck_avx2_fill_tile_tables(const ck_vq_planes *m, size_t e, size_t elements, tile_memory *memory);

/// Whether codebooks are looked up 16 entries at a time.
static inline int is_small(const ck_vq_planes *m) { return m->main_count <= 64 && (!m->residual || m->residual_count <= 64); }

#endif
