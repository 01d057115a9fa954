// AMX: the product of several activations with small codebooks.
//
// Two elements of the rows of two bands are looked up for up to CK_TILE_COLUMNS columns, as tiles of 16 outputs, which all activations are
// multiplied with while they are in the first-level cache. Integers are those of one activation alone, and so are the results.

#include "tables.h"

#if defined(__x86_64__) && defined(__linux__)

#include "x86_amx.h"

#include <string.h>

enum {
  /// Tiles of columns of a whole matrix at most.
  MOST_TILES = 65536 / TILE_COLUMNS,
  /// Elements whose sums are kept until they are written.
  ELEMENTS = 8,
  /// Activations that go through the tiles together, and how often.
  PAIR_TOKENS = 2 * TILE_ROWS,
  PAIRS = CK_TILE_TOKENS / PAIR_TOKENS,
  /// Sums of a tile, and of 16 activations.
  TILE_SUMS = TILE_BYTES / 4,
  GROUP_SUMS = ELEMENTS * TILE_SUMS,
  /// With fewer activations, registers of one activation each are faster.
  LEAST_TOKENS = 16,
};

/// What a product works in, at a multiple of 64 bytes.
typedef struct {
  uint8_t coarse[2 * RUN_BYTES];
  /// The fine bytes of the first four columns of every eight, and of the others; what is not theirs is 0.
  uint8_t fine[2][2 * RUN_BYTES];
  /// Of two groups, for two elements each.
  int32_t part[4 * TILE_SUMS];
  /// Of each 16 activations, for every element.
  int32_t sums[CK_TILE_TOKENS / TILE_ROWS][GROUP_SUMS];
  int32_t bias[CK_TILE_TOKENS];
  /// Which tiles of columns have high digits in some activation of a pair of groups.
  uint64_t large[PAIRS][MOST_TILES / 64];
} amx_memory;
_Static_assert(sizeof(amx_memory) + 64 <= CK_PLANES_SCRATCH, "scratch memory is too small");

/// Some activations, the digits of which lie `stride` bytes apart.
typedef struct {
  const ck_split_activation *x;
  size_t x_stride;
  size_t count;
  size_t stride;
} amx_activations;

/// Tiles of columns [first, first + count) of which an element is looked up.
typedef struct { size_t first, count; } tile_run;

/// Adds the products of the digits of one or two groups in `count` tiles of columns with one or `both` elements' tiles of weights.
AMX_INLINE void add_tiles(
  int both, int is_pair, const int8_t *digits, size_t stride, const uint8_t *weights, size_t count) {
  for (size_t k = 0; k < count; k++, digits += TILE_COLUMNS, weights += TILE_BYTES) {
    _tile_loadd(DIGITS_0, digits, stride);
    _tile_loadd(WEIGHTS_0, weights, 64);
    _tile_dpbsud(SUMS_00, DIGITS_0, WEIGHTS_0);
    if (is_pair) {
      _tile_loadd(DIGITS_1, digits + TILE_ROWS * stride, stride);
      _tile_dpbsud(SUMS_10, DIGITS_1, WEIGHTS_0);
    }
    if (!both) continue;
    _tile_loadd(WEIGHTS_1, weights + RUN_BYTES, 64);
    _tile_dpbsud(SUMS_01, DIGITS_0, WEIGHTS_1);
    if (is_pair) _tile_dpbsud(SUMS_11, DIGITS_1, WEIGHTS_1);
  }
}

AMX_INLINE void add_tiles_of(
  int both, const token_groups *groups, const int8_t *digits, const uint8_t *weights, size_t count) {
  if (both && groups->second > 0) add_tiles(1, 1, digits, groups->stride, weights, count);
  else if (both) add_tiles(1, 0, digits, groups->stride, weights, count);
  else if (groups->second > 0) add_tiles(0, 1, digits, groups->stride, weights, count);
  else add_tiles(0, 0, digits, groups->stride, weights, count);
}

/// Sums of one or two groups, each with one or two elements: `group_stride` and TILE_SUMS integers apart.
AMX_INLINE void load_sums(int both, const token_groups *groups, const int32_t *sums, size_t group_stride) {
  _tile_loadd(SUMS_00, sums, 64);
  if (both) _tile_loadd(SUMS_01, sums + TILE_SUMS, 64);
  if (groups->second == 0) return;
  _tile_loadd(SUMS_10, sums + group_stride, 64);
  if (both) _tile_loadd(SUMS_11, sums + group_stride + TILE_SUMS, 64);
}

AMX_INLINE void store_sums(int both, const token_groups *groups, int32_t *sums, size_t group_stride) {
  _tile_stored(SUMS_00, sums, 64);
  if (both) _tile_stored(SUMS_01, sums + TILE_SUMS, 64);
  if (groups->second == 0) return;
  _tile_stored(SUMS_10, sums + group_stride, 64);
  if (both) _tile_stored(SUMS_11, sums + group_stride + TILE_SUMS, 64);
}

/// How sums of a part are added to others: times a power of two, or rounded to whole 128ths.
typedef enum { TIMES_2 = 1, TIMES_256 = 8, ROUNDED = -1 } part_form;

AMX_INLINE void add_rows(part_form form, size_t rows, const int32_t *part, int32_t *sums) {
  for (size_t r = 0; r < rows; r++) {
    __m512i own = _mm512_load_si512(part + 16 * r);
    own = form == ROUNDED ? rounded_fine(own) : _mm512_slli_epi32(own, form);
    _mm512_store_si512(sums + 16 * r, _mm512_add_epi32(own, _mm512_load_si512(sums + 16 * r)));
  }
}

/// Keeps what the registers hold at `part`, and adds it to the sums.
AMX_INLINE void add_part(part_form form, int both, const token_groups *groups, int32_t *part, int32_t *sums) {
  store_sums(both, groups, part, 2 * TILE_SUMS);
  for (int i = 0; i < (both ? 2 : 1); i++, part += TILE_SUMS, sums += TILE_SUMS) {
    add_rows(form, groups->first, part, sums);
    if (groups->second > 0) add_rows(form, groups->second, part + 2 * TILE_SUMS, sums + GROUP_SUMS);
  }
}

/// Multiplies the high digits in those tiles that have some with each of `copies` tiles of weights `2 * RUN_BYTES` apart. Returns whether there
/// were any.
AMX_INLINE int high_products(
  int both, const token_groups *groups, const int8_t *digits, const uint64_t *large, const uint8_t *weights, int copies, tile_run run) {
  int is_any = 0;
  for (size_t k = 0; k < run.count; k++) {
    const size_t tile = run.first + k;
    if (!(large[tile / 64] >> tile % 64 & 1)) continue;
    if (!is_any) clear_sums();
    is_any = 1;
    for (int i = 0; i < copies; i++) {
      add_tiles_of(both, groups, digits + tile * TILE_COLUMNS, weights + (size_t)i * 2 * RUN_BYTES + k * TILE_BYTES, 1);
    }
  }
  return is_any;
}

/// The sums of one or two elements with runs of coarse and of fine columns, for up to two groups.
AMX_INLINE void group_products(
  int both, const token_groups *groups, const ck_split_activation *x, const uint64_t *large, tile_run coarse, tile_run fine,
  amx_memory *memory, int32_t *sums) {
  if (coarse.first == 0) clear_sums();
  else load_sums(both, groups, sums, GROUP_SUMS);
  add_tiles_of(both, groups, x->low + coarse.first * TILE_COLUMNS, memory->coarse, coarse.count);
  store_sums(both, groups, sums, GROUP_SUMS);
  if (high_products(both, groups, x->high, large, memory->coarse, 1, coarse)) add_part(TIMES_256, both, groups, memory->part, sums);
  if (fine.count == 0) return;
  for (int half = 0; half < 2; half++) {
    clear_sums();
    add_tiles_of(both, groups, x->low + fine.first * TILE_COLUMNS, memory->fine[half], fine.count);
    add_part(ROUNDED, both, groups, memory->part, sums);
  }
  if (high_products(both, groups, x->high, large, memory->fine[0], 2, fine)) add_part(TIMES_2, both, groups, memory->part, sums);
}

/// The same for all activations. `shaped` says which groups the tiles have the shape of.
AMX static void run_products(
  int both, const amx_activations *own, tile_run coarse, tile_run fine, size_t element, token_groups *shaped, amx_memory *memory) {
  for (size_t t = 0, pair = 0; t < own->count; t += PAIR_TOKENS, pair++) {
    const token_groups groups = groups_of(own->count - t, own->stride);
    if (groups.first != shaped->first || groups.second != shaped->second) shape_tiles(groups.first, groups.second ? groups.second : 1);
    *shaped = groups;
    const ck_split_activation *x = own->x + t * own->x_stride;
    int32_t *sums = memory->sums[t / TILE_ROWS] + element * TILE_SUMS;
    group_products(both, &groups, x, memory->large[pair], coarse, fine, memory, sums);
  }
}

/// How the columns of a matrix are cut into runs of tiles, of about equal size.
typedef struct { size_t tiles, fine_blocks, step; } tile_cut;

static tile_cut cut_of(const ck_vq_planes *m) {
  const size_t tiles = m->columns / TILE_COLUMNS, runs = (tiles + RUN_TILES - 1) / RUN_TILES;
  return (tile_cut){tiles, m->fine_columns / 8, (tiles + runs - 1) / runs};
}

/// The sums of `elements` elements from `e` on of two bands.
AMX static void bands_sums(
  const ck_vq_planes *m, const tile_cut *cut, look_up_tiles_function look_up, const uint8_t *const *bands, size_t e, size_t elements,
  const amx_activations *own, token_groups *shaped, amx_memory *memory) {
  const size_t run_blocks = 8 * RUN_TILES;
  for (size_t i = 0; i * cut->step < cut->tiles; i++) {
    tile_run coarse = {i * cut->step, cut->tiles - i * cut->step}, fine = {i * RUN_TILES, 0};
    if (coarse.count > cut->step) coarse.count = cut->step;
    const size_t first = i * run_blocks;
    size_t last = first + run_blocks < cut->fine_blocks ? first + run_blocks : cut->fine_blocks;
    if (last > first) fine.count = (last - first + 7) / 8;
    for (size_t set = 0; set < elements; set += 2) {
      const int both = elements - set > 1;
      look_up(
        m, 0, bands, e + set, both, 8 * coarse.first, 8 * (coarse.first + coarse.count), memory->coarse, memory->coarse + 64);
      if (fine.count > 0) {
        if (last % 8 != 0) {
          // Another run may have left bytes in the second half of the last tile.
          for (int half = 0; half < 2; half++) {
            for (size_t k = 0; k < 2; k++) memset(memory->fine[half] + k * RUN_BYTES + 128 * (last - first), 0, 128 * (8 - last % 8));
          }
        }
        look_up(m, 1, bands, e + set, both, first, last, memory->fine[0], memory->fine[1] + 64);
      }
      run_products(both, own, coarse, fine, set, shaped, memory);
    }
  }
}

/// Four rows of four elements each, in each of four registers: of rows 0 to 3, 4 to 7 and so on.
AMX_INLINE void turn_elements(const __m512 *elements, __m512 *rows) {
  const __m512d low = _mm512_castps_pd(_mm512_unpacklo_ps(elements[0], elements[1]));
  const __m512d more_low = _mm512_castps_pd(_mm512_unpacklo_ps(elements[2], elements[3]));
  const __m512d high = _mm512_castps_pd(_mm512_unpackhi_ps(elements[0], elements[1]));
  const __m512d more_high = _mm512_castps_pd(_mm512_unpackhi_ps(elements[2], elements[3]));
  rows[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, more_low));
  rows[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, more_low));
  rows[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high, more_high));
  rows[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high, more_high));
}

/// Two rows of eight elements each, from four rows of the first four and of the others: rows 0 and 1, and rows 2 and 3.
AMX_INLINE void join_elements(__m512 first, __m512 others, __m512 *pairs) {
  const __m512d a = _mm512_castps_pd(first), b = _mm512_castps_pd(others);
  pairs[0] = _mm512_castpd_ps(_mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), b));
  pairs[1] = _mm512_castpd_ps(_mm512_permutex2var_pd(a, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), b));
}

/// Adds all elements of 16 rows, which are a whole vector, to `y`.
AMX_INLINE void add_whole_rows(int elements, const __m512 *rows, const __m512 *more, float *y) {
  for (int i = 0; i < 4; i++) {
    if (elements <= 4) {
      const __mmask16 present = (__mmask16)(((1 << elements) - 1) * 0x1111);
      const __m512 own = elements == 4 ? rows[i] : _mm512_maskz_compress_ps(present, rows[i]);
      add_some(y + 4 * i * elements, 4 * (size_t)elements, own);
      continue;
    }
    __m512 pairs[2];
    join_elements(rows[i], more[i], pairs);
    for (int k = 0; k < 2; k++) {
      const __mmask16 present = (__mmask16)(((1 << elements) - 1) * 0x0101);
      const __m512 own = elements == 8 ? pairs[k] : _mm512_maskz_compress_ps(present, pairs[k]);
      add_some(y + (4 * i + 2 * k) * elements, 2 * (size_t)elements, own);
    }
  }
}

/// Adds `elements` elements of the first `count` of 16 rows to y[row * vector_length].
AMX_INLINE void add_single_rows(
  int elements, const __m512 *rows, const __m512 *more, size_t count, size_t vector_length, float *y) {
  const __mmask8 present = (__mmask8)((1 << elements) - 1);
  float own[2 * 16 * 4];
  for (int i = 0; i < 4; i++) {
    __m512 pairs[2];
    join_elements(rows[i], more[i], pairs);
    _mm512_storeu_ps(own + 32 * i, pairs[0]);
    _mm512_storeu_ps(own + 32 * i + 16, pairs[1]);
  }
  for (size_t r = 0; r < count; r++, y += vector_length) {
    const __m256 sum = _mm256_add_ps(_mm256_maskz_loadu_ps(present, y), _mm256_maskz_loadu_ps(present, own + 8 * r));
    _mm256_mask_storeu_ps(y, present, sum);
  }
}

/// Adds the sums of `elements` elements of `rows` rows to the outputs of all activations.
AMX_INLINE void add_elements(
  const ck_vq_planes *m, int elements, size_t rows, const amx_activations *own, const amx_memory *memory, float *y, size_t y_stride) {
  for (size_t t = 0; t < own->count; t++, y += y_stride) {
    const __m512 unit = _mm512_set1_ps(m->scale * own->x[t * own->x_stride].scale);
    const __m512i bias = _mm512_set1_epi32(memory->bias[t]);
    const int32_t *sums = memory->sums[t / TILE_ROWS] + 16 * (t % TILE_ROWS);
    __m512 values[ELEMENTS], turned[4], more[4];
    for (int i = 0; i < ELEMENTS; i++) {
      values[i] = i >= elements
        ? _mm512_setzero_ps()
        : _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_load_si512(sums + i * TILE_SUMS), bias)), unit);
    }
    turn_elements(values, turned);
    turn_elements(values + 4, more);
    if (rows == 2 * CK_BAND_ROWS && (size_t)elements == m->vector_length) add_whole_rows(elements, turned, more, y);
    else add_single_rows(elements, turned, more, rows, m->vector_length, y);
  }
}

AMX static void add_outputs(
  const ck_vq_planes *m, size_t elements, size_t rows, const amx_activations *own, const amx_memory *memory, float *y,
  size_t y_stride) {
  switch (elements) {
    case 8: add_elements(m, 8, rows, own, memory, y, y_stride); break;
    case 7: add_elements(m, 7, rows, own, memory, y, y_stride); break;
    case 6: add_elements(m, 6, rows, own, memory, y, y_stride); break;
    case 5: add_elements(m, 5, rows, own, memory, y, y_stride); break;
    case 4: add_elements(m, 4, rows, own, memory, y, y_stride); break;
    case 3: add_elements(m, 3, rows, own, memory, y, y_stride); break;
    case 2: add_elements(m, 2, rows, own, memory, y, y_stride); break;
    default: add_elements(m, 1, rows, own, memory, y, y_stride);
  }
}

/// Names the tiles of columns in which some activation of a pair of groups has high digits.
static void find_large(const amx_activations *own, amx_memory *memory) {
  memset(memory->large, 0, (own->count + PAIR_TOKENS - 1) / PAIR_TOKENS * sizeof *memory->large);
  for (size_t t = 0; t < own->count; t++) {
    const ck_split_activation *x = own->x + t * own->x_stride;
    uint64_t *large = memory->large[t / PAIR_TOKENS];
    for (size_t i = 0; i < x->large; i++) large[x->large_blocks[i] / 64] |= (uint64_t)1 << x->large_blocks[i] % 64;
  }
}

AMX static void tile_products(
  const ck_vq_planes *m, size_t first, size_t last, const amx_activations *own, float *y, size_t y_stride, amx_memory *memory) {
  const tile_cut cut = cut_of(m);
  const look_up_tiles_function look_up = ck_amx_look_up(m);
  token_groups shaped = {0, 0, 0};
  if (m->fine_columns > 0) memset(memory->fine, 0, sizeof memory->fine);
  find_large(own, memory);
  for (size_t t = 0; t < own->count; t++) memory->bias[t] = bias_of(own->x + t * own->x_stride, m->fine_columns);
  for (size_t n = first; n < last; n += 2 * CK_BAND_ROWS, y += 2 * CK_BAND_ROWS * m->vector_length) {
    const uint8_t *band = m->codes + n / CK_BAND_ROWS * m->band_stride;
    const size_t rows = last - n < 2 * CK_BAND_ROWS ? last - n : 2 * CK_BAND_ROWS;
    const uint8_t *bands[2] = {band, rows > CK_BAND_ROWS ? band + m->band_stride : band};
    for (size_t e = 0; e < m->vector_length; e += ELEMENTS) {
      const size_t elements = m->vector_length - e < ELEMENTS ? m->vector_length - e : ELEMENTS;
      bands_sums(m, &cut, look_up, bands, e, elements, own, &shaped, memory);
      add_outputs(m, elements, rows, own, memory, y + e, y_stride);
    }
  }
  _tile_release();
}

/// As many activations as have narrow sums and digits as far apart as the first two, with their number and that distance.
static amx_activations run_of(const ck_split_activation *x, size_t x_stride, size_t tokens) {
  const ptrdiff_t stride = tokens > 1 ? x[x_stride].low - x->low : 0;
  size_t count = 0;
  for (; count < tokens && count < CK_TILE_TOKENS; count++) {
    const ck_split_activation *own = x + count * x_stride;
    if (!own->is_narrow || !lies_at(own, x, (ptrdiff_t)count * stride)) break;
  }
  return (amx_activations){x, x_stride, stride > 0 ? count : 0, stride > 0 ? (size_t)stride : 0};
}

AMX void ck_amx_vq_planes_many(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  ck_token_lanes lanes, float *y, size_t y_stride, void *scratch) {
  if (tokens < LEAST_TOKENS) {
    ck_vbmi_vq_planes_many(m, first, last, x, x_stride, tokens, lanes, y, y_stride, scratch);
    return;
  }
  amx_memory *memory = (amx_memory *)(((uintptr_t)scratch + 63) / 64 * 64);
  ck_vq_planes sums_alone = *m;
  sums_alone.escapes = (ck_escapes){NULL, NULL, NULL, NULL};
  ask_for_escapes(&m->escapes, first, last);
  for (size_t t = 0; t < tokens;) {
    const amx_activations own = run_of(x + t * x_stride, x_stride, tokens - t);
    float *target = y + t * y_stride;
    if (own.count >= LEAST_TOKENS) {
      tile_products(m, first, last, &own, target, y_stride, memory);
      t += own.count;
      continue;
    }
    const size_t few = own.count > 0 ? own.count : 1;
    ck_vbmi_vq_planes_many(
      &sums_alone, first, last, own.x, x_stride, few, (ck_token_lanes){NULL, 0}, target, y_stride, scratch);
    t += few;
  }
  ck_vbmi_add_escapes_many(&m->escapes, m->vector_length, first, last, x, x_stride, tokens, lanes, y, y_stride);
}

#endif
