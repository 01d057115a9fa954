// AVX2 and what came after it: several activations, which share what is looked up for a part of a band. What the file that includes this says is
// told in `x86_avx2_products.h`.

#include "x86_avx2_products.h"
#include "x86_avx2_tiles.h"
#include "x86_avx2_transpose.h"

/// Activations whose sums of a band are kept, and those whose sums of one element are in registers together.
enum { GROUP = 64, TOGETHER = 4 };

/// What a group works in: sums of the eight rows of a band, in the order of `folded`.
typedef struct {
  tile_memory tiles;
  __m256i sums[GROUP][PASS];
} group_memory;

_Static_assert(sizeof(group_memory) + 64 <= CK_PLANES_SCRATCH, "a group has room");

/// Two sums for each row of a band.
typedef struct { __m256i of[2]; } band_lanes;

typedef struct { band_lanes of[TOGETHER]; } group_lanes;

/// The products of `blocks` blocks of a tile with the digits of `tokens` activations.
PLANES_INLINE group_lanes low_products(int tokens, const int8_t *values, size_t blocks, const int8_t *const *digits) {
  group_lanes sums;
  for (int t = 0; t < tokens; t++) sums.of[t].of[0] = sums.of[t].of[1] = _mm256_setzero_si256();
  for (size_t b = 0; b < blocks; b++) {
    const tile_bytes first = bytes_of_tile(values + 64 * b), second = bytes_of_tile(values + 64 * b + 32);
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) {
      const __m256i own = eight_columns(digits[t] + 8 * b);
      sums.of[t].of[0] = with_tile_products(sums.of[t].of[0], first, own);
      sums.of[t].of[1] = with_tile_products(sums.of[t].of[1], second, own);
    }
  }
  return sums;
}

/// Adds the products of high digits, in the `blocks` blocks of a tile from block `first` of the matrix on.
PLANES_INLINE band_lanes with_high(
  band_lanes low, const int8_t *values, size_t first, size_t blocks, const ck_split_activation *x, large_range large) {
  band_lanes sums = {{_mm256_setzero_si256(), _mm256_setzero_si256()}};
  for (; large.from < large.end; large.from++) {
    const int8_t *high = x->high + 64 * (size_t)*large.from;
    const size_t from = 8 * (size_t)*large.from - first;
    // The last fine columns may be half a large block.
    for (size_t b = 0; b < 8 && from + b < blocks; b++) {
      int64_t eight;
      memcpy(&eight, high + 8 * b, sizeof eight);
      // Most have none.
      if (eight == 0) continue;
      const __m256i own = _mm256_set1_epi64x(eight);
      for (int h = 0; h < 2; h++) {
        sums.of[h] = with_tile_products(sums.of[h], bytes_of_tile(values + 64 * (from + b) + 32 * (size_t)h), own);
      }
    }
  }
  for (int h = 0; h < 2; h++) low.of[h] = _mm256_add_epi32(low.of[h], _mm256_slli_epi32(sums.of[h], 8));
  return low;
}

/// The sums of rows 0, 1, 4, 5, 2, 3, 6 and 7; those of a run of fine columns are rounded before.
PLANES_INLINE __m256i folded(band_lanes lanes, int is_fine) {
  for (int h = 0; is_fine && h < 2; h++) lanes.of[h] = _mm256_srai_epi32(_mm256_add_epi32(lanes.of[h], _mm256_set1_epi32(64)), 7);
  return _mm256_hadd_epi32(lanes.of[0], lanes.of[1]);
}

/// Some activations, and their large blocks in a chunk, and in its fine columns.
typedef struct {
  const ck_split_activation *x;
  size_t x_stride, tokens;
  large_range large[GROUP], fine[GROUP];
  /// What `BYTE_BIAS` adds to every row's two sums of a run of fine columns.
  __m256i fine_bias[GROUP];
} token_group;

/// Adds the products of a tile of `blocks` blocks, from block `first` of the matrix on, to element `i` of all sums.
PLANES_INLINE void add_tile(
  int tokens, const band_tile *tile, size_t first, size_t blocks, const token_group *group, size_t t, int is_fine, size_t i,
  __m256i (*sums)[PASS]) {
  const int8_t *low[TOGETHER];
  for (int k = 0; k < tokens; k++) low[k] = group->x[(t + (size_t)k) * group->x_stride].low + 8 * first;
  const group_lanes own = low_products(tokens, tile->of, blocks, low);
  for (int k = 0; k < tokens; k++) {
    const size_t token = t + (size_t)k;
    const large_range large = is_fine ? group->fine[token] : group->large[token];
    band_lanes lanes = with_high(own.of[k], tile->of, first, blocks, group->x + token * group->x_stride, large);
    for (int h = 0; is_fine && h < 2; h++) lanes.of[h] = _mm256_sub_epi32(lanes.of[h], group->fine_bias[token]);
    sums[token][i] = _mm256_add_epi32(sums[token][i], folded(lanes, is_fine));
  }
}

PLANES_TARGET static void add_products(
  const band_tile *tile, size_t first, size_t blocks, const token_group *group, int is_fine, size_t i, __m256i (*sums)[PASS]) {
  size_t t = 0;
  for (; t + TOGETHER <= group->tokens; t += TOGETHER) add_tile(TOGETHER, tile, first, blocks, group, t, is_fine, i, sums);
  switch (group->tokens - t) {
    case 3: add_tile(3, tile, first, blocks, group, t, is_fine, i, sums); break;
    case 2: add_tile(2, tile, first, blocks, group, t, is_fine, i, sums); break;
    case 1: add_tile(1, tile, first, blocks, group, t, is_fine, i, sums); break;
    default: break;
  }
}

PLANES_INLINE void add_to(float *y, __m256 values) { _mm256_storeu_ps(y, _mm256_add_ps(_mm256_loadu_ps(y), values)); }
PLANES_INLINE void add_half(float *y, __m128 values) { _mm_storeu_ps(y, _mm_add_ps(_mm_loadu_ps(y), values)); }

/// Adds `elements` elements of the first `rows` rows of a band for one activation to y[row * vector_length].
PLANES_INLINE void add_band(
  const ck_vq_planes *m, const ck_split_activation *x, const __m256i *sums, size_t rows, size_t elements, float *y) {
  const __m256 unit = _mm256_set1_ps(m->scale * x->scale);
  const __m256i bias = whole_bias(x);
  __m256 values[PASS];
  for (size_t e = 0; e < PASS; e++) {
    const __m256i own = e < elements ? _mm256_sub_epi32(sums[e], bias) : bias;
    values[e] = _mm256_mul_ps(_mm256_cvtepi32_ps(own), unit);
  }
  const size_t v = m->vector_length;
  // Which row is first in `folded`, by fours of sums.
  static const uint8_t row_of[4] = {0, 1, 4, 5};
  if (rows == CK_BAND_ROWS && elements == 8) {
    transpose_eight(values);
    for (size_t i = 0; i < 4; i++) {
      add_to(y + row_of[i] * v, values[i]);
      add_to(y + (row_of[i] + 2) * v, values[4 + i]);
    }
    return;
  }
  if (rows == CK_BAND_ROWS && elements == 4) {
    transpose_halves(values);
    for (size_t i = 0; i < 4; i++) {
      add_half(y + row_of[i] * v, _mm256_castps256_ps128(values[i]));
      add_half(y + (row_of[i] + 2) * v, _mm256_extractf128_ps(values[i], 1));
    }
    return;
  }
  for (size_t e = 0; e < elements; e++) {
    float own[CK_BAND_ROWS];
    _mm256_storeu_ps(own, _mm256_permutevar8x32_ps(values[e], _mm256_setr_epi32(0, 1, 4, 5, 2, 3, 6, 7)));
    for (size_t i = 0; i < rows; i++) y[i * v + e] += own[i];
  }
}

/// Elements [e, e + elements) of a band, of which `rows` rows are wanted.
PLANES_TARGET static void band_of_group(
  const ck_vq_planes *m, ck_avx2_tile_filler fill, const uint8_t *band, size_t rows, size_t e, size_t elements, token_group *group,
  group_memory *memory, float *y, size_t y_stride) {
  memset(memory->sums, 0, group->tokens * sizeof *memory->sums);
  for (size_t t = 0; t < group->tokens; t++) group->large[t].end = group->x[t * group->x_stride].large_blocks;
  const size_t blocks = m->columns / 8;
  for (size_t b = 0; b < blocks; b += CHUNK_BLOCKS) {
    const size_t count = blocks - b < CHUNK_BLOCKS ? blocks - b : CHUNK_BLOCKS;
    // Fine tables are for the first columns alone.
    const size_t fine = m->residual ? fine_blocks(m, b, count) : 0;
    for (size_t t = 0; t < group->tokens; t++) {
      const ck_split_activation *x = group->x + t * group->x_stride;
      const uint16_t *from = group->large[t].end;
      group->large[t] = (large_range){from, large_before(x, from, b + count)};
      group->fine[t] = (large_range){from, large_before(x, from, b + fine)};
      if (fine > 0) group->fine_bias[t] = bias_of(x, b, fine, group->fine[t]);
    }
    const tile_part part = {band, e, elements, b, count, fine};
    fill(m, &part, &memory->tiles);
    for (size_t i = 0; i < elements; i++) {
      add_products(memory->tiles.coarse + i, b, count, group, 0, i, memory->sums);
      if (fine > 0) add_products(memory->tiles.fine + i, b, fine, group, 1, i, memory->sums);
    }
  }
  for (size_t t = 0; t < group->tokens; t++) {
    add_band(m, group->x + t * group->x_stride, memory->sums[t], rows, elements, y + t * y_stride + e);
  }
}

/// All outputs of rows [first, last), without escapes.
PLANES_TARGET static void planes_of_group(
  const ck_vq_planes *m, size_t first, size_t last, token_group *group, group_memory *memory, float *y, size_t y_stride) {
  const ck_avx2_tile_filler fill = ck_avx2_tile_filler_for(m);
  for (size_t e = 0; e < m->vector_length; e += PASS) {
    const size_t left = m->vector_length - e, elements = left < PASS ? left : PASS;
    ck_avx2_fill_tile_tables(m, e, elements, &memory->tiles);
    for (size_t n = first; n < last; n += CK_BAND_ROWS) {
      const size_t rows = last - n < CK_BAND_ROWS ? last - n : CK_BAND_ROWS;
      band_of_group(
        m, fill, m->codes + n / CK_BAND_ROWS * m->band_stride, rows, e, elements, group, memory, y + (n - first) * m->vector_length,
        y_stride);
    }
  }
}

/// From so many activations on, entries of larger codebooks are looked up for all of them together.
enum { LEAST_FOR_ENTRIES = BYTE_BIAS ? 6 : 12 };

void PLANES_NAME(vq_planes_many)(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens, ck_token_lanes lanes,
  float *y, size_t y_stride, void *scratch) {
  group_memory *memory = (group_memory *)(((uintptr_t)scratch + 63) / 64 * 64);
  token_group group;
  const size_t least = is_small(m) ? 1 : LEAST_FOR_ENTRIES;
  for (size_t t = 0; t < tokens;) {
    group = (token_group){.x = x + t * x_stride, .x_stride = x_stride, .tokens = 0};
    while (group.tokens < GROUP && t + group.tokens < tokens && group.x[group.tokens * x_stride].is_narrow) group.tokens++;
    float *target = y + t * y_stride;
    if (group.tokens == 0) {
      // No real activation is so wide that its sums need more than 32 bits.
      ck_portable_planes_sums(m, first, last, group.x, target);
      group.tokens = 1;
    } else if (group.tokens < least) {
      ck_avx2_vq_entries(m, first, last, group.x, x_stride, group.tokens, target, y_stride);
    } else {
      planes_of_group(m, first, last, &group, memory, target, y_stride);
    }
    t += group.tokens;
  }
  ck_avx2_add_escapes_many(&m->escapes, m->vector_length, first, last, x, x_stride, tokens, lanes, y, y_stride);
}
