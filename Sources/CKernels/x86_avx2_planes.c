// AVX2: the product of activations with small codebooks, whose bytes are looked up 16 entries at a time.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx2_bytes.h"

#include <string.h>

/// Columns whose codes are made ready at a time: whole groups of four blocks, few enough for the first-level cache.
enum { CHUNK = 512 };

/// Activations whose sums are kept while a row is gone through.
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

/// How the blocks of a row lie: how many make whole fours, and how many bytes the codes of a stage take.
typedef struct { size_t whole, main_of_four, rest_of_block; } row_layout;

AVX2_INLINE row_layout layout_of(const ck_vq_planes *m) {
  const size_t rest = !m->residual ? 0 : m->residual_count <= 16 ? 32 : 64;
  return (row_layout){m->columns / 256 * 4, m->main_count <= 64 ? 192 : 256, rest};
}

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

/// Half `h` of the codes of block `i` of four whole ones.
AVX2_INLINE __m256i codes_of_four(code_kind kind, const row_layout *layout, const uint8_t *four, size_t i, size_t h) {
  if (kind == SMALL_CODES) return packed_codes(four, i, h);
  if (kind == MAIN_CODES) return bytes_at(four + 64 * i + 32 * h);
  return residual_codes(kind, four + layout->main_of_four + i * layout->rest_of_block, h);
}

/// Half `h` of the codes of block `b` of a row.
AVX2_INLINE __m256i codes_of(code_kind kind, const row_layout *layout, const uint8_t *row, size_t b, size_t h) {
  const uint8_t *four = row + b / 4 * (layout->main_of_four + 4 * layout->rest_of_block);
  if (b < layout->whole) return codes_of_four(kind, layout, four, b % 4, h);
  const uint8_t *alone = four + b % 4 * (64 + layout->rest_of_block);
  if (kind == SMALL_CODES || kind == MAIN_CODES) return bytes_at(alone + 32 * h);
  return residual_codes(kind, alone + 64, h);
}

/// Indices for `_mm256_shuffle_epi8`: codes of the 16 entries from `16 q` on become 0x70 to 0x7F, all others 0x80 or more, which
/// give 0.
AVX2_INLINE __m256i index_of(__m256i codes, int q) {
  const __m256i above = _mm256_set1_epi8(0x70);
  return _mm256_adds_epu8(_mm256_xor_si256(codes, _mm256_set1_epi8((char)(16 * q))), above);
}

/// 16 entries of a table, with a sign, in both halves.
AVX2_INLINE __m256i sixteen_entries(const uint8_t *table) {
  const __m128i entries = _mm_loadu_si128((const __m128i *)table);
  return _mm256_broadcastsi128_si256(_mm_xor_si128(entries, _mm_set1_epi8(-128)));
}

/// The indices of the blocks [b, end) of a row for one stage.
AVX2_INLINE void read_codes(
  int parts, code_kind kind, const row_layout *layout, const uint8_t *row, size_t b, size_t end, stage_codes *stage) {
  for (size_t c = 0; b < end; b++) {
    for (size_t h = 0; h < 2; h++, c += 32) {
      const __m256i codes = codes_of(kind, layout, row, b, h);
      for (int q = 0; q < parts; q++) _mm256_store_si256((__m256i *)(stage->indices[q] + c), index_of(codes, q));
    }
  }
}

/// Looks up one element of the centroids of `columns` codes: bytes with a sign.
AVX2_INLINE void look_up(int parts, const uint8_t *table, const stage_codes *stage, size_t columns, int8_t *values) {
  __m256i entries[16];
  for (int q = 0; q < parts; q++) entries[q] = sixteen_entries(table + 16 * q);
  for (size_t c = 0; c < columns; c += 32) {
    __m256i sum = _mm256_shuffle_epi8(entries[0], _mm256_load_si256((const __m256i *)(stage->indices[0] + c)));
    for (int q = 1; q < parts; q++) {
      const __m256i index = _mm256_load_si256((const __m256i *)(stage->indices[q] + c));
      sum = _mm256_or_si256(sum, _mm256_shuffle_epi8(entries[q], index));
    }
    _mm256_store_si256((__m256i *)(values + c), sum);
  }
}

/// The products of a chunk's bytes with one activation, added up by lanes; `large` are its blocks with high digits.
AVX2_INLINE __m256i chunk_products(
  const int8_t *values, size_t first, size_t columns, const ck_split_activation *x, const uint16_t *large,
  const uint16_t *large_end) {
  const int8_t *low = x->low + first;
  __m256i sum = _mm256_setzero_si256(), other = sum;
  for (size_t c = 0; c < columns; c += 64) {
    sum = _mm256_add_epi32(sum, signed_products(load_values(values + c), load_values(low + c)));
    other = _mm256_add_epi32(other, signed_products(load_values(values + c + 32), load_values(low + c + 32)));
  }
  sum = _mm256_add_epi32(sum, other);
  other = _mm256_setzero_si256();
  for (; large < large_end; large++) {
    const size_t c = 64 * (size_t)*large - first;
    const int8_t *high = x->high + 64 * (size_t)*large;
    other = _mm256_add_epi32(other, signed_products(load_values(values + c), load_values(high)));
    other = _mm256_add_epi32(other, signed_products(load_values(values + c + 32), load_values(high + 32)));
  }
  return _mm256_add_epi32(sum, _mm256_slli_epi32(other, 8));
}

/// Sums by lanes of both stages, `[stage][token][element]`.
typedef struct { __m256i lanes[2][TOKENS][PASS]; } pass_sums;

/// Adds the outputs of `elements` elements of a row for one activation.
AVX2_INLINE void add_outputs(
  const ck_vq_planes *m, const ck_split_activation *x, const __m256i *main, const __m256i *rest, size_t elements, float *y) {
  float values[PASS];
  __m256 sum = _mm256_mul_ps(_mm256_cvtepi32_ps(lane_sums8(main)), _mm256_set1_ps(m->main_scale * x->scale));
  if (m->residual) {
    const __m256 own = _mm256_cvtepi32_ps(lane_sums8(rest));
    sum = _mm256_fmadd_ps(own, _mm256_set1_ps(m->residual_scale * x->scale), sum);
  }
  _mm256_storeu_ps(values, sum);
  for (size_t e = 0; e < elements; e++) y[e] += values[e];
}

/// A row's elements [e, e + elements) for `tokens` activations.
AVX2_INLINE void row_pass(
  int parts, code_kind rest_kind, int rest_parts, const ck_vq_planes *m, const uint8_t *row, size_t e, size_t elements,
  const ck_split_activation *x, size_t x_stride, size_t tokens, float *y, size_t y_stride) {
  const row_layout layout = layout_of(m);
  stage_codes main, rest;
  _Alignas(32) int8_t values[CHUNK];
  pass_sums sums;
  memset(&sums, 0, sizeof sums);
  const uint16_t *large[TOKENS];
  for (size_t t = 0; t < tokens; t++) large[t] = x[t * x_stride].large_blocks;
  for (size_t first = 0; first < m->columns; first += CHUNK) {
    const size_t columns = m->columns - first < CHUNK ? m->columns - first : CHUNK;
    const size_t end = (first + columns) / 64;
    read_codes(parts, m->main_count <= 64 ? SMALL_CODES : MAIN_CODES, &layout, row, first / 64, end, &main);
    if (rest_kind != NO_CODES) read_codes(rest_parts, rest_kind, &layout, row, first / 64, end, &rest);
    const uint16_t *large_end[TOKENS];
    for (size_t t = 0; t < tokens; t++) {
      const ck_split_activation *own = x + t * x_stride;
      large_end[t] = large[t];
      while (large_end[t] < own->large_blocks + own->large && *large_end[t] < end) large_end[t]++;
    }
    for (size_t i = 0; i < elements; i++) {
      look_up(parts, m->main + 256 * (e + i), &main, columns, values);
      for (size_t t = 0; t < tokens; t++) {
        const __m256i own = chunk_products(values, first, columns, x + t * x_stride, large[t], large_end[t]);
        sums.lanes[0][t][i] = _mm256_add_epi32(sums.lanes[0][t][i], own);
      }
      if (rest_kind == NO_CODES) continue;
      look_up(rest_parts, m->residual + 256 * (e + i), &rest, columns, values);
      for (size_t t = 0; t < tokens; t++) {
        const __m256i own = chunk_products(values, first, columns, x + t * x_stride, large[t], large_end[t]);
        sums.lanes[1][t][i] = _mm256_add_epi32(sums.lanes[1][t][i], own);
      }
    }
    for (size_t t = 0; t < tokens; t++) large[t] = large_end[t];
  }
  for (size_t t = 0; t < tokens; t++) {
    add_outputs(m, x + t * x_stride, sums.lanes[0][t], sums.lanes[1][t], elements, y + t * y_stride + e);
  }
}

typedef void (*rows_function)(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens, float *y,
  size_t y_stride);

#define ROWS(parts, kind, rest_parts) \
  AVX2 static void rows_##parts##_##kind##_##rest_parts( \
    const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens, \
    float *y, size_t y_stride) { \
    for (size_t n = first; n < last; n++) { \
      float *target = y + (n - first) * m->vector_length; \
      for (size_t e = 0; e < m->vector_length; e += PASS) { \
        const size_t left = m->vector_length - e; \
        row_pass( \
          parts, kind, rest_parts, m, m->codes + n * m->row_stride, e, left < PASS ? left : PASS, x, x_stride, tokens, \
          target, y_stride); \
      } \
    } \
  }
#define ROWS_OF(parts) \
  ROWS(parts, NO_CODES, 1) \
  ROWS(parts, NIBBLE_CODES, 1) \
  ROWS(parts, BYTE_CODES, 4) \
  ROWS(parts, BYTE_CODES, 8) \
  ROWS(parts, BYTE_CODES, 16)
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
  ck_token_lanes lanes, int joint, float *y, size_t y_stride, void *scratch) {
  if (joint && m->residual) {
    ck_portable_vq_planes_many(m, first, last, x, x_stride, tokens, lanes, joint, y, y_stride, scratch);
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

// One activation with codebooks of up to 64 centroids: the tables of two elements stay in registers.

/// Adds the products of 32 codes with the digits of as many columns, for one or two elements.
AVX2_INLINE void add_products(
  int parts, int elements, __m256i (*tables)[4], __m256i codes, const int8_t *low, const int8_t *high,
  __m256i *sums) {
  __m256i values[2];
  const __m256i bit4 = _mm256_slli_epi16(codes, 3), bit5 = _mm256_slli_epi16(codes, 2);
  for (int e = 0; e < elements; e++) {
    if (parts == 1) {
      values[e] = _mm256_shuffle_epi8(tables[e][0], codes);
      continue;
    }
    const __m256i first = _mm256_blendv_epi8(
      _mm256_shuffle_epi8(tables[e][0], codes), _mm256_shuffle_epi8(tables[e][1], codes), bit4);
    const __m256i second = _mm256_blendv_epi8(
      _mm256_shuffle_epi8(tables[e][2], codes), _mm256_shuffle_epi8(tables[e][3], codes), bit4);
    values[e] = _mm256_blendv_epi8(first, second, bit5);
  }
  const __m256i digits = load_values(low);
  for (int e = 0; e < elements; e++) sums[e] = _mm256_add_epi32(sums[e], signed_products(values[e], digits));
  if (!high) return;
  const __m256i upper = load_values(high);
  for (int e = 0; e < elements; e++) {
    sums[e] = _mm256_add_epi32(sums[e], _mm256_slli_epi32(signed_products(values[e], upper), 8));
  }
}

/// Adds the products of one block.
AVX2_INLINE void add_block(
  code_kind kind, int parts, int elements, __m256i (*tables)[4], const row_layout *layout, const uint8_t *row, size_t b,
  const ck_split_activation *x, int is_large, __m256i *sums) {
  const __m256i first = codes_of(kind, layout, row, b, 0), second = codes_of(kind, layout, row, b, 1);
  const int8_t *low = x->low + 64 * b, *high = x->high + 64 * b;
  add_products(parts, elements, tables, first, low, is_large ? high : NULL, sums);
  add_products(parts, elements, tables, second, low + 32, is_large ? high + 32 : NULL, sums);
}

/// The sums of one stage over a row for one or two elements; `kind` says how its codes are kept.
AVX2_INLINE void stage_sums(
  code_kind kind, int elements, const ck_vq_planes *m, const uint8_t *table, const uint8_t *row, const ck_split_activation *x,
  __m256i *result) {
  const int parts = kind == NIBBLE_CODES ? 1 : 4;
  __m256i tables[2][4], sums[2];
  for (int e = 0; e < elements; e++) {
    for (int q = 0; q < parts; q++) tables[e][q] = sixteen_entries(table + 256 * e + 16 * q);
    sums[e] = _mm256_setzero_si256();
  }
  const row_layout layout = layout_of(m);
  const uint16_t *large = x->large_blocks, *end = large + x->large;
  size_t b = 0;
  for (; b < layout.whole; b += 4) {
    if (large < end && *large < b + 4) {
      for (size_t i = 0; i < 4; i++) {
        const int is_large = large < end && *large == b + i;
        if (is_large) large++;
        if (is_large) add_block(kind, parts, elements, tables, &layout, row, b + i, x, 1, sums);
        else add_block(kind, parts, elements, tables, &layout, row, b + i, x, 0, sums);
      }
      continue;
    }
    const uint8_t *four = row + b / 4 * (layout.main_of_four + 4 * layout.rest_of_block);
    const int8_t *low = x->low + 64 * b;
    _Alignas(32) uint8_t codes[256];
    for (size_t i = 0; i < 8; i++) {
      _mm256_store_si256((__m256i *)(codes + 32 * i), codes_of_four(kind, &layout, four, i / 2, i % 2));
    }
#pragma clang loop unroll_count(2)
    for (size_t i = 0; i < 256; i += 32) {
      const __m256i own = _mm256_load_si256((const __m256i *)(codes + i));
      add_products(parts, elements, tables, own, low + i, NULL, sums);
    }
  }
  for (; b < x->blocks; b++) {
    const int is_large = large < end && *large == b;
    if (is_large) large++;
    if (is_large) add_block(kind, parts, elements, tables, &layout, row, b, x, 1, sums);
    else add_block(kind, parts, elements, tables, &layout, row, b, x, 0, sums);
  }
  for (int e = 0; e < elements; e++) result[e] = sums[e];
}

AVX2_INLINE void short_rows(
  code_kind rest_kind, const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  const size_t v = m->vector_length;
  for (size_t n = first; n < last; n++) {
    const uint8_t *row = m->codes + n * m->row_stride;
    for (size_t start = 0; start < v; start += PASS) {
      const size_t elements = v - start < PASS ? v - start : PASS;
      __m256i main[PASS], rest[PASS];
      for (size_t e = 0; e < PASS; e++) main[e] = rest[e] = _mm256_setzero_si256();
      for (size_t e = 0; e < elements; e += 2) {
        const size_t own = 256 * (start + e);
        if (e + 1 < elements) stage_sums(SMALL_CODES, 2, m, m->main + own, row, x, main + e);
        else stage_sums(SMALL_CODES, 1, m, m->main + own, row, x, main + e);
        if (rest_kind == NO_CODES) continue;
        if (e + 1 < elements) stage_sums(rest_kind, 2, m, m->residual + own, row, x, rest + e);
        else stage_sums(rest_kind, 1, m, m->residual + own, row, x, rest + e);
      }
      add_outputs(m, x, main, rest, elements, y + (n - first) * v + start);
    }
  }
}

#define SHORT_ROWS(kind) \
  AVX2 static void short_rows_##kind( \
    const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) { \
    short_rows(kind, m, first, last, x, y); \
  }
SHORT_ROWS(NO_CODES)
SHORT_ROWS(NIBBLE_CODES)
SHORT_ROWS(BYTE_CODES)

void ck_avx2_vq_planes(const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  if (!x->is_narrow || m->main_count > 64 || m->residual_count > 64) {
    ck_avx2_vq_planes_many(m, first, last, x, 1, 1, (ck_token_lanes){NULL, 0}, 0, y, 0, NULL);
    return;
  }
  if (!m->residual) short_rows_NO_CODES(m, first, last, x, y);
  else if (m->residual_count <= 16) short_rows_NIBBLE_CODES(m, first, last, x, y);
  else short_rows_BYTE_CODES(m, first, last, x, y);
  ck_avx2_add_escapes(&m->escapes, m->vector_length, first, last, x->values, y);
}

#endif
