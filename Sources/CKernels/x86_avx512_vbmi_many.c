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
  /// Blocks of eight columns of one set, or of main and residual stage with half as many.
  TILE_BLOCKS = CK_TILE_COLUMNS / 8,
  /// Bytes of a block.
  STEP = 64 * OUTPUTS_TOGETHER,
};

/// Which of the eights of columns with high digits an activation has within a tile.
typedef struct { uint16_t first, last; } eights;

/// What a product works in, at a multiple of 64 bytes.
typedef struct {
  uint8_t weights[TILE_BLOCKS * STEP];
  band_sums sums[SETS * CK_TILE_TOKENS];
  eights high[CK_TILE_TOKENS];
} tile_memory;
_Static_assert(sizeof(tile_memory) + 64 <= CK_PLANES_SCRATCH, "scratch memory is too small");

/// Some activations, and how their sums lie: those of stage `s` and set `i` of activation `t` are `sums[(t * sets + i) * stages + s]`.
typedef struct {
  const ck_split_activation *x;
  size_t x_stride;
  size_t count;
  size_t stages;
  size_t sets;
} activations;

/// Where sums start: tables are biased by 128. What overflows on the way comes back.
VBMI_INLINE __m512i unbiased(const ck_split_activation *x) {
  return _mm512_set1_epi32((int32_t)(0 - 128 * ((uint32_t)x->sum_low + 256 * (uint32_t)x->sum_high)));
}

/// Adds the products of `blocks` blocks with the low digits of `tokens` activations from column `first` on to their sums, or begins these.
VBMI_INLINE void low_products(
  int elements, int tokens, const uint8_t *weights, size_t blocks, const ck_split_activation *x, size_t x_stride, size_t first,
  band_sums *sums, size_t sums_stride) {
  const int8_t *digits[TOGETHER];
  __m512i acc[TOGETHER][OUTPUTS_TOGETHER];
  for (int t = 0; t < tokens; t++) {
    digits[t] = x[(size_t)t * x_stride].low + first;
    for (int i = 0; i < OUTPUTS_TOGETHER; i++) acc[t][i] = _mm512_setzero_si512();
  }
  for (size_t b = 0; b < blocks; b++) {
    __m512i values[OUTPUTS_TOGETHER];
    for (int i = 0; i < elements; i++) values[i] = _mm512_load_si512(weights + b * STEP + (size_t)i * 64);
    for (int t = 0; t < tokens; t++) {
      const __m512i eight = eight_columns(digits[t] + 8 * b);
      for (int i = 0; i < elements; i++) acc[t][i] = _mm512_dpbusd_epi32(acc[t][i], values[i], eight);
    }
  }
  for (int t = 0; t < tokens; t++) {
    const band_sums own = folded(acc[t]);
    band_sums *target = sums + (size_t)t * sums_stride;
    const __m512i bias = unbiased(x + (size_t)t * x_stride);
    target->even = _mm512_add_epi32(own.even, first == 0 ? bias : target->even);
    target->odd = _mm512_add_epi32(own.odd, first == 0 ? bias : target->odd);
  }
}

/// Adds the products of a tile with the high digits of an activation.
VBMI_INLINE void high_products(
  int elements, const uint8_t *weights, size_t first, const ck_split_activation *x, eights own, band_sums *sums) {
  if (own.first == own.last) return;
  __m512i acc[2][OUTPUTS_TOGETHER];
  for (int i = 0; i < OUTPUTS_TOGETHER; i++) acc[0][i] = acc[1][i] = _mm512_setzero_si512();
  for (size_t k = own.first; k < own.last; k += 2) {
    for (size_t j = 0; j < 2 && k + j < own.last; j++) {
      const size_t b = x->high_eights[k + j];
      const uint8_t *at = weights + (b - first) * STEP;
      const __m512i digits = eight_columns(x->high + 8 * b);
      for (int i = 0; i < elements; i++) acc[j][i] = _mm512_dpbusd_epi32(acc[j][i], _mm512_load_si512(at + (size_t)i * 64), digits);
    }
  }
  for (int i = 0; i < elements; i++) acc[0][i] = _mm512_add_epi32(acc[0][i], acc[1][i]);
  const band_sums all = folded(acc[0]);
  sums->even = _mm512_add_epi32(sums->even, _mm512_slli_epi32(all.even, 8));
  sums->odd = _mm512_add_epi32(sums->odd, _mm512_slli_epi32(all.odd, 8));
}

#define LOW_PRODUCTS(tokens) \
  low_products( \
    elements, tokens, weights, blocks, own->x + t * own->x_stride, own->x_stride, 8 * first, sums + t * sums_stride, \
    sums_stride); \
  t += tokens

/// Adds the products of blocks [first, first + blocks) with all activations to the sums of one set and stage.
VBMI_INLINE void tile_products(
  int elements, const uint8_t *weights, size_t first, size_t blocks, const activations *own, const eights *high,
  band_sums *sums) {
  const size_t sums_stride = own->sets * own->stages, count = own->count;
  size_t t = 0;
  while (count - t >= TOGETHER && count - t != 8) {
    LOW_PRODUCTS(TOGETHER);
  }
  while (count - t >= 4) {
    LOW_PRODUCTS(4);
  }
  if (count - t == 3) {
    LOW_PRODUCTS(3);
  } else if (count - t == 2) {
    LOW_PRODUCTS(2);
  } else if (count - t == 1) {
    LOW_PRODUCTS(1);
  }
  for (t = 0; t < count; t++) {
    high_products(elements, weights, first, own->x + t * own->x_stride, high[t], sums + t * sums_stride);
  }
}

VBMI static void tile(
  size_t elements, const uint8_t *weights, size_t first, size_t blocks, const activations *own, const eights *high,
  band_sums *sums) {
  switch (elements) {
    case 4: tile_products(4, weights, first, blocks, own, high, sums); break;
    case 3: tile_products(3, weights, first, blocks, own, high, sums); break;
    case 2: tile_products(2, weights, first, blocks, own, high, sums); break;
    default: tile_products(1, weights, first, blocks, own, high, sums);
  }
}

/// What all activations have up to column `8 * end`, after what was found before.
static void find_eights(const activations *own, size_t first, size_t end, eights *found) {
  for (size_t t = 0; t < own->count; t++) {
    const ck_split_activation *x = own->x + t * own->x_stride;
    const size_t from = first == 0 ? 0 : found[t].last;
    size_t to = end == 8 * x->blocks ? x->eights : from;
    while (to < x->eights && x->high_eights[to] < end) to++;
    found[t] = (eights){(uint16_t)from, (uint16_t)to};
  }
}

/// The outputs of one set; the operations on each are those for one activation.
VBMI_INLINE band_outputs outputs_of(
  const band_sums *sums, size_t stages, float main_unit, float rest_unit) {
  const band_outputs main = main_outputs(main_unit, sums[0]);
  return stages == 1 ? main : with_residual(main, rest_unit, sums[1]);
}

/// Adds the sums of up to two sets of elements of a band from `e` on to the outputs.
VBMI_INLINE void add_outputs(
  const ck_vq_planes *m, int joint, size_t rows, size_t e, size_t elements, const activations *own, const band_sums *sums, float *y,
  size_t y_stride) {
  const size_t v = m->vector_length, stages = own->stages;
  const float unit = joint ? m->joint_scale : m->main_scale;
  for (size_t t = 0; t < own->count; t++, sums += own->sets * stages) {
    const float scale = own->x[t * own->x_stride].scale;
    const float main_unit = unit * scale, rest_unit = m->residual_scale * scale;
    float *target = y + t * y_stride + e;
    const band_outputs first = outputs_of(sums, stages, main_unit, rest_unit);
    if (elements <= OUTPUTS_TOGETHER) {
      add_band(first, rows, elements, v, target);
      continue;
    }
    const band_outputs second = outputs_of(sums + stages, stages, main_unit, rest_unit);
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
  const ck_vq_planes *m, size_t first, size_t last, const activations *own, int joint, float *y, size_t y_stride,
  tile_memory *memory) {
  const size_t v = m->vector_length, blocks = 8 * own->x->blocks, stages = own->stages;
  // Tiles of equal size, in whole blocks of 64 columns.
  const size_t most = TILE_BLOCKS / stages, tiles = (blocks + most - 1) / most;
  const size_t step = (blocks / 8 + tiles - 1) / tiles * 8;
  uint8_t *rest = memory->weights + step * STEP * (stages - 1);
  const look_up_function look_up = ck_vbmi_look_up(m);
  if (tiles == 1) find_eights(own, 0, blocks, memory->high);
  for (size_t n = first; n < last; n += CK_BAND_ROWS) {
    const uint8_t *band = m->codes + n / CK_BAND_ROWS * m->band_stride;
    const size_t rows = last - n < CK_BAND_ROWS ? last - n : CK_BAND_ROWS;
    // The codes of the next band come meanwhile.
    if (n + CK_BAND_ROWS < last) ck_prefetch(band + m->band_stride, m->band_stride < AHEAD ? m->band_stride : AHEAD);
    for (size_t e = 0; e < v; e += OUTPUTS_TOGETHER * own->sets) {
      const size_t left = v - e, elements = left < OUTPUTS_TOGETHER * own->sets ? left : OUTPUTS_TOGETHER * own->sets;
      for (size_t b = 0; b < blocks; b += step) {
        const size_t end = blocks - b < step ? blocks : b + step;
        if (tiles > 1) find_eights(own, b, end, memory->high);
        for (size_t set = 0; set * OUTPUTS_TOGETHER < elements; set++) {
          const size_t o = set * OUTPUTS_TOGETHER, count = elements - o < OUTPUTS_TOGETHER ? elements - o : OUTPUTS_TOGETHER;
          look_up(m, band, e + o, count, b, end, joint, memory->weights, rest);
          tile(count, memory->weights, b, end - b, own, memory->high, memory->sums + set * stages);
          if (stages == 2) tile(count, rest, b, end - b, own, memory->high, memory->sums + set * stages + 1);
        }
      }
      add_outputs(m, joint, rows, e, elements, own, memory->sums, y + (n - first) * v, y_stride);
    }
  }
}

VBMI void ck_vbmi_vq_planes_many(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  ck_token_lanes lanes, int joint, float *y, size_t y_stride, void *scratch) {
  tile_memory *memory = (tile_memory *)(((uintptr_t)scratch + 63) / 64 * 64);
  joint = joint && m->residual;
  activations own = {x, x_stride, 0, m->residual && !joint ? 2 : 1, m->vector_length > OUTPUTS_TOGETHER ? SETS : 1};
  const size_t slots = SETS * CK_TILE_TOKENS / (own.stages * own.sets), most = slots < CK_TILE_TOKENS ? slots : CK_TILE_TOKENS;
  for (size_t t = 0; t < tokens; t += own.count) {
    own.x = x + t * x_stride;
    own.count = 0;
    while (own.count < most && t + own.count < tokens && own.x[own.count * x_stride].is_narrow) own.count++;
    if (own.count > 0) {
      narrow_products(m, first, last, &own, joint, y + t * y_stride, y_stride, memory);
      continue;
    }
    // Sums that may not fit 32 bits, which no real activation has.
    ck_portable_planes_sums(m, first, last, own.x, joint, y + t * y_stride);
    own.count = 1;
  }
  ck_vbmi_add_escapes_many(
    joint ? &m->joint_escapes : &m->escapes, m->vector_length, first, last, x, x_stride, tokens, lanes, y, y_stride);
}

#endif
