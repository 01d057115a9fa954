// AVX2: the product of activations with small codebooks of more than 64 centroids, whose entries are read one by one: the bytes of two columns
// side by side become numbers of 16 bits, which are multiplied with both digits of an activation at once.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx2_tables.h"

#include <string.h>

/// Columns whose digits are joined at a time: a run of fine columns.
enum { STRIP = CK_FINE_RUN, STRIP_FOURS = STRIP / 32 };

/// Activations that share what is read.
enum { TOKENS = 4 };

/// Rows whose entries of two columns fill a register.
AVX2_INLINE int rows_of_group(int width) { return width == 8 ? 1 : 2; }

AVX2_INLINE __m128i entry_of(const int8_t *table, uint8_t code) {
  return _mm_loadl_epi64((const __m128i *)(table + 8 * (size_t)code));
}

/// The codes of eight columns of a row in both stages: where they lie, and as one number each.
typedef struct {
  const uint8_t *main, *rest;
  uint64_t all_main, all_rest;
} row_codes;

AVX2_INLINE row_codes codes_of_row(int has_rest, four_codes codes, size_t at) {
  row_codes row = {codes.main + at, has_rest ? codes.rest + at : NULL, 0, 0};
  memcpy(&row.all_main, row.main, sizeof row.all_main);
  if (has_rest) memcpy(&row.all_rest, row.rest, sizeof row.all_rest);
  return row;
}

/// The sum of both stages for column `j`. With one activation a processor waits for loads, so that codes are taken from the number that has them
/// all; with several that takes longer than to load each.
AVX2_INLINE __m128i both_stages(int has_rest, int is_alone, const int8_t *main, const int8_t *rest, const row_codes *codes, int j) {
  const __m128i entry = entry_of(main, is_alone ? (uint8_t)(codes->all_main >> 8 * j) : codes->main[j]);
  if (!has_rest) return entry;
  return _mm_add_epi8(entry, entry_of(rest, is_alone ? (uint8_t)(codes->all_rest >> 8 * j) : codes->rest[j]));
}

/// The bytes of a pair of columns, side by side.
AVX2_INLINE __m128i two_columns(int width, int has_rest, int is_alone, const table_pair *tables, const row_codes *codes, int pair) {
  const stage_table *main = &tables->main, *rest = &tables->rest;
  const __m128i first = both_stages(has_rest, is_alone, main->even, rest->even, codes, 2 * pair);
  const __m128i second = both_stages(
    has_rest, is_alone, width == 8 ? main->even : main->odd, width == 8 ? rest->even : rest->odd, codes, 2 * pair + 1);
  return width == 8 ? _mm_unpacklo_epi8(first, second) : _mm_add_epi8(first, second);
}

/// The same as numbers of 16 bits: of all elements of a row, or of four of a row and of the next.
AVX2_INLINE __m256i column_pair(
  int width, int has_rest, int is_alone, const table_pair *tables, const row_codes *rows, int pair) {
  __m128i bytes = two_columns(width, has_rest, is_alone, tables, rows, pair);
  if (width == 4) bytes = _mm_unpacklo_epi64(bytes, two_columns(width, has_rest, is_alone, tables, rows + 1, pair));
  return _mm256_cvtepi8_epi16(bytes);
}

/// Groups of rows, times activations, whose sums stay in registers.
enum { MOST_SUMS = 8 };

typedef struct { __m256i of[MOST_SUMS]; } group_sums;

/// Joined digits of a strip.
typedef struct { _Alignas(32) int16_t of[TOKENS][STRIP]; } strip_digits;

/// Some columns of a band, in whole fours of blocks. Digits begin with the first four.
typedef struct {
  const uint8_t *band;
  size_t first_four, fours;
  const strip_digits *digits;
} strip_columns;

/// Joined digits of a pair of columns, for all elements.
AVX2_INLINE __m256i pair_digits(const int16_t *digits, int pair) {
  int32_t both;
  memcpy(&both, digits + 2 * pair, sizeof both);
  return _mm256_set1_epi32(both);
}

/// The sums with the products of a block for one activation: the digits of all pairs of columns are in registers, and a group of rows comes
/// after the other.
AVX2_INLINE group_sums with_block_alone(
  int width, int has_rest, int groups, const table_pair *tables, four_codes codes, size_t at, int first_pair, int end_pair,
  const int16_t *digits, group_sums sums) {
  __m256i own[4];
#pragma clang loop unroll(full)
  for (int pair = first_pair; pair < end_pair; pair++) own[pair] = pair_digits(digits, pair);
#pragma clang loop unroll(full)
  for (int g = 0; g < groups; g++) {
    row_codes rows[2];
    for (int r = 0; r < rows_of_group(width); r++) {
      rows[r] = codes_of_row(has_rest, codes, at + 8 * (size_t)(g * rows_of_group(width) + r));
    }
#pragma clang loop unroll(full)
    for (int pair = first_pair; pair < end_pair; pair++) {
      const __m256i values = column_pair(width, has_rest, 1, tables, rows, pair);
      sums.of[g] = _mm256_add_epi32(sums.of[g], _mm256_madd_epi16(values, own[pair]));
    }
  }
  return sums;
}

/// The same for several: a pair of columns comes after the other.
AVX2_INLINE group_sums with_block(
  int width, int has_rest, int groups, int tokens, const table_pair *tables, four_codes codes, size_t at, int first_pair, int end_pair,
  const int16_t *const *digits, group_sums sums) {
  for (int pair = first_pair; pair < end_pair; pair++) {
    __m256i own[TOKENS];
    for (int t = 0; t < tokens; t++) own[t] = pair_digits(digits[t], pair);
#pragma clang loop unroll(full)
    for (int g = 0; g < groups; g++) {
      row_codes rows[2];
      for (int r = 0; r < rows_of_group(width); r++) {
        rows[r] = codes_of_row(has_rest, codes, at + 8 * (size_t)(g * rows_of_group(width) + r));
      }
      const __m256i values = column_pair(width, has_rest, 0, tables, rows, pair);
#pragma clang loop unroll(full)
      for (int t = 0; t < tokens; t++) {
        sums.of[g * tokens + t] = _mm256_add_epi32(sums.of[g * tokens + t], _mm256_madd_epi16(values, own[t]));
      }
    }
  }
  return sums;
}

/// The sums with the products of `groups` groups of rows from row `row` on with `tokens` activations: of every block, the pairs of columns from
/// `first_pair` up to `end_pair`.
AVX2_INLINE group_sums with_products(
  int width, int has_rest, int groups, int tokens, int first_pair, int end_pair, const ck_vq_planes *m, const table_pair *tables,
  const strip_columns *own, size_t row, group_sums sums) {
  const band_layout layout = layout_of(m);
  unpacked_codes room;
  for (size_t f = 0; f < own->fours; f++) {
    const uint8_t *four = own->band + (own->first_four + f) * bytes_of_four(&layout);
    const four_codes codes = codes_from(m, &layout, four, &room);
    if (row == 0) ck_ask_ahead(four, bytes_of_four(&layout));
    for (size_t i = 0; i < 4; i++) {
      const int16_t *digits[TOKENS];
      for (int t = 0; t < tokens; t++) digits[t] = own->digits->of[t] + 32 * f + 8 * i;
      sums = tokens == 1
        ? with_block_alone(width, has_rest, groups, tables, codes, 64 * i + 8 * row, first_pair, end_pair, digits[0], sums)
        : with_block(width, has_rest, groups, tokens, tables, codes, 64 * i + 8 * row, first_pair, end_pair, digits, sums);
    }
  }
  return sums;
}

AVX2_INLINE group_sums no_sums(void) {
  group_sums sums;
  for (int s = 0; s < MOST_SUMS; s++) sums.of[s] = _mm256_setzero_si256();
  return sums;
}

AVX2_INLINE __m256i rounded_fine(__m256i sums) { return _mm256_srai_epi32(_mm256_add_epi32(sums, _mm256_set1_epi32(64)), 7); }

/// The sums with those of a strip: of its fine columns, rounded, and of all of them.
AVX2_INLINE group_sums with_strip(
  int width, int has_rest, int groups, int tokens, const ck_vq_planes *m, const table_pair *coarse, const table_pair *fine,
  strip_columns strip, size_t row, group_sums sums) {
  const size_t all = strip.fours;
  if (has_rest && m->fine_columns > 32 * strip.first_four) {
    const size_t left = m->fine_columns / 32 - strip.first_four;
    strip.fours = left < all ? left : all;
#pragma clang loop unroll(full)
    for (int half = 0; half < 2; half++) {
      const group_sums more = with_products(
        width, has_rest, groups, tokens, 2 * half, 2 * half + 2, m, fine, &strip, row, no_sums());
      for (int s = 0; s < groups * tokens; s++) {
        sums.of[s] = _mm256_add_epi32(sums.of[s], rounded_fine(more.of[s]));
      }
    }
    strip.fours = all;
  }
  return with_products(width, has_rest, groups, tokens, 0, 4, m, coarse, &strip, row, sums);
}

/// Joins the digits of the columns of a strip.
AVX2_INLINE void join_strip(const ck_split_activation *x, size_t first, size_t columns, int16_t *digits) {
  const uint16_t *large = x->large_blocks, *end = large + x->large;
  while (large < end && 64 * (size_t)*large < first) large++;
  for (size_t c = 0; c < columns; c += 64) {
    const int is_large = large < end && 64 * (size_t)*large == first + c;
    large += is_large;
    join_digits(x, first + c, is_large, digits + c);
  }
}

/// Adds the sums of a group of rows to the outputs of `rows` rows of the band, the first of the group `row`.
AVX2_INLINE void add_group(
  int width, const ck_vq_planes *m, float unit, __m256i sums, size_t row, size_t rows, size_t elements, float *y) {
  float values[PASS];
  _mm256_storeu_ps(values, _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_set1_ps(unit)));
  for (size_t r = 0; r < (size_t)rows_of_group(width) && row + r < rows; r++) {
    float *target = y + (row + r) * m->vector_length;
    for (size_t e = 0; e < elements; e++) target[e] += values[(size_t)width * r + e];
  }
}

/// Elements [e, e + elements) of the rows [first, last).
AVX2_INLINE void entries_pass(
  int width, int has_rest, int tokens, const ck_vq_planes *m, size_t first, size_t last, size_t e, size_t elements,
  const ck_split_activation *x, size_t x_stride, float *y, size_t y_stride) {
  // Groups that are gone through together, and passes over a band.
  const int all_groups = CK_BAND_ROWS / rows_of_group(width);
  const int groups = MOST_SUMS / tokens < all_groups ? MOST_SUMS / tokens : all_groups, passes = all_groups / groups;
  table_pair coarse, fine;
  fill_pair(width, has_rest, m, m->main + 256 * e, has_rest ? m->residual + 256 * e : NULL, elements, &coarse);
  if (has_rest && m->fine_columns > 0) {
    fill_pair(width, 1, m, m->fine_main + 256 * e, m->fine_residual + 256 * e, elements, &fine);
  }
  strip_digits digits;
  for (size_t n = first; n < last; n += CK_BAND_ROWS) {
    const uint8_t *band = m->codes + n / CK_BAND_ROWS * m->band_stride;
    const size_t rows = last - n < CK_BAND_ROWS ? last - n : CK_BAND_ROWS;
    group_sums sums[4];
    for (int p = 0; p < passes; p++) sums[p] = no_sums();
    for (size_t c = 0; c < m->columns; c += STRIP) {
      const size_t columns = m->columns - c < STRIP ? m->columns - c : STRIP;
      for (int t = 0; t < tokens; t++) join_strip(x + (size_t)t * x_stride, c, columns, digits.of[t]);
      const strip_columns strip = {band, c / 32, columns / 32, &digits};
      for (int p = 0; p < passes; p++) {
        const size_t row = (size_t)(p * groups * rows_of_group(width));
        if (row < rows) sums[p] = with_strip(width, has_rest, groups, tokens, m, &coarse, &fine, strip, row, sums[p]);
      }
    }
    for (int t = 0; t < tokens; t++) {
      const float unit = m->scale * x[(size_t)t * x_stride].scale;
      float *target = y + (size_t)t * y_stride + (n - first) * m->vector_length + e;
      for (int g = 0; g < all_groups; g++) {
        const int s = g % groups * tokens + t;
        const size_t row = (size_t)(g * rows_of_group(width));
        add_group(width, m, unit, sums[g / groups].of[s], row, rows, elements, target);
      }
    }
  }
}

typedef void (*entries_function)(
  const ck_vq_planes *m, size_t first, size_t last, size_t e, size_t elements, const ck_split_activation *x, size_t x_stride,
  float *y, size_t y_stride);

#define ENTRIES(width, has_rest, tokens) \
  AVX2 static void entries_##width##_##has_rest##_##tokens( \
    const ck_vq_planes *m, size_t first, size_t last, size_t e, size_t elements, const ck_split_activation *x, \
    size_t x_stride, float *y, size_t y_stride) { \
    entries_pass(width, has_rest, tokens, m, first, last, e, elements, x, x_stride, y, y_stride); \
  }
#define ENTRIES_OF(width) \
  ENTRIES(width, 0, 1) ENTRIES(width, 0, 2) ENTRIES(width, 0, 4) ENTRIES(width, 1, 1) ENTRIES(width, 1, 2) ENTRIES(width, 1, 4)
ENTRIES_OF(4)
ENTRIES_OF(8)

/// The products of rows [first, last), without escapes; `tokens` is 1, 2 or 4.
static void all_entries(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens, float *y,
  size_t y_stride) {
#define NAMES(width) \
  {{entries_##width##_0_1, entries_##width##_0_2, entries_##width##_0_4}, {entries_##width##_1_1, entries_##width##_1_2, entries_##width##_1_4}}
  static const entries_function functions[2][2][3] = {NAMES(4), NAMES(8)};
  for (size_t e = 0; e < m->vector_length; e += PASS) {
    const size_t left = m->vector_length - e, elements = left < PASS ? left : PASS;
    functions[elements > 4][m->residual != NULL][tokens / 2](m, first, last, e, elements, x, x_stride, y, y_stride);
  }
}

void ck_avx2_vq_entries(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens, float *y,
  size_t y_stride) {
  for (size_t t = 0, count; t < tokens; t += count) {
    const size_t left = tokens - t;
    count = left >= TOKENS ? TOKENS : left >= 2 ? 2 : 1;
    all_entries(m, first, last, x + t * x_stride, x_stride, count, y + t * y_stride, y_stride);
  }
}

#endif
