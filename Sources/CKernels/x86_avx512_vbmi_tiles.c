// AVX-512 with byte permutes and integer dot products: the product of the activations of a prompt with small codebooks.
//
// A tile of 64 outputs and 512 columns is looked up, and turned so that a register holds four columns of 16 outputs: sums of outputs
// then need not be gathered from lanes. All activations are multiplied with a tile while it is in the first-level cache.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx512_vbmi.h"

#define AVX512_INLINE VBMI_INLINE
#include "x86_avx512_transpose.h"

#include <string.h>

enum {
  /// Outputs of one register, and registers of a tile's columns.
  LANES = 16,
  VECTORS = CK_TILE_OUTPUTS / LANES,
  /// Activations that share the loads of weights.
  TOGETHER = 6,
  TILE_BLOCKS = CK_TILE_COLUMNS / 64,
  /// Bytes of four columns of all outputs of a tile, of a block, and from a row that was looked up to the next: rows that are a power
  /// of two apart would share places in the cache.
  GROUP = 4 * CK_TILE_OUTPUTS,
  BLOCK = 16 * GROUP,
  ROW = CK_TILE_COLUMNS + 64,
};

/// What a tile's product works in, at multiples of 64 bytes.
typedef struct {
  uint8_t rows[LANES * ROW];
  uint8_t weights[TILE_BLOCKS * BLOCK];
  int32_t sums[CK_TILE_TOKENS * CK_TILE_OUTPUTS];
  uint16_t next_large[CK_TILE_TOKENS];
} tile_memory;
_Static_assert(sizeof(tile_memory) <= CK_TILE_BYTES, "scratch memory is too small for a tile");

/// Some outputs of a matrix: those of vector rows from `first` on, and how many registers they take.
typedef struct {
  const ck_vq_planes *m;
  look_up_function look_up;
  int joint;
  size_t first;
  size_t outputs;
  int vectors;
} tile_rows;

/// Looks blocks of 64 columns up and turns them; outputs that the matrix lacks repeat its last one.
VBMI static void fill_tile(const tile_rows *w, size_t output, block_range range, tile_memory *memory) {
  const size_t v = w->m->vector_length;
  for (size_t part = 0; part < (size_t)w->vectors; part++) {
    for (size_t i = 0; i < LANES; i++) {
      const size_t wanted = output + part * LANES + i, own = wanted < w->outputs ? wanted : w->outputs - 1;
      // Both stages are one: nothing is written apart.
      w->look_up(
        w->m, w->m->codes + (w->first + own / v) * w->m->row_stride, own % v, range, w->joint, memory->rows + i * ROW, NULL);
    }
    for (size_t b = 0; b < range.last - range.first; b++) {
      __m512 square[LANES];
      for (size_t i = 0; i < LANES; i++) square[i] = _mm512_load_ps((const float *)(const void *)(memory->rows + i * ROW + 64 * b));
      transpose16(square);
      uint8_t *target = memory->weights + b * BLOCK + part * 64;
      for (size_t g = 0; g < 16; g++) _mm512_store_ps((float *)(void *)(target + g * GROUP), square[g]);
    }
  }
}

VBMI_INLINE __m512i four_columns(const int8_t *digits) {
  int32_t four;
  memcpy(&four, digits, sizeof four);
  return _mm512_set1_epi32(four);
}

/// Adds the products of a tile with the low digits of `tokens` activations from column `first` on to their sums, or begins these.
VBMI_INLINE void low_products(
  int vectors, int tokens, const uint8_t *weights, size_t groups, const ck_split_activation *x, size_t x_stride, size_t first,
  int32_t *sums) {
  const int8_t *digits[TOGETHER];
  __m512i acc[TOGETHER][VECTORS];
  for (int t = 0; t < tokens; t++) {
    const ck_split_activation *own = x + (size_t)t * x_stride;
    digits[t] = own->low + first;
    // Bytes are biased by 128; the bias is taken out by where the sums start. What overflows on the way comes back.
    const uint32_t sum = (uint32_t)own->sum_low + 256 * (uint32_t)own->sum_high;
    for (int i = 0; i < vectors; i++) {
      acc[t][i] = first == 0 ? _mm512_set1_epi32((int32_t)(0 - 128 * sum)) : _mm512_load_si512(sums + (t * VECTORS + i) * LANES);
    }
  }
  for (size_t g = 0; g < groups; g++) {
    __m512i values[VECTORS];
    for (int i = 0; i < vectors; i++) values[i] = _mm512_load_si512(weights + g * GROUP + (size_t)i * 64);
    for (int t = 0; t < tokens; t++) {
      const __m512i four = four_columns(digits[t] + 4 * g);
      for (int i = 0; i < vectors; i++) acc[t][i] = _mm512_dpbusd_epi32(acc[t][i], values[i], four);
    }
  }
  for (int t = 0; t < tokens; t++) {
    for (int i = 0; i < vectors; i++) _mm512_store_si512(sums + (t * VECTORS + i) * LANES, acc[t][i]);
  }
}

/// Those four columns of a tile at which an activation has high digits, and the digits.
typedef struct { int32_t groups[16 * TILE_BLOCKS + 16], digits[16 * TILE_BLOCKS + 16]; } high_columns;

/// Collects the high digits of an activation within a tile, from the large block `first` on, up to `last`; returns how many fours
/// there are. Most digits of a large block are 0.
VBMI_INLINE size_t collect_high(
  const int8_t *high, const uint16_t *first, const uint16_t *last, size_t first_block, high_columns *columns) {
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  size_t count = 0;
  for (; first < last; first++) {
    const size_t b = *first;
    const __m512i digits = _mm512_loadu_si512(high + 64 * b);
    const __mmask16 present = _mm512_test_epi32_mask(digits, digits);
    const __m512i groups = _mm512_add_epi32(lanes, _mm512_set1_epi32((int32_t)(16 * (b - first_block))));
    _mm512_storeu_si512(columns->groups + count, _mm512_maskz_compress_epi32(present, groups));
    _mm512_storeu_si512(columns->digits + count, _mm512_maskz_compress_epi32(present, digits));
    count += (size_t)__builtin_popcount(present);
  }
  return count;
}

/// Adds the products of a tile with the high digits of an activation.
VBMI_INLINE void high_products(
  int vectors, const uint8_t *weights, block_range range, const ck_split_activation *x, uint16_t *next_large, int32_t *sums) {
  const uint16_t *large = x->large_blocks + *next_large, *const end = x->large_blocks + x->large, *last = large;
  while (last < end && *last < range.last) last++;
  if (last == large) return;
  high_columns columns;
  const size_t count = collect_high(x->high, large, last, range.first, &columns);
  *next_large = (uint16_t)(last - x->large_blocks);
  __m512i acc[VECTORS], odd[VECTORS];
  for (int i = 0; i < vectors; i++) acc[i] = odd[i] = _mm512_setzero_si512();
  // One more, of zeros, where their number is odd.
  columns.groups[count] = columns.digits[count] = 0;
  for (size_t k = 0; k < count; k += 2) {
    const uint8_t *first = weights + (size_t)columns.groups[k] * GROUP, *second = weights + (size_t)columns.groups[k + 1] * GROUP;
    const __m512i four = _mm512_set1_epi32(columns.digits[k]), next_four = _mm512_set1_epi32(columns.digits[k + 1]);
    for (int i = 0; i < vectors; i++) {
      acc[i] = _mm512_dpbusd_epi32(acc[i], _mm512_load_si512(first + (size_t)i * 64), four);
      odd[i] = _mm512_dpbusd_epi32(odd[i], _mm512_load_si512(second + (size_t)i * 64), next_four);
    }
  }
  for (int i = 0; i < vectors; i++) acc[i] = _mm512_add_epi32(acc[i], odd[i]);
  for (int i = 0; i < vectors; i++) {
    const __m512i sum = _mm512_add_epi32(_mm512_load_si512(sums + i * LANES), _mm512_slli_epi32(acc[i], 8));
    _mm512_store_si512(sums + i * LANES, sum);
  }
}

VBMI_INLINE void tile_products(
  int vectors, tile_memory *memory, block_range range, const ck_split_activation *x, size_t x_stride, size_t tokens) {
  const size_t groups = 16 * (range.last - range.first), first = 64 * range.first;
  size_t t = 0;
  for (; t + TOGETHER <= tokens; t += TOGETHER) {
    low_products(
      vectors, TOGETHER, memory->weights, groups, x + t * x_stride, x_stride, first, memory->sums + t * CK_TILE_OUTPUTS);
  }
  for (; t + 2 <= tokens; t += 2) {
    low_products(vectors, 2, memory->weights, groups, x + t * x_stride, x_stride, first, memory->sums + t * CK_TILE_OUTPUTS);
  }
  if (t < tokens) {
    low_products(vectors, 1, memory->weights, groups, x + t * x_stride, x_stride, first, memory->sums + t * CK_TILE_OUTPUTS);
  }
  for (t = 0; t < tokens; t++) {
    if (first == 0) memory->next_large[t] = 0;
    high_products(
      vectors, memory->weights, range, x + t * x_stride, memory->next_large + t, memory->sums + t * CK_TILE_OUTPUTS);
  }
}

/// Adds the sums of a tile to the outputs; the operations on each are those of `plane_outputs`.
VBMI static void add_outputs(
  const tile_rows *w, size_t output, const ck_split_activation *x, size_t x_stride, size_t tokens, const int32_t *sums,
  float *y, size_t y_stride) {
  const float unit = w->joint ? w->m->joint_scale : w->m->main_scale;
  for (size_t t = 0; t < tokens; t++) {
    const __m512 scale = _mm512_set1_ps(unit * x[t * x_stride].scale);
    for (size_t i = 0; i < (size_t)w->vectors; i++) {
      const size_t first = output + i * LANES, left = w->outputs > first ? w->outputs - first : 0;
      const __mmask16 wanted = lanes_below(left);
      float *target = y + t * y_stride + first;
      const __m512 sum = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_load_si512(sums + (t * VECTORS + i) * LANES)), scale);
      _mm512_mask_storeu_ps(target, wanted, _mm512_add_ps(_mm512_maskz_loadu_ps(wanted, target), sum));
    }
  }
}

VBMI void ck_vbmi_vq_planes_tiles(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  int joint, float *y, size_t y_stride, void *scratch) {
  tile_memory *memory = (tile_memory *)(((uintptr_t)scratch + 63) / 64 * 64);
  tile_rows w = {m, ck_vbmi_look_up(m), joint, first, (last - first) * m->vector_length, VECTORS};
  const size_t blocks = x->blocks;
  for (size_t t = 0; t < tokens; t += CK_TILE_TOKENS) {
    const size_t count = tokens - t < CK_TILE_TOKENS ? tokens - t : CK_TILE_TOKENS;
    const ck_split_activation *own = x + t * x_stride;
    for (size_t o = 0; o < w.outputs; o += CK_TILE_OUTPUTS) {
      const size_t left = w.outputs - o;
      w.vectors = left >= CK_TILE_OUTPUTS ? VECTORS : (int)((left + LANES - 1) / LANES);
      for (size_t b = 0; b < blocks; b += TILE_BLOCKS) {
        const block_range range = {b, blocks - b < TILE_BLOCKS ? blocks : b + TILE_BLOCKS};
        fill_tile(&w, o, range, memory);
        switch (w.vectors) {
          case 4: tile_products(4, memory, range, own, x_stride, count); break;
          case 3: tile_products(3, memory, range, own, x_stride, count); break;
          case 2: tile_products(2, memory, range, own, x_stride, count); break;
          default: tile_products(1, memory, range, own, x_stride, count);
        }
      }
      add_outputs(&w, o, own, x_stride, count, memory->sums, y + t * y_stride, y_stride);
    }
  }
}

#endif
