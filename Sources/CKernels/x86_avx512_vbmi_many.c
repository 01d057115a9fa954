// AVX-512 with byte permutes and integer dot products: the product of several activations with small codebooks.
//
// Four elements of a band's rows are looked up for a tile of columns, which all activations are multiplied with while it is in the
// first-level cache. A register holds eight columns of eight rows, so that sums need not be gathered from lanes.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx512_vbmi.h"

enum {
  /// Activations that share the loads of weights.
  TOGETHER = 6,
  /// Sets of four elements that are summed up before they are written.
  SETS = 2,
  /// Blocks of eight columns of one set.
  TILE_BLOCKS = CK_TILE_COLUMNS / 8,
  /// Bytes of a block.
  STEP = 64 * OUTPUTS_TOGETHER,
};

/// Which of the eights of columns with high digits an activation has within a tile.
typedef struct { uint16_t first, last; } eights;

/// Blocks of eight columns from `first` on, with four elements of each looked up, and what of them activations have high digits for.
typedef struct {
  const uint8_t *weights;
  size_t first;
  size_t blocks;
  const eights *high;
} tile_part;

/// What is multiplied at once: a run of fine bytes, or none, and some coarse ones. The first tile of a band begins its sums.
typedef struct {
  tile_part fine;
  tile_part coarse;
  int is_first;
} weight_tile;

/// What a product works in, at a multiple of 64 bytes.
typedef struct {
  uint8_t fine[TILE_BLOCKS * STEP];
  uint8_t coarse[TILE_BLOCKS * STEP];
  band_sums sums[SETS * CK_TILE_TOKENS];
  eights fine_high[CK_TILE_TOKENS];
  eights coarse_high[CK_TILE_TOKENS];
  /// Where sums start.
  int32_t bias[CK_TILE_TOKENS];
} tile_memory;
_Static_assert(sizeof(tile_memory) + 64 <= CK_PLANES_SCRATCH, "scratch memory is too small");
_Static_assert(CK_TILE_COLUMNS == CK_FINE_RUN, "a run of fine columns takes a tile");

/// Some activations, and how their sums lie: those of set `i` of activation `t` are `sums[t * sets + i]`.
typedef struct {
  const ck_split_activation *x;
  size_t x_stride;
  size_t count;
  size_t sets;
  const int32_t *bias;
} activations;

/// Sums of four elements for some activations.
typedef struct { __m512i of[TOGETHER][OUTPUTS_TOGETHER]; } tile_sums;

/// The sums with the products of blocks with low digits of `tokens` activations.
VBMI_INLINE tile_sums with_low(
  int elements, int tokens, const tile_part *part, const ck_split_activation *x, size_t x_stride, tile_sums sums) {
  __m512i acc[TOGETHER][OUTPUTS_TOGETHER];
  for (int t = 0; t < tokens; t++) {
    for (int i = 0; i < OUTPUTS_TOGETHER; i++) acc[t][i] = sums.of[t][i];
  }
  const int8_t *digits[TOGETHER];
  for (int t = 0; t < tokens; t++) digits[t] = x[(size_t)t * x_stride].low + 8 * part->first;
  for (size_t b = 0; b < part->blocks; b++) {
    __m512i values[OUTPUTS_TOGETHER];
    for (int i = 0; i < elements; i++) values[i] = _mm512_load_si512(part->weights + b * STEP + (size_t)i * 64);
    for (int t = 0; t < tokens; t++) {
      const __m512i eight = eight_columns(digits[t] + 8 * b);
      for (int i = 0; i < elements; i++) acc[t][i] = _mm512_dpbusd_epi32(acc[t][i], values[i], eight);
    }
  }
  for (int t = 0; t < tokens; t++) {
    for (int i = 0; i < OUTPUTS_TOGETHER; i++) sums.of[t][i] = acc[t][i];
  }
  return sums;
}

/// Adds the products of a tile with the low digits of `tokens` activations to their sums, or begins these.
VBMI_INLINE void low_products(
  int elements, int tokens, const weight_tile *tile, const activations *own, size_t t, band_sums *sums) {
  const ck_split_activation *x = own->x + t * own->x_stride;
  tile_sums acc;
  for (int k = 0; k < tokens; k++) {
    for (int i = 0; i < OUTPUTS_TOGETHER; i++) acc.of[k][i] = _mm512_setzero_si512();
  }
  if (tile->fine.blocks > 0) {
    acc = with_low(elements, tokens, &tile->fine, x, own->x_stride, acc);
    for (int k = 0; k < tokens; k++) {
      for (int i = 0; i < elements; i++) acc.of[k][i] = rounded_fine(acc.of[k][i]);
    }
  }
  acc = with_low(elements, tokens, &tile->coarse, x, own->x_stride, acc);
  for (int k = 0; k < tokens; k++) {
    const band_sums all = folded(acc.of[k]);
    band_sums *target = sums + (t + (size_t)k) * own->sets;
    const __m512i bias = _mm512_set1_epi32(own->bias[t + (size_t)k]);
    target->even = _mm512_add_epi32(all.even, tile->is_first ? bias : target->even);
    target->odd = _mm512_add_epi32(all.odd, tile->is_first ? bias : target->odd);
  }
}

/// Adds the products of blocks with the high digits of an activation to its sums.
VBMI_INLINE void add_high(
  int elements, const tile_part *part, const ck_split_activation *x, eights own, __m512i *acc) {
  __m512i other[OUTPUTS_TOGETHER];
  for (int i = 0; i < OUTPUTS_TOGETHER; i++) other[i] = _mm512_setzero_si512();
  for (size_t k = own.first; k < own.last; k += 2) {
    for (size_t j = 0; j < 2 && k + j < own.last; j++) {
      const size_t b = x->high_eights[k + j];
      const uint8_t *at = part->weights + (b - part->first) * STEP;
      const __m512i digits = eight_columns(x->high + 8 * b);
      __m512i *sums = j == 0 ? acc : other;
      for (int i = 0; i < elements; i++) sums[i] = _mm512_dpbusd_epi32(sums[i], _mm512_load_si512(at + (size_t)i * 64), digits);
    }
  }
  for (int i = 0; i < elements; i++) acc[i] = _mm512_add_epi32(acc[i], other[i]);
}

/// Adds the products of a tile with the high digits of an activation: 256 times as much, and 256 128ths of what fine bytes give.
VBMI_INLINE void high_products(
  int elements, const weight_tile *tile, const ck_split_activation *x, eights fine, eights coarse, band_sums *sums) {
  __m512i acc[OUTPUTS_TOGETHER];
  for (int i = 0; i < OUTPUTS_TOGETHER; i++) acc[i] = _mm512_setzero_si512();
  // Fine columns are coarse ones too.
  if (coarse.first < coarse.last) {
    add_high(elements, &tile->coarse, x, coarse, acc);
    for (int i = 0; i < elements; i++) acc[i] = _mm512_slli_epi32(acc[i], 7);
  } else if (fine.first == fine.last) {
    return;
  }
  if (fine.first < fine.last) add_high(elements, &tile->fine, x, fine, acc);
  const band_sums all = folded(acc);
  sums->even = _mm512_add_epi32(sums->even, _mm512_slli_epi32(all.even, 1));
  sums->odd = _mm512_add_epi32(sums->odd, _mm512_slli_epi32(all.odd, 1));
}

/// Adds the products of a tile with all activations to the sums of one set.
VBMI_INLINE void tile_products(int elements, const weight_tile *tile, const activations *own, band_sums *sums) {
  const size_t count = own->count;
  size_t t = 0;
  for (; count - t >= TOGETHER && count - t != 8; t += TOGETHER) low_products(elements, TOGETHER, tile, own, t, sums);
  for (; count - t >= 4; t += 4) low_products(elements, 4, tile, own, t, sums);
  if (count - t == 3) low_products(elements, 3, tile, own, t, sums);
  else if (count - t == 2) low_products(elements, 2, tile, own, t, sums);
  else if (count - t == 1) low_products(elements, 1, tile, own, t, sums);
  for (t = 0; t < count; t++) {
    high_products(
      elements, tile, own->x + t * own->x_stride, tile->fine.high[t], tile->coarse.high[t], sums + t * own->sets);
  }
}

VBMI static void multiply_tile(size_t elements, const weight_tile *tile, const activations *own, band_sums *sums) {
  switch (elements) {
    case 4: tile_products(4, tile, own, sums); break;
    case 3: tile_products(3, tile, own, sums); break;
    case 2: tile_products(2, tile, own, sums); break;
    default: tile_products(1, tile, own, sums);
  }
}

/// What all activations have from block `first` up to block `end`, after what was found before.
static void find_eights(const activations *own, size_t first, size_t end, eights *found) {
  for (size_t t = 0; t < own->count; t++) {
    const ck_split_activation *x = own->x + t * own->x_stride;
    const size_t from = first == 0 ? 0 : found[t].last;
    size_t to = end == 8 * x->blocks ? x->eights : from;
    while (to < x->eights && x->high_eights[to] < end) to++;
    found[t] = (eights){(uint16_t)from, (uint16_t)to};
  }
}

/// How the columns of a matrix are cut into tiles.
typedef struct {
  /// Blocks of eight columns, and how many of them have fine bytes.
  size_t blocks, fine_blocks;
  /// Blocks of a tile: tiles are of equal size, in whole blocks of 64 columns.
  size_t step;
} tiling;

static tiling tiling_of(const ck_vq_planes *m) {
  const size_t blocks = m->columns / 8, tiles = (blocks + TILE_BLOCKS - 1) / TILE_BLOCKS;
  return (tiling){blocks, m->fine_columns / 8, (blocks / 8 + tiles - 1) / tiles * 8};
}

/// The blocks from `first` on, at most `most` and before `end`.
static tile_part part_from(size_t first, size_t most, size_t end, const uint8_t *weights, const eights *high) {
  if (first > end) first = end;
  return (tile_part){weights, first, end - first < most ? end - first : most, high};
}

/// The sums of `elements` elements from `e` on of a band.
VBMI_INLINE void band_products(
  const ck_vq_planes *m, const tiling *cut, look_up_function look_up, const uint8_t *band, size_t e, size_t elements,
  const activations *own, tile_memory *memory) {
  for (size_t i = 0; i * cut->step < cut->blocks; i++) {
    const weight_tile tile = {
      part_from(i * TILE_BLOCKS, TILE_BLOCKS, cut->fine_blocks, memory->fine, memory->fine_high),
      part_from(i * cut->step, cut->step, cut->blocks, memory->coarse, memory->coarse_high), i == 0};
    if (cut->step < cut->blocks) {
      find_eights(own, tile.fine.first, tile.fine.first + tile.fine.blocks, memory->fine_high);
      find_eights(own, tile.coarse.first, tile.coarse.first + tile.coarse.blocks, memory->coarse_high);
    }
    for (size_t set = 0; set * OUTPUTS_TOGETHER < elements; set++) {
      const size_t o = set * OUTPUTS_TOGETHER, count = elements - o < OUTPUTS_TOGETHER ? elements - o : OUTPUTS_TOGETHER;
      look_up(m, 0, band, e + o, count, tile.coarse.first, tile.coarse.first + tile.coarse.blocks, memory->coarse);
      if (tile.fine.blocks > 0) {
        look_up(m, 1, band, e + o, count, tile.fine.first, tile.fine.first + tile.fine.blocks, memory->fine);
      }
      multiply_tile(count, &tile, own, memory->sums + set);
    }
  }
}

/// Adds the sums of up to two sets of elements of a band from `e` on to the outputs.
VBMI_INLINE void add_outputs(
  const ck_vq_planes *m, size_t rows, size_t e, size_t elements, const activations *own, const band_sums *sums, float *y,
  size_t y_stride) {
  const size_t v = m->vector_length;
  for (size_t t = 0; t < own->count; t++, sums += own->sets) {
    const float unit = m->scale * own->x[t * own->x_stride].scale;
    float *target = y + t * y_stride + e;
    const band_outputs first = outputs_of(unit, sums[0]);
    if (elements <= OUTPUTS_TOGETHER) {
      add_band(first, rows, elements, v, target);
      continue;
    }
    const band_outputs second = outputs_of(unit, sums[1]);
    if (v == 8 && rows == CK_BAND_ROWS) {
      add_band_of_eight(first, second, target);
    } else {
      add_band(first, rows, OUTPUTS_TOGETHER, v, target);
      add_band(second, rows, elements - OUTPUTS_TOGETHER, v, target + OUTPUTS_TOGETHER);
    }
  }
}

/// Adds all outputs of rows [first, last) of activations whose sums fit 32 bits.
VBMI static void narrow_products(
  const ck_vq_planes *m, size_t first, size_t last, const activations *own, float *y, size_t y_stride, tile_memory *memory) {
  const size_t v = m->vector_length;
  const tiling cut = tiling_of(m);
  const look_up_function look_up = ck_vbmi_look_up(m);
  for (size_t t = 0; t < own->count; t++) memory->bias[t] = bias_of(own->x + t * own->x_stride, m->fine_columns);
  if (cut.step >= cut.blocks) {
    find_eights(own, 0, cut.fine_blocks, memory->fine_high);
    find_eights(own, 0, cut.blocks, memory->coarse_high);
  }
  for (size_t n = first; n < last; n += CK_BAND_ROWS) {
    const uint8_t *band = m->codes + n / CK_BAND_ROWS * m->band_stride;
    const size_t rows = last - n < CK_BAND_ROWS ? last - n : CK_BAND_ROWS;
    for (size_t e = 0; e < v; e += OUTPUTS_TOGETHER * own->sets) {
      const size_t left = v - e, elements = left < OUTPUTS_TOGETHER * own->sets ? left : OUTPUTS_TOGETHER * own->sets;
      band_products(m, &cut, look_up, band, e, elements, own, memory);
      add_outputs(m, rows, e, elements, own, memory->sums, y + (n - first) * v, y_stride);
    }
  }
}

VBMI void ck_vbmi_vq_planes_many(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  ck_token_lanes lanes, float *y, size_t y_stride, void *scratch) {
  tile_memory *memory = (tile_memory *)(((uintptr_t)scratch + 63) / 64 * 64);
  ask_for_escapes(&m->escapes, first, last);
  activations own = {x, x_stride, 0, m->vector_length > OUTPUTS_TOGETHER ? SETS : 1, memory->bias};
  for (size_t t = 0; t < tokens; t += own.count) {
    own.x = x + t * x_stride;
    own.count = 0;
    while (own.count < CK_TILE_TOKENS && t + own.count < tokens && own.x[own.count * x_stride].is_narrow) own.count++;
    if (own.count > 0) {
      narrow_products(m, first, last, &own, y + t * y_stride, y_stride, memory);
      continue;
    }
    // Sums that may not fit 32 bits, which no real activation has.
    ck_portable_planes_sums(m, first, last, own.x, y + t * y_stride);
    own.count = 1;
  }
  ck_vbmi_add_escapes_many(&m->escapes, m->vector_length, first, last, x, x_stride, tokens, lanes, y, y_stride);
}

#endif
