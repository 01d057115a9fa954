// How the codes of small codebooks lie in bands (`ck_vq_planes`), and which of an activation's large blocks belong to which columns.

#ifndef CKERNELS_PLANE_CODES_H
#define CKERNELS_PLANE_CODES_H

#include "tables.h"

#define CODES_INLINE static inline __attribute__((always_inline))

/// How the codes of a stage are kept: main codes of up to 64 centroids, packed by fours; bytes of the main stage; nibbles or bytes of the
/// residual one; or there are none.
typedef enum { NO_CODES, SMALL_CODES, MAIN_CODES, NIBBLE_CODES, BYTE_CODES } code_kind;

CODES_INLINE code_kind main_kind_of(const ck_vq_planes *m) { return m->main_count <= 64 ? SMALL_CODES : MAIN_CODES; }

CODES_INLINE code_kind rest_kind_of(const ck_vq_planes *m) {
  return !m->residual ? NO_CODES : m->residual_count <= 16 ? NIBBLE_CODES : BYTE_CODES;
}

/// How many bytes the codes of a stage take.
typedef struct { size_t main_of_four, rest_of_block; } band_layout;

CODES_INLINE band_layout layout_of(const ck_vq_planes *m) {
  return (band_layout){m->main_count <= 64 ? 192 : 256, !m->residual ? 0 : m->residual_count <= 16 ? 32 : 64};
}

CODES_INLINE size_t bytes_of_four(const band_layout *layout) { return layout->main_of_four + 4 * layout->rest_of_block; }

/// How many of `count` blocks of eight columns from `b` on fine tables are for.
CODES_INLINE size_t fine_blocks(const ck_vq_planes *m, size_t b, size_t count) {
  const size_t end = m->fine_columns / 8;
  return end <= b ? 0 : end - b < count ? end - b : count;
}

/// The first of the large blocks from `large` on that does not lie before block `end` of eight columns.
CODES_INLINE const uint16_t *large_before(const ck_split_activation *x, const uint16_t *large, size_t end) {
  while (large < x->large_blocks + x->large && 8 * (size_t)*large < end) large++;
  return large;
}

#endif
