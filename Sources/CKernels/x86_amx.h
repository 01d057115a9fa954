// What the kernels with tiles of bytes share (AMX: Intel's server processors since Sapphire Rapids).
//
// A tile has 16 rows of 64 bytes. Its product multiplies rows of signed bytes of activations, 64 columns of an activation in each, with
// unsigned bytes of weights, four columns of 16 outputs in each row, and adds to 16 sums of each activation.

#ifndef CKERNELS_X86_AMX_H
#define CKERNELS_X86_AMX_H

#include "x86_avx512_vbmi.h"

#define AMX_TARGET target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx2,fma,f16c,amx-tile,amx-int8")
#define AMX __attribute__((AMX_TARGET))
#define AMX_INLINE static inline __attribute__((always_inline, AMX_TARGET))

enum {
  /// Rows of a tile: activations, or outputs in the lanes of a row of weights.
  TILE_ROWS = 16,
  /// Columns of a tile of activations.
  TILE_COLUMNS = 64,
  /// Bytes of a tile.
  TILE_BYTES = 1024,
  /// Tiles of columns that are looked up and multiplied at once, and bytes of one element in them.
  RUN_TILES = CK_TILE_COLUMNS / TILE_COLUMNS,
  RUN_BYTES = RUN_TILES * TILE_BYTES,
};

/// What a tile register is for: sums of two groups of activations with two tiles of weights, two tiles of activations, two of weights. The
/// instructions take them as literals.
#define SUMS_00 0
#define SUMS_01 1
#define SUMS_10 2
#define SUMS_11 3
#define DIGITS_0 4
#define DIGITS_1 5
#define WEIGHTS_0 6
#define WEIGHTS_1 7

/// Shapes of all tile registers, as the processor takes them.
typedef struct {
  uint8_t palette, start;
  uint8_t reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} tile_shapes;
_Static_assert(sizeof(tile_shapes) == 64, "the instruction reads 64 bytes");

/// GCC takes eight bytes alone for what the instruction reads.
AMX_INLINE void load_shapes(const tile_shapes *shapes) {
  __asm__ volatile("" : : "r"(shapes) : "memory");
  _tile_loadconfig(shapes);
}

/// Shapes the tiles for groups of `first` and `second` activations, which takes some 300 cycles.
AMX_INLINE void shape_tiles(size_t first, size_t second) {
  tile_shapes shapes = {.palette = 1};
  for (int i = 0; i < 8; i++) {
    shapes.row_bytes[i] = 64;
    shapes.rows[i] = TILE_ROWS;
  }
  shapes.rows[SUMS_00] = shapes.rows[SUMS_01] = shapes.rows[DIGITS_0] = (uint8_t)first;
  shapes.rows[SUMS_10] = shapes.rows[SUMS_11] = shapes.rows[DIGITS_1] = (uint8_t)second;
  load_shapes(&shapes);
}

/// Up to 32 activations whose digits lie `stride` bytes apart: two groups, the first of 16 if there is a second one.
typedef struct {
  size_t first, second;
  size_t stride;
} token_groups;

AMX_INLINE token_groups groups_of(size_t tokens, size_t stride) {
  const size_t first = tokens < TILE_ROWS ? tokens : TILE_ROWS, second = tokens - first;
  return (token_groups){first, second < TILE_ROWS ? second : TILE_ROWS, stride};
}

/// Whether both digits of an activation lie so many bytes after those of another.
static inline int lies_at(const ck_split_activation *own, const ck_split_activation *other, ptrdiff_t distance) {
  return own->low - other->low == distance && own->high - other->high == distance;
}

AMX_INLINE void clear_sums(void) {
  _tile_zero(SUMS_00);
  _tile_zero(SUMS_01);
  _tile_zero(SUMS_10);
  _tile_zero(SUMS_11);
}

/// Looks up one or `both` of the elements from `e` on in blocks [first, last) of two bands, multiples of four, in the coarse or the fine tables: the
/// bytes of the first four columns of a block at `low`, those of the others at `high`, 128 further on those of the next block, an element
/// `RUN_BYTES` after the other. Lane 4 i + j has row 4 j + i of the bands, so that the outputs of four rows come to lie side by side.
typedef void (*look_up_tiles_function)(
  const ck_vq_planes *m, int is_fine, const uint8_t *const *bands, size_t e, int both, size_t first, size_t last, uint8_t *low,
  uint8_t *high);

// Kernels of the other files.
look_up_tiles_function ck_amx_look_up(const ck_vq_planes *m);
void ck_amx_gemv_bytes(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, size_t tokens, float *y, size_t y_stride);
void ck_amx_vq_planes_many(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  ck_token_lanes lanes, float *y, size_t y_stride, void *scratch);
void ck_amx_product_bf16(
  const float *a, size_t a_stride, int a_transposed, const float *b, size_t b_stride, int b_transposed, float alpha,
  float *c, size_t c_stride, size_t m, size_t n, size_t k, int adding, void *scratch);

#endif
