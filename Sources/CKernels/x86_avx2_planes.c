// AVX2: the product of activations with small codebooks, whose bytes are looked up 16 entries at a time.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx2_bytes.h"

#include <string.h>

/// Rows whose codes of eight columns fill a register: half a band.
enum { ROWS = CK_BAND_ROWS / 2 };

/// Blocks whose codes are made ready at a time, few enough for the first-level cache, and the codes in half of them.
enum { CHUNK_BLOCKS = 16, CHUNK = 32 * CHUNK_BLOCKS };

/// Activations whose sums are kept while a band is gone through.
enum { TOKENS = 4 };

/// The longest vectors that are gone through at once; longer ones in several passes.
enum { PASS = 8 };

/// The codes of a chunk for one stage, one index for every 16 entries of the table: the entry in its lower half, or a set highest bit,
/// for which `_mm256_shuffle_epi8` gives 0.
typedef struct { _Alignas(32) uint8_t indices[16][CHUNK]; } stage_codes;

/// How the codes of a stage are kept: main codes of up to 64 centroids, packed by fours; bytes of the main stage; nibbles or bytes of the
/// residual one; or there are none.
typedef enum { NO_CODES, SMALL_CODES, MAIN_CODES, NIBBLE_CODES, BYTE_CODES } code_kind;

/// How many shuffles of 16 entries a table of `count` centroids takes.
static int parts_of(uint32_t count) { return count <= 16 ? 1 : count <= 64 ? 4 : count <= 128 ? 8 : 16; }

/// How many bytes the codes of a stage take.
typedef struct { size_t main_of_four, rest_of_block; } band_layout;

AVX2_INLINE band_layout layout_of(const ck_vq_planes *m) {
  return (band_layout){m->main_count <= 64 ? 192 : 256, !m->residual ? 0 : m->residual_count <= 16 ? 32 : 64};
}

AVX2_INLINE size_t bytes_of_four(const band_layout *layout) { return layout->main_of_four + 4 * layout->rest_of_block; }

AVX2_INLINE __m256i bytes_at(const uint8_t *from) { return _mm256_loadu_si256((const __m256i *)from); }

/// Half `h` of the main codes of block `i` of four packed ones.
AVX2_INLINE __m256i packed_codes(const uint8_t *four, size_t i, size_t h) {
  if (i < 3) return _mm256_and_si256(bytes_at(four + 64 * i + 32 * h), _mm256_set1_epi8(63));
  const __m256i a = bytes_at(four + 32 * h), b = bytes_at(four + 64 + 32 * h), c = bytes_at(four + 128 + 32 * h);
  const __m256i low = _mm256_and_si256(_mm256_srli_epi16(a, 6), _mm256_set1_epi8(3));
  const __m256i middle = _mm256_and_si256(_mm256_srli_epi16(b, 4), _mm256_set1_epi8(12));
  const __m256i high = _mm256_and_si256(_mm256_srli_epi16(c, 2), _mm256_set1_epi8(48));
  return _mm256_or_si256(_mm256_or_si256(low, middle), high);
}

/// Half `h` of 64 residual codes.
AVX2_INLINE __m256i residual_codes(code_kind kind, const uint8_t *from, size_t h) {
  if (kind == BYTE_CODES) return bytes_at(from + 32 * h);
  const __m256i pairs = bytes_at(from);
  return _mm256_and_si256(h ? _mm256_srli_epi16(pairs, 4) : pairs, _mm256_set1_epi8(15));
}

/// Half `h` of the codes of block `i` of four.
AVX2_INLINE __m256i codes_of_four(code_kind kind, const band_layout *layout, const uint8_t *four, size_t i, size_t h) {
  if (kind == SMALL_CODES) return packed_codes(four, i, h);
  if (kind == MAIN_CODES) return bytes_at(four + 64 * i + 32 * h);
  return residual_codes(kind, four + layout->main_of_four + i * layout->rest_of_block, h);
}

/// Indices for `_mm256_shuffle_epi8`: codes of the 16 entries from `16 q` on become 0x70 to 0x7F, all others 0x80 or more, which
/// give 0.
AVX2_INLINE __m256i index_of(__m256i codes, int q) {
  const __m256i above = _mm256_set1_epi8(0x70);
  return _mm256_adds_epu8(_mm256_xor_si256(codes, _mm256_set1_epi8((char)(16 * q))), above);
}

/// Both halves of a register have 16 entries of a table, with a sign, so many times.
AVX2_INLINE void main_entries(int parts, const uint8_t *table, __m256i *entries) {
  for (int q = 0; q < parts; q++) {
    const __m128i own = _mm_loadu_si128((const __m128i *)(table + 16 * q));
    entries[q] = _mm256_broadcastsi128_si256(_mm_xor_si128(own, _mm_set1_epi8(-128)));
  }
}

AVX2_INLINE void rest_entries(int parts, const int8_t *table, __m256i *entries) {
  for (int q = 0; q < parts; q++) entries[q] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(table + 16 * q)));
}

/// The indices of half `h` of the blocks [b, end) of a band for one stage; `b` is a multiple of four.
AVX2_INLINE void read_codes(
  int parts, code_kind kind, const band_layout *layout, const uint8_t *band, size_t h, size_t b, size_t end, stage_codes *stage) {
  const uint8_t *four = band + b / 4 * bytes_of_four(layout);
  for (size_t c = 0; b < end; b += 4, four += bytes_of_four(layout)) {
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 4; i++, c += 32) {
      const __m256i codes = codes_of_four(kind, layout, four, i, h);
#pragma clang loop unroll(full)
      for (int q = 0; q < parts; q++) _mm256_store_si256((__m256i *)(stage->indices[q] + c), index_of(codes, q));
    }
  }
}

/// Bytes with a sign of 32 codes.
AVX2_INLINE __m256i looked_up(int parts, const __m256i *entries, const stage_codes *stage, size_t c) {
  __m256i values = _mm256_shuffle_epi8(entries[0], _mm256_load_si256((const __m256i *)(stage->indices[0] + c)));
  for (int q = 1; q < parts; q++) {
    const __m256i index = _mm256_load_si256((const __m256i *)(stage->indices[q] + c));
    values = _mm256_or_si256(values, _mm256_shuffle_epi8(entries[q], index));
  }
  return values;
}

/// How many of `count` blocks of eight columns from `b` on fine tables are for.
static inline size_t fine_blocks(const ck_vq_planes *m, size_t b, size_t count) {
  const size_t end = m->fine_columns / 8;
  return end <= b ? 0 : end - b < count ? end - b : count;
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

/// The first of the large blocks from `large` on that does not lie before block `end` of eight columns.
static inline const uint16_t *large_before(const ck_split_activation *x, const uint16_t *large, size_t end) {
  while (large < x->large_blocks + x->large && 8 * (size_t)*large < end) large++;
  return large;
}

/// Looks up one element of `count` codes of one stage: bytes with a sign, added to `values` with `adding`.
AVX2_INLINE void look_up(int parts, const __m256i *entries, const stage_codes *stage, size_t count, int adding, int8_t *values) {
  for (size_t c = 0; c < count; c += 32) {
    __m256i *target = (__m256i *)(values + c);
    const __m256i own = looked_up(parts, entries, stage, c);
    _mm256_store_si256(target, adding ? _mm256_add_epi8(_mm256_load_si256(target), own) : own);
  }
}

/// The same of both stages together.
AVX2_INLINE void look_up_both(
  int parts, code_kind rest_kind, int rest_parts, const uint8_t *main, const int8_t *residual, const stage_codes *main_codes,
  const stage_codes *rest_codes, size_t count, int8_t *values) {
  __m256i entries[16];
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
    read_codes(parts, m->main_count <= 64 ? SMALL_CODES : MAIN_CODES, &layout, band, h, b, end, &main);
    if (rest_kind != NO_CODES) read_codes(rest_parts, rest_kind, &layout, band, h, b, end, &rest);
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
  ALL_ROWS(parts, BYTE_CODES, 4) \
  ALL_ROWS(parts, BYTE_CODES, 8) \
  ALL_ROWS(parts, BYTE_CODES, 16)
ROWS_OF(1)
ROWS_OF(4)
ROWS_OF(8)
ROWS_OF(16)

static rows_function rows_of(const ck_vq_planes *m) {
#define NAMES(parts) \
  {rows_##parts##_NO_CODES_1, rows_##parts##_NIBBLE_CODES_1, rows_##parts##_BYTE_CODES_4, rows_##parts##_BYTE_CODES_8, \
   rows_##parts##_BYTE_CODES_16}
  static const rows_function functions[4][5] = {NAMES(1), NAMES(4), NAMES(8), NAMES(16)};
  static const int place[17] = {[1] = 0, [4] = 1, [8] = 2, [16] = 3};
  const int rest = m->residual ? 1 + place[parts_of(m->residual_count)] : 0;
  return functions[place[parts_of(m->main_count)]][rest];
}

void ck_avx2_vq_planes_many(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  ck_token_lanes lanes, float *y, size_t y_stride, void *scratch) {
  (void)lanes;
  (void)scratch;
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

/// Bytes with a sign of 32 codes, both stages together.
AVX2_INLINE __m256i values_of(
  code_kind rest_kind, const element_tables *tables, const stage_codes *main, const stage_codes *rest, size_t c) {
  const __m256i values = looked_up(4, tables->main, main, c);
  if (rest_kind == NO_CODES) return values;
  return _mm256_add_epi8(values, looked_up(small_parts(rest_kind), tables->rest, rest, c));
}

/// The products of one element of a chunk's codes, two sums for each row; the arguments are those of `chunk_products`.
AVX2_INLINE __m256i element_products(
  code_kind rest_kind, const uint8_t *main_table, const int8_t *rest_table, const stage_codes *main, const stage_codes *rest,
  size_t first, size_t blocks, const ck_split_activation *x, const uint16_t *large, const uint16_t *large_end) {
  element_tables tables;
  main_entries(4, main_table, tables.main);
  if (rest_kind != NO_CODES) rest_entries(small_parts(rest_kind), rest_table, tables.rest);
  const int8_t *low = x->low + first;
  __m256i sum = _mm256_setzero_si256(), other = sum;
  for (size_t b = 0; b < blocks; b += 2) {
    sum = _mm256_add_epi32(sum, signed_products(values_of(rest_kind, &tables, main, rest, 32 * b), eight_columns(low + 8 * b)));
    other = _mm256_add_epi32(other, signed_products(values_of(rest_kind, &tables, main, rest, 32 * b + 32), eight_columns(low + 8 * b + 8)));
  }
  sum = _mm256_add_epi32(sum, other);
  other = _mm256_setzero_si256();
  for (; large < large_end; large++) {
    const int8_t *high = x->high + 64 * (size_t)*large;
    const size_t own = 4 * (64 * (size_t)*large - first);
    for (size_t b = 0; b < 8 && own + 32 * b < 32 * blocks; b++) {
      int64_t eight;
      memcpy(&eight, high + 8 * b, sizeof eight);
      // Most have none.
      if (eight == 0) continue;
      other = _mm256_add_epi32(other, signed_products(values_of(rest_kind, &tables, main, rest, own + 32 * b), _mm256_set1_epi64x(eight)));
    }
  }
  return _mm256_add_epi32(sum, _mm256_slli_epi32(other, 8));
}

/// As `half_pass` for one activation.
AVX2_INLINE void half_alone(
  code_kind rest_kind, const ck_vq_planes *m, const uint8_t *band, size_t h, size_t rows, size_t e, size_t elements,
  const ck_split_activation *x, float *y) {
  const band_layout layout = layout_of(m);
  stage_codes main, rest;
  __m256i sums[2][PASS];
  for (size_t i = 0; i < PASS; i++) sums[0][i] = sums[1][i] = _mm256_setzero_si256();
  const uint16_t *large = x->large_blocks;
  const size_t blocks = m->columns / 8;
  for (size_t b = 0; b < blocks; b += CHUNK_BLOCKS) {
    const size_t count = blocks - b < CHUNK_BLOCKS ? blocks - b : CHUNK_BLOCKS, end = b + count;
    read_codes(4, SMALL_CODES, &layout, band, h, b, end, &main);
    if (rest_kind != NO_CODES) read_codes(small_parts(rest_kind), rest_kind, &layout, band, h, b, end, &rest);
    const size_t fine = rest_kind == NO_CODES ? 0 : fine_blocks(m, b, count);
    const uint16_t *large_end = large_before(x, large, end), *fine_end = large_before(x, large, b + fine);
    for (size_t i = 0; i < elements; i++) {
      const size_t own = 256 * (e + i);
      const uint8_t *table = m->main + own;
      const int8_t *rest_table = rest_kind == NO_CODES ? NULL : m->residual + own;
      const __m256i added = element_products(rest_kind, table, rest_table, &main, &rest, 8 * b, count, x, large, large_end);
      sums[0][i] = _mm256_add_epi32(sums[0][i], added);
      if (fine == 0) continue;
      const __m256i more = element_products(
        rest_kind, m->fine_main + own, m->fine_residual + own, &main, &rest, 8 * b, fine, x, large, fine_end);
      sums[1][i] = _mm256_add_epi32(sums[1][i], more);
      if (ends_fine_run(m, b + fine)) end_fine_run(sums[0] + i, sums[1] + i);
    }
    large = large_end;
  }
  add_outputs(m, x, sums[0], rows, elements, y + e);
}

#define ROWS_ALONE(kind) \
  AVX2 static void rows_alone_##kind( \
    const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) { \
    for (size_t n = first; n < last; n += ROWS) { \
      float *target = y + (n - first) * m->vector_length; \
      for (size_t e = 0; e < m->vector_length; e += PASS) { \
        const size_t left = m->vector_length - e; \
        half_alone(kind, m, band_of(m, n), half_of(n), rows_until(n, last), e, left < PASS ? left : PASS, x, target); \
      } \
    } \
  }
ROWS_ALONE(NO_CODES)
ROWS_ALONE(NIBBLE_CODES)
ROWS_ALONE(BYTE_CODES)

void ck_avx2_vq_planes(const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  if (!x->is_narrow || m->main_count > 64 || m->residual_count > 64) {
    ck_avx2_vq_planes_many(m, first, last, x, 1, 1, (ck_token_lanes){NULL, 0}, y, 0, NULL);
    return;
  }
  if (!m->residual) rows_alone_NO_CODES(m, first, last, x, y);
  else if (m->residual_count <= 16) rows_alone_NIBBLE_CODES(m, first, last, x, y);
  else rows_alone_BYTE_CODES(m, first, last, x, y);
  ck_avx2_add_escapes(&m->escapes, m->vector_length, first, last, x->values, y);
}

#endif
