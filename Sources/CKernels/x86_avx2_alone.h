// AVX2 and what came after it: one activation with codebooks of up to 64 centroids; what is looked up is multiplied at once. What the file that
// includes this says is told in `x86_avx2_products.h`.

#include "x86_avx2_products.h"
#include "x86_avx2_tiles.h"

/// The sums of the four rows.
PLANES_INLINE __m128 row_sums(__m256i lanes, __m256i bias) {
  const __m256i pairs = _mm256_sub_epi32(_mm256_add_epi32(lanes, _mm256_srli_epi64(lanes, 32)), bias);
  const __m256i places = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
  return _mm_cvtepi32_ps(_mm256_castsi256_si128(_mm256_permutevar8x32_epi32(pairs, places)));
}

/// Adds `elements` elements of the first `rows` rows for one activation to y[row * vector_length].
PLANES_INLINE void add_outputs(
  const ck_vq_planes *m, const ck_split_activation *x, const __m256i *sums, size_t rows, size_t elements, float *y) {
  const __m128 unit = _mm_set1_ps(m->scale * x->scale);
  for (size_t e = 0; e < elements; e++) {
    float values[ROWS];
    _mm_storeu_ps(values, _mm_mul_ps(row_sums(sums[e], whole_bias(x)), unit));
    for (size_t i = 0; i < rows; i++) y[i * m->vector_length + e] += values[i];
  }
}

PLANES_INLINE const uint8_t *band_of(const ck_vq_planes *m, size_t n) { return m->codes + n / CK_BAND_ROWS * m->band_stride; }

/// One element of both codebooks.
typedef struct { __m256i main[4], rest[4]; } element_tables;

/// How many shuffles a residual table of at most 64 centroids takes.
PLANES_INLINE int small_parts(code_kind rest_kind) { return rest_kind == NIBBLE_CODES ? 1 : 4; }

/// Elements that share the loads of codes, as many as have their tables in registers.
enum { ELEMENTS = 4 };
PLANES_INLINE int elements_together(int main_parts, code_kind rest_kind) {
  const int parts = main_parts + (rest_kind == NO_CODES ? 0 : small_parts(rest_kind));
  return parts <= 2 ? 4 : parts <= 5 && rest_kind != BYTE_CODES ? 2 : 1;
}

/// Whether indices are stored: that pays where two elements at most share what is made of the codes, but not beside a stage of nibbles.
PLANES_INLINE int stores_indices(int main_parts, code_kind rest_kind) {
  return rest_kind == NO_CODES ? main_parts > 1 : elements_together(main_parts, rest_kind) == 1;
}

/// Bytes of 32 codes, both stages together, of some elements: with a sign, or with `BYTE_BIAS`.
typedef struct { __m256i of[ELEMENTS]; } element_values;

PLANES_INLINE element_values values_of(
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

/// Adds products. Without a bias the bytes of one stage, of which none is -128, take the digits' signs, which saves their magnitudes.
PLANES_INLINE element_sums with_values(
  code_kind rest_kind, int elements, element_sums sums, element_values values, eight_digits x) {
  for (int i = 0; i < elements; i++) {
    const __m256i own = values.of[i];
    if (BYTE_BIAS) sums.of[i] = with_products(sums.of[i], own, x.digits);
    else if (rest_kind == NO_CODES) sums.of[i] = with_products(sums.of[i], x.magnitudes, _mm256_sign_epi8(own, x.digits));
    else sums.of[i] = with_products(sums.of[i], _mm256_abs_epi8(own), _mm256_sign_epi8(x.digits, own));
  }
  return sums;
}

/// The magnitudes of the low digits of a chunk.
typedef struct { _Alignas(32) int8_t of[8 * CHUNK_BLOCKS]; } digit_magnitudes;

PLANES_INLINE void fill_magnitudes(const int8_t *digits, size_t columns, digit_magnitudes *magnitudes) {
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
  large_range large, fine_large;
  __m256i fine_bias;
} code_chunk;

/// The products of elements of the first `blocks` blocks of a chunk's codes, with high digits in some of them.
PLANES_INLINE element_sums element_products(
  int main_parts, code_kind rest_kind, int elements, const uint8_t *main_table, const int8_t *rest_table, const code_chunk *own, size_t blocks,
  large_range large) {
  element_tables tables[ELEMENTS];
  element_sums sums, more;
  for (int i = 0; i < elements; i++) {
    if (BYTE_BIAS) load_entries(main_parts, main_table + 256 * i, _mm_setzero_si128(), tables[i].main);
    else main_entries(main_parts, main_table + 256 * i, tables[i].main);
    if (rest_kind != NO_CODES) rest_entries(small_parts(rest_kind), rest_table + 256 * i, tables[i].rest);
    sums.of[i] = more.of[i] = _mm256_setzero_si256();
  }
  const int8_t *low = own->x->low + 8 * own->first;
  for (size_t b = 0; b < blocks; b++) {
    eight_digits x = {eight_columns(low + 8 * b), _mm256_setzero_si256()};
    if (rest_kind == NO_CODES && !BYTE_BIAS) x.magnitudes = eight_columns(own->magnitudes->of + 8 * b);
    const element_values values = values_of(main_parts, rest_kind, elements, tables, own->main, own->rest, 32 * b);
    sums = with_values(rest_kind, elements, sums, values, x);
  }
  for (; large.from < large.end; large.from++) {
    const int8_t *high = own->x->high + 64 * (size_t)*large.from;
    const size_t from = 8 * (size_t)*large.from - own->first;
    for (size_t b = 0; b < 8 && from + b < blocks; b++) {
      int64_t eight;
      memcpy(&eight, high + 8 * b, sizeof eight);
      // Most have none.
      if (eight == 0) continue;
      const __m256i digits = _mm256_set1_epi64x(eight);
      const element_values values = values_of(main_parts, rest_kind, elements, tables, own->main, own->rest, 32 * (from + b));
      more = with_values(rest_kind, elements, more, values, (eight_digits){digits, _mm256_abs_epi8(digits)});
    }
  }
  for (int i = 0; i < elements; i++) sums.of[i] = _mm256_add_epi32(sums.of[i], _mm256_slli_epi32(more.of[i], 8));
  return sums;
}

/// Adds the products of elements from `e` on: coarse ones, and those of a run of fine columns, rounded.
PLANES_INLINE void add_elements(
  int main_parts, code_kind rest_kind, int elements, const ck_vq_planes *m, size_t e, const code_chunk *own, __m256i *sums) {
  const int8_t *rest_table = rest_kind == NO_CODES ? NULL : m->residual + 256 * e;
  const element_sums added = element_products(
    main_parts, rest_kind, elements, m->main + 256 * e, rest_table, own, own->blocks, own->large);
  for (int i = 0; i < elements; i++) sums[i] = _mm256_add_epi32(sums[i], added.of[i]);
  if (rest_kind == NO_CODES || own->fine_blocks == 0) return;
  const element_sums more = element_products(
    main_parts, rest_kind, elements, m->fine_main + 256 * e, m->fine_residual + 256 * e, own, own->fine_blocks, own->fine_large);
  for (int i = 0; i < elements; i++) {
    const __m256i fine = _mm256_sub_epi32(more.of[i], own->fine_bias);
    sums[i] = _mm256_add_epi32(sums[i], _mm256_srai_epi32(_mm256_add_epi32(fine, _mm256_set1_epi32(64)), 7));
  }
}

/// Elements [e, e + elements) of a band, of which `rows` rows are wanted. Both halves of a chunk are gone through while its codes are in the
/// first-level cache.
PLANES_INLINE void band_alone(
  int main_parts, code_kind rest_kind, const ck_vq_planes *m, const uint8_t *band, size_t rows, size_t e, size_t elements,
  const ck_split_activation *x, float *y) {
  const band_layout layout = layout_of(m);
  stage_codes main, rest;
  digit_magnitudes magnitudes;
  __m256i sums[2][PASS];
  memset(sums, 0, sizeof sums);
  const uint16_t *large = x->large_blocks;
  const size_t blocks = m->columns / 8;
  const int together = elements_together(main_parts, rest_kind), stored = stores_indices(main_parts, rest_kind);
  const size_t halves = rows > ROWS ? 2 : 1;
  for (size_t b = 0; b < blocks; b += CHUNK_BLOCKS) {
    const size_t count = blocks - b < CHUNK_BLOCKS ? blocks - b : CHUNK_BLOCKS, end = b + count;
    const size_t fine = rest_kind == NO_CODES ? 0 : fine_blocks(m, b, count);
    code_chunk own = {
      &main, &rest, b, count, fine, x, &magnitudes, {large, large_before(x, large, end)}, {large, large_before(x, large, b + fine)},
      _mm256_setzero_si256()};
    if (fine > 0) own.fine_bias = bias_of(x, b, fine, own.fine_large);
    if (rest_kind == NO_CODES && !BYTE_BIAS) fill_magnitudes(x->low + 8 * b, 8 * count, &magnitudes);
    for (size_t h = 0; h < halves; h++) {
      read_codes(SMALL_CODES, stored ? main_parts : 1, &layout, band, h, b, end, &main);
      if (rest_kind != NO_CODES) read_codes(rest_kind, stored ? small_parts(rest_kind) : 1, &layout, band, h, b, end, &rest);
      size_t i = 0;
      for (; together == 4 && i + 4 <= elements; i += 4) {
        add_elements(main_parts, rest_kind, 4, m, e + i, &own, sums[h] + i);
      }
      for (; together >= 2 && i + 2 <= elements; i += 2) {
        add_elements(main_parts, rest_kind, 2, m, e + i, &own, sums[h] + i);
      }
      for (; i < elements; i++) add_elements(main_parts, rest_kind, 1, m, e + i, &own, sums[h] + i);
    }
    large = own.large.end;
  }
  add_outputs(m, x, sums[0], rows < ROWS ? rows : ROWS, elements, y + e);
  if (halves > 1) add_outputs(m, x, sums[1], rows - ROWS, elements, y + ROWS * m->vector_length + e);
}

#define ROWS_ALONE(parts, kind) \
  PLANES_TARGET static void rows_alone_##parts##_##kind( \
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

void PLANES_NAME(vq_planes)(const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
#define ALONE(kind) (parts_of(m->main_count) == 1 ? rows_alone_1_##kind : rows_alone_4_##kind)(m, first, last, x, y)
  if (!x->is_narrow) ck_portable_planes_sums(m, first, last, x, y);
  else if (!is_small(m)) ck_avx2_vq_entries(m, first, last, x, 1, 1, y, 0);
  else if (!m->residual) ALONE(NO_CODES);
  else if (m->residual_count <= 16) ALONE(NIBBLE_CODES);
  else ALONE(BYTE_CODES);
  ck_avx2_add_escapes(&m->escapes, m->vector_length, first, last, x->values, y);
}
