// AVX2: the product of activations with codebooks of up to 64 centroids, whose bytes are looked up 16 entries at a time; larger ones are
// left to `x86_avx2_entries.c`.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx2_codes.h"

#include <string.h>

/// Rows whose codes of eight columns fill a register: half a band.
enum { ROWS = CK_BAND_ROWS / 2 };

/// Blocks whose codes are made ready at a time, few enough for the first-level cache, and the codes in half of them: a run of fine columns.
enum { CHUNK_BLOCKS = CK_FINE_RUN / 8, CHUNK = 32 * CHUNK_BLOCKS };

/// Activations whose sums are kept while a band is gone through.
enum { TOKENS = 4 };

/// The longest vectors that are gone through at once; longer ones in several passes.
enum { PASS = 8 };

/// The most shuffles of 16 entries that one element takes.
enum { MOST_PARTS = 4 };

/// The codes of a chunk for one stage, and if wanted the other indices that its shuffles take (`next_index`).
typedef struct { _Alignas(32) uint8_t of[CHUNK], next[MOST_PARTS - 1][CHUNK]; } stage_codes;

/// How many shuffles a table of `count` centroids takes.
static int parts_of(uint32_t count) { return count <= 16 ? 1 : MOST_PARTS; }

/// The next of the indices for `_mm256_shuffle_epi8`, which reads the lower four bits; the first are the codes. Those of less than 16 become
/// negative, which gives 0.
AVX2_INLINE __m256i next_index(__m256i index) {
  // So that one register is enough for what is taken away each time.
  __asm__("" : "+x"(index));
  return _mm256_sub_epi8(index, _mm256_set1_epi8(16));
}

/// What tells 16 entries of a table from the 16 before them, so many times, in both halves of a register: all that a code is not below add up to
/// its own entry. `bias` is taken from the entries.
AVX2_INLINE void load_entries(int parts, const void *table, __m128i bias, __m256i *entries) {
  __m128i before = bias;
  for (int q = 0; q < parts; q++) {
    const __m128i own = _mm_loadu_si128((const __m128i *)table + q);
    entries[q] = _mm256_broadcastsi128_si256(_mm_xor_si128(own, before));
    before = own;
  }
}

AVX2_INLINE void main_entries(int parts, const uint8_t *table, __m256i *entries) {
  load_entries(parts, table, _mm_set1_epi8(-128), entries);
}

AVX2_INLINE void rest_entries(int parts, const int8_t *table, __m256i *entries) {
  load_entries(parts, table, _mm_setzero_si128(), entries);
}

/// The codes of half `h` of the blocks [b, end) of a band for one stage; `b` is a multiple of four. With the first half, memory is asked for
/// those of the next chunk. Beyond the first of `parts` parts indices are written too.
AVX2_INLINE void read_codes(
  code_kind kind, int parts, const band_layout *layout, const uint8_t *band, size_t h, size_t b, size_t end, stage_codes *stage) {
  const uint8_t *four = band + b / 4 * bytes_of_four(layout);
  for (size_t c = 0; b < end; b += 4, four += bytes_of_four(layout)) {
    if (kind == SMALL_CODES && h == 0) ck_prefetch(four + CHUNK_BLOCKS / 4 * bytes_of_four(layout), bytes_of_four(layout));
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 4; i++, c += 32) {
      __m256i index = codes_of_four(kind, layout, four, i, h);
      _mm256_store_si256((__m256i *)(stage->of + c), index);
      for (int q = 1; q < parts; q++) {
        index = next_index(index);
        _mm256_store_si256((__m256i *)(stage->next[q - 1] + c), index);
      }
    }
  }
}

/// Bytes with a sign of 32 codes; whether their indices are `stored`.
AVX2_INLINE __m256i looked_up(int parts, int stored, const __m256i *entries, const stage_codes *stage, size_t c) {
  __m256i index = _mm256_load_si256((const __m256i *)(stage->of + c)), values = _mm256_shuffle_epi8(entries[0], index);
  for (int q = 1; q < parts; q++) {
    index = stored ? _mm256_load_si256((const __m256i *)(stage->next[q - 1] + c)) : next_index(index);
    values = _mm256_xor_si256(values, _mm256_shuffle_epi8(entries[q], index));
  }
  return values;
}

/// Whether a run of fine columns ends with the block before `end`.
static inline int ends_fine_run(const ck_vq_planes *m, size_t end) {
  return end % (CK_FINE_RUN / 8) == 0 || end >= m->fine_columns / 8;
}

/// Adds what a run of fine columns gave, rounded, to the sum of the coarse ones.
AVX2_INLINE void end_fine_run(__m256i *sum, __m256i *fine) {
  *sum = _mm256_add_epi32(*sum, _mm256_srai_epi32(_mm256_add_epi32(*fine, _mm256_set1_epi32(64)), 7));
  *fine = _mm256_setzero_si256();
}

/// Looks up one element of `count` codes of one stage: bytes with a sign, added to `values` with `adding`.
AVX2_INLINE void look_up(int parts, const __m256i *entries, const stage_codes *stage, size_t count, int adding, int8_t *values) {
  for (size_t c = 0; c < count; c += 32) {
    __m256i *target = (__m256i *)(values + c);
    const __m256i own = looked_up(parts, 0, entries, stage, c);
    _mm256_store_si256(target, adding ? _mm256_add_epi8(_mm256_load_si256(target), own) : own);
  }
}

/// The same of both stages together.
AVX2_INLINE void look_up_both(
  int parts, code_kind rest_kind, int rest_parts, const uint8_t *main, const int8_t *residual, const stage_codes *main_codes,
  const stage_codes *rest_codes, size_t count, int8_t *values) {
  __m256i entries[MOST_PARTS];
  main_entries(parts, main, entries);
  look_up(parts, entries, main_codes, count, 0, values);
  if (rest_kind == NO_CODES) return;
  rest_entries(rest_parts, residual, entries);
  look_up(rest_parts, entries, rest_codes, count, 1, values);
}

/// Eight digits for the eight columns of a block, in every row.
AVX2_INLINE __m256i eight_columns(const int8_t *digits) {
  int64_t eight;
  memcpy(&eight, digits, sizeof eight);
  return _mm256_set1_epi64x(eight);
}

/// The products of a chunk's bytes with one activation from column `first` on, two sums for each row; `large` are its blocks with high
/// digits.
AVX2_INLINE __m256i chunk_products(
  const int8_t *values, size_t first, size_t blocks, const ck_split_activation *x, const uint16_t *large,
  const uint16_t *large_end) {
  const int8_t *low = x->low + first;
  __m256i sum = _mm256_setzero_si256(), other = sum;
  for (size_t b = 0; b < blocks; b += 2) {
    sum = _mm256_add_epi32(sum, signed_products(load_values(values + 32 * b), eight_columns(low + 8 * b)));
    other = _mm256_add_epi32(other, signed_products(load_values(values + 32 * b + 32), eight_columns(low + 8 * b + 8)));
  }
  sum = _mm256_add_epi32(sum, other);
  other = _mm256_setzero_si256();
  for (; large < large_end; large++) {
    const int8_t *own = values + 4 * (64 * (size_t)*large - first), *high = x->high + 64 * (size_t)*large;
    // The last fine columns may be half a large block.
    for (size_t b = 0; b < 8 && own + 32 * b < values + 32 * blocks; b++) {
      other = _mm256_add_epi32(other, signed_products(load_values(own + 32 * b), eight_columns(high + 8 * b)));
    }
  }
  return _mm256_add_epi32(sum, _mm256_slli_epi32(other, 8));
}

/// Two sums for each row of half a band: `[coarse or fine][token][element]`.
typedef struct { __m256i lanes[2][TOKENS][PASS]; } pass_sums;

/// The sums of the four rows.
AVX2_INLINE __m128 row_sums(__m256i lanes) {
  const __m256i pairs = _mm256_add_epi32(lanes, _mm256_srli_epi64(lanes, 32));
  const __m256i places = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
  return _mm_cvtepi32_ps(_mm256_castsi256_si128(_mm256_permutevar8x32_epi32(pairs, places)));
}

/// Adds `elements` elements of the first `rows` rows for one activation to y[row * vector_length].
AVX2_INLINE void add_outputs(
  const ck_vq_planes *m, const ck_split_activation *x, const __m256i *sums, size_t rows, size_t elements, float *y) {
  const __m128 unit = _mm_set1_ps(m->scale * x->scale);
  for (size_t e = 0; e < elements; e++) {
    float values[ROWS];
    _mm_storeu_ps(values, _mm_mul_ps(row_sums(sums[e]), unit));
    for (size_t i = 0; i < rows; i++) y[i * m->vector_length + e] += values[i];
  }
}

/// Elements [e, e + elements) of half `h` of a band, of which `rows` rows are wanted, for `tokens` activations.
AVX2_INLINE void half_pass(
  int parts, code_kind rest_kind, int rest_parts, const ck_vq_planes *m, const uint8_t *band, size_t h, size_t rows, size_t e,
  size_t elements, const ck_split_activation *x, size_t x_stride, size_t tokens, float *y, size_t y_stride) {
  const band_layout layout = layout_of(m);
  stage_codes main, rest;
  _Alignas(32) int8_t values[CHUNK];
  pass_sums sums;
  memset(&sums, 0, sizeof sums);
  const uint16_t *large[TOKENS];
  for (size_t t = 0; t < tokens; t++) large[t] = x[t * x_stride].large_blocks;
  const size_t blocks = m->columns / 8;
  for (size_t b = 0; b < blocks; b += CHUNK_BLOCKS) {
    const size_t count = blocks - b < CHUNK_BLOCKS ? blocks - b : CHUNK_BLOCKS, end = b + count;
    read_codes(SMALL_CODES, 1, &layout, band, h, b, end, &main);
    if (rest_kind != NO_CODES) read_codes(rest_kind, 1, &layout, band, h, b, end, &rest);
    const uint16_t *large_end[TOKENS], *fine_end[TOKENS];
    // Fine tables are for the first columns alone.
    const size_t fine = rest_kind == NO_CODES ? 0 : fine_blocks(m, b, count);
    for (size_t t = 0; t < tokens; t++) {
      large_end[t] = large_before(x + t * x_stride, large[t], end);
      fine_end[t] = large_before(x + t * x_stride, large[t], b + fine);
    }
    for (size_t i = 0; i < elements; i++) {
      const size_t own = 256 * (e + i);
      look_up_both(parts, rest_kind, rest_parts, m->main + own, rest_kind == NO_CODES ? NULL : m->residual + own, &main, &rest, 32 * count, values);
      for (size_t t = 0; t < tokens; t++) {
        const __m256i added = chunk_products(values, 8 * b, count, x + t * x_stride, large[t], large_end[t]);
        sums.lanes[0][t][i] = _mm256_add_epi32(sums.lanes[0][t][i], added);
      }
      if (fine == 0) continue;
      look_up_both(parts, rest_kind, rest_parts, m->fine_main + own, m->fine_residual + own, &main, &rest, 32 * fine, values);
      for (size_t t = 0; t < tokens; t++) {
        const __m256i added = chunk_products(values, 8 * b, fine, x + t * x_stride, large[t], fine_end[t]);
        sums.lanes[1][t][i] = _mm256_add_epi32(sums.lanes[1][t][i], added);
        if (ends_fine_run(m, b + fine)) end_fine_run(&sums.lanes[0][t][i], &sums.lanes[1][t][i]);
      }
    }
    for (size_t t = 0; t < tokens; t++) large[t] = large_end[t];
  }
  for (size_t t = 0; t < tokens; t++) {
    add_outputs(m, x + t * x_stride, sums.lanes[0][t], rows, elements, y + t * y_stride + e);
  }
}

/// Row `n` is the first of half a band: which half, and how many of its rows are before `last`.
AVX2_INLINE size_t half_of(size_t n) { return n / ROWS % 2; }
AVX2_INLINE size_t rows_until(size_t n, size_t last) { return last - n < ROWS ? last - n : ROWS; }
AVX2_INLINE const uint8_t *band_of(const ck_vq_planes *m, size_t n) { return m->codes + n / CK_BAND_ROWS * m->band_stride; }

typedef void (*rows_function)(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens, float *y,
  size_t y_stride);

#define ALL_ROWS(parts, kind, rest_parts) \
  AVX2 static void rows_##parts##_##kind##_##rest_parts( \
    const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens, \
    float *y, size_t y_stride) { \
    for (size_t n = first; n < last; n += ROWS) { \
      float *target = y + (n - first) * m->vector_length; \
      for (size_t e = 0; e < m->vector_length; e += PASS) { \
        const size_t left = m->vector_length - e; \
        half_pass( \
          parts, kind, rest_parts, m, band_of(m, n), half_of(n), rows_until(n, last), e, left < PASS ? left : PASS, x, \
          x_stride, tokens, target, y_stride); \
      } \
    } \
  }
#define ROWS_OF(parts) \
  ALL_ROWS(parts, NO_CODES, 1) \
  ALL_ROWS(parts, NIBBLE_CODES, 1) \
  ALL_ROWS(parts, BYTE_CODES, 4)
ROWS_OF(1)
ROWS_OF(4)

static rows_function rows_of(const ck_vq_planes *m) {
#define NAMES(parts) {rows_##parts##_NO_CODES_1, rows_##parts##_NIBBLE_CODES_1, rows_##parts##_BYTE_CODES_4}
  static const rows_function functions[2][3] = {NAMES(1), NAMES(4)};
  return functions[parts_of(m->main_count) > 1][!m->residual ? 0 : m->residual_count <= 16 ? 1 : 2];
}

static int is_small(const ck_vq_planes *m) { return m->main_count <= 64 && (!m->residual || m->residual_count <= 64); }

void ck_avx2_vq_planes_many(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  ck_token_lanes lanes, float *y, size_t y_stride, void *scratch) {
  (void)lanes;
  (void)scratch;
  if (!is_small(m)) {
    ck_avx2_vq_entries(m, first, last, x, x_stride, tokens, y, y_stride);
    return;
  }
  const rows_function rows = rows_of(m);
  for (size_t t = 0; t < tokens;) {
    // No real activation is so wide that its sums need more than 32 bits.
    size_t count = 0;
    while (count < TOKENS && t + count < tokens && x[(t + count) * x_stride].is_narrow) count++;
    if (count == 0) {
      ck_portable_vq_planes(m, first, last, x + t * x_stride, y + t * y_stride);
      t++;
      continue;
    }
    rows(m, first, last, x + t * x_stride, x_stride, count, y + t * y_stride, y_stride);
    for (size_t end = t + count; t < end; t++) {
      ck_avx2_add_escapes(&m->escapes, m->vector_length, first, last, x[t * x_stride].values, y + t * y_stride);
    }
  }
}

// One activation with codebooks of up to 64 centroids: what is looked up is multiplied at once.

/// One element of both codebooks.
typedef struct { __m256i main[4], rest[4]; } element_tables;

/// How many shuffles a residual table of at most 64 centroids takes.
AVX2_INLINE int small_parts(code_kind rest_kind) { return rest_kind == NIBBLE_CODES ? 1 : 4; }

/// Elements that share the loads of codes, as many as have their tables in registers.
enum { ELEMENTS = 4 };
AVX2_INLINE int elements_together(int main_parts, code_kind rest_kind) {
  const int parts = main_parts + (rest_kind == NO_CODES ? 0 : small_parts(rest_kind));
  return parts <= 2 ? 4 : parts <= 5 && rest_kind != BYTE_CODES ? 2 : 1;
}

/// Whether indices are stored: that pays where two elements at most share what is made of the codes, but not beside a stage of nibbles.
AVX2_INLINE int stores_indices(int main_parts, code_kind rest_kind) {
  return rest_kind == NO_CODES ? main_parts > 1 : elements_together(main_parts, rest_kind) == 1;
}

/// Bytes with a sign of 32 codes, both stages together, of some elements.
typedef struct { __m256i of[ELEMENTS]; } element_values;

AVX2_INLINE element_values values_of(
  int main_parts, code_kind rest_kind, int elements, const element_tables *tables, const stage_codes *main, const stage_codes *rest, size_t c) {
  element_values values;
  const int stored = stores_indices(main_parts, rest_kind);
  __m256i index = _mm256_load_si256((const __m256i *)(main->of + c));
  for (int q = 0; q < main_parts; q++) {
    if (q > 0) index = stored ? _mm256_load_si256((const __m256i *)(main->next[q - 1] + c)) : next_index(index);
    for (int i = 0; i < elements; i++) {
      const __m256i own = _mm256_shuffle_epi8(tables[i].main[q], index);
      values.of[i] = q == 0 ? own : _mm256_xor_si256(values.of[i], own);
    }
  }
  if (rest_kind == NO_CODES) return values;
  for (int i = 0; i < elements; i++) {
    values.of[i] = _mm256_add_epi8(values.of[i], looked_up(small_parts(rest_kind), stored, tables[i].rest, rest, c));
  }
  return values;
}

/// Two sums for each row of some elements.
typedef struct { __m256i of[ELEMENTS]; } element_sums;

/// Digits of eight columns, and their magnitudes.
typedef struct { __m256i digits, magnitudes; } eight_digits;

/// Adds products. Of one stage no byte is -128: the digits' signs are changed into theirs, which saves their magnitudes.
AVX2_INLINE element_sums with_products(
  code_kind rest_kind, int elements, element_sums sums, element_values values, eight_digits x) {
  for (int i = 0; i < elements; i++) {
    __m256i products;
    if (rest_kind == NO_CODES) {
      const __m256i pairs = _mm256_maddubs_epi16(x.magnitudes, _mm256_sign_epi8(values.of[i], x.digits));
      products = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    } else {
      products = signed_products(values.of[i], x.digits);
    }
    sums.of[i] = _mm256_add_epi32(sums.of[i], products);
  }
  return sums;
}

/// The magnitudes of the low digits of a chunk.
typedef struct { _Alignas(32) int8_t of[8 * CHUNK_BLOCKS]; } digit_magnitudes;

AVX2_INLINE void fill_magnitudes(const int8_t *digits, size_t columns, digit_magnitudes *magnitudes) {
  for (size_t c = 0; c < columns; c += 32) {
    _mm256_store_si256((__m256i *)(magnitudes->of + c), _mm256_abs_epi8(load_values(digits + c)));
  }
}

/// A chunk of the codes of half a band, from block `first` on, and what an activation has for it.
typedef struct {
  const stage_codes *main, *rest;
  size_t first, blocks, fine_blocks;
  const ck_split_activation *x;
  const digit_magnitudes *magnitudes;
  const uint16_t *large, *large_end, *fine_end;
} code_chunk;

/// The products of elements of the first `blocks` blocks of a chunk's codes, with high digits in the blocks up to `large_end`.
AVX2_INLINE element_sums element_products(
  int main_parts, code_kind rest_kind, int elements, const uint8_t *main_table, const int8_t *rest_table, const code_chunk *own, size_t blocks,
  const uint16_t *large_end) {
  element_tables tables[ELEMENTS];
  element_sums sums, more;
  for (int i = 0; i < elements; i++) {
    main_entries(main_parts, main_table + 256 * i, tables[i].main);
    if (rest_kind != NO_CODES) rest_entries(small_parts(rest_kind), rest_table + 256 * i, tables[i].rest);
    sums.of[i] = more.of[i] = _mm256_setzero_si256();
  }
  const int8_t *low = own->x->low + 8 * own->first;
  for (size_t b = 0; b < blocks; b++) {
    eight_digits x = {eight_columns(low + 8 * b), _mm256_setzero_si256()};
    if (rest_kind == NO_CODES) x.magnitudes = eight_columns(own->magnitudes->of + 8 * b);
    const element_values values = values_of(main_parts, rest_kind, elements, tables, own->main, own->rest, 32 * b);
    sums = with_products(rest_kind, elements, sums, values, x);
  }
  for (const uint16_t *large = own->large; large < large_end; large++) {
    const int8_t *high = own->x->high + 64 * (size_t)*large;
    const size_t from = 8 * (size_t)*large - own->first;
    for (size_t b = 0; b < 8 && from + b < blocks; b++) {
      int64_t eight;
      memcpy(&eight, high + 8 * b, sizeof eight);
      // Most have none.
      if (eight == 0) continue;
      const __m256i digits = _mm256_set1_epi64x(eight);
      const element_values values = values_of(main_parts, rest_kind, elements, tables, own->main, own->rest, 32 * (from + b));
      more = with_products(rest_kind, elements, more, values, (eight_digits){digits, _mm256_abs_epi8(digits)});
    }
  }
  for (int i = 0; i < elements; i++) sums.of[i] = _mm256_add_epi32(sums.of[i], _mm256_slli_epi32(more.of[i], 8));
  return sums;
}

/// Adds the products of elements from `e` on: coarse ones, and those of a run of fine columns, which ends with this chunk if `ends_run`.
AVX2_INLINE void add_elements(
  int main_parts, code_kind rest_kind, int elements, const ck_vq_planes *m, size_t e, const code_chunk *own, int ends_run, __m256i *coarse,
  __m256i *fine) {
  const int8_t *rest_table = rest_kind == NO_CODES ? NULL : m->residual + 256 * e;
  const element_sums added = element_products(
    main_parts, rest_kind, elements, m->main + 256 * e, rest_table, own, own->blocks, own->large_end);
  for (int i = 0; i < elements; i++) coarse[i] = _mm256_add_epi32(coarse[i], added.of[i]);
  if (rest_kind == NO_CODES || own->fine_blocks == 0) return;
  const element_sums more = element_products(
    main_parts, rest_kind, elements, m->fine_main + 256 * e, m->fine_residual + 256 * e, own, own->fine_blocks, own->fine_end);
  for (int i = 0; i < elements; i++) {
    fine[i] = _mm256_add_epi32(fine[i], more.of[i]);
    if (ends_run) end_fine_run(coarse + i, fine + i);
  }
}

/// Elements [e, e + elements) of a band, of which `rows` rows are wanted. Both halves of a chunk are gone through while its codes are in the
/// first-level cache.
AVX2_INLINE void band_alone(
  int main_parts, code_kind rest_kind, const ck_vq_planes *m, const uint8_t *band, size_t rows, size_t e, size_t elements,
  const ck_split_activation *x, float *y) {
  const band_layout layout = layout_of(m);
  stage_codes main, rest;
  digit_magnitudes magnitudes;
  __m256i sums[2][2][PASS];
  memset(sums, 0, sizeof sums);
  const uint16_t *large = x->large_blocks;
  const size_t blocks = m->columns / 8;
  const int together = elements_together(main_parts, rest_kind), stored = stores_indices(main_parts, rest_kind);
  const size_t halves = rows > ROWS ? 2 : 1;
  for (size_t b = 0; b < blocks; b += CHUNK_BLOCKS) {
    const size_t count = blocks - b < CHUNK_BLOCKS ? blocks - b : CHUNK_BLOCKS, end = b + count;
    const size_t fine = rest_kind == NO_CODES ? 0 : fine_blocks(m, b, count);
    const code_chunk own = {
      &main, &rest, b, count, fine, x, &magnitudes, large, large_before(x, large, end), large_before(x, large, b + fine)};
    const int ends_run = ends_fine_run(m, b + fine);
    if (rest_kind == NO_CODES) fill_magnitudes(x->low + 8 * b, 8 * count, &magnitudes);
    for (size_t h = 0; h < halves; h++) {
      read_codes(SMALL_CODES, stored ? main_parts : 1, &layout, band, h, b, end, &main);
      if (rest_kind != NO_CODES) read_codes(rest_kind, stored ? small_parts(rest_kind) : 1, &layout, band, h, b, end, &rest);
      __m256i *coarse = sums[h][0], *finer = sums[h][1];
      size_t i = 0;
      for (; together == 4 && i + 4 <= elements; i += 4) {
        add_elements(main_parts, rest_kind, 4, m, e + i, &own, ends_run, coarse + i, finer + i);
      }
      for (; together >= 2 && i + 2 <= elements; i += 2) {
        add_elements(main_parts, rest_kind, 2, m, e + i, &own, ends_run, coarse + i, finer + i);
      }
      for (; i < elements; i++) add_elements(main_parts, rest_kind, 1, m, e + i, &own, ends_run, coarse + i, finer + i);
    }
    large = own.large_end;
  }
  add_outputs(m, x, sums[0][0], rows < ROWS ? rows : ROWS, elements, y + e);
  if (halves > 1) add_outputs(m, x, sums[1][0], rows - ROWS, elements, y + ROWS * m->vector_length + e);
}

#define ROWS_ALONE(parts, kind) \
  AVX2 static void rows_alone_##parts##_##kind( \
    const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) { \
    for (size_t n = first; n < last; n += CK_BAND_ROWS) { \
      const size_t rows = last - n < CK_BAND_ROWS ? last - n : CK_BAND_ROWS; \
      float *target = y + (n - first) * m->vector_length; \
      for (size_t e = 0; e < m->vector_length; e += PASS) { \
        const size_t left = m->vector_length - e; \
        band_alone(parts, kind, m, band_of(m, n), rows, e, left < PASS ? left : PASS, x, target); \
      } \
    } \
  }
#define ROWS_ALONE_OF(parts) ROWS_ALONE(parts, NO_CODES) ROWS_ALONE(parts, NIBBLE_CODES) ROWS_ALONE(parts, BYTE_CODES)
ROWS_ALONE_OF(1)
ROWS_ALONE_OF(4)

void ck_avx2_vq_planes(const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  if (!x->is_narrow || !is_small(m)) {
    ck_avx2_vq_planes_many(m, first, last, x, 1, 1, (ck_token_lanes){NULL, 0}, y, 0, NULL);
    return;
  }
#define ALONE(kind) (parts_of(m->main_count) == 1 ? rows_alone_1_##kind : rows_alone_4_##kind)(m, first, last, x, y)
  if (!m->residual) ALONE(NO_CODES);
  else if (m->residual_count <= 16) ALONE(NIBBLE_CODES);
  else ALONE(BYTE_CODES);
  ck_avx2_add_escapes(&m->escapes, m->vector_length, first, last, x->values, y);
}

#endif
