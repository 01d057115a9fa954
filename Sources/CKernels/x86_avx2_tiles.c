// AVX2: looks up the bytes of a part of a band (`x86_avx2_tiles.h`).

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx2_tiles.h"

#include <string.h>

// Codebooks of up to 64 centroids.

/// Looks up one element of half `h` of `count` blocks of one stage; added to the tile with `adding`.
AVX2_INLINE void look_up(
  int parts, const __m256i *entries, const stage_codes *stage, size_t h, size_t count, int adding, band_tile *tile) {
  for (size_t b = 0; b < count; b++) {
    __m256i *target = (__m256i *)(tile->of + 64 * b + 32 * h);
    const __m256i own = looked_up(parts, 0, entries, stage, 32 * b);
    _mm256_store_si256(target, adding ? _mm256_add_epi8(_mm256_load_si256(target), own) : own);
  }
}

/// The same of both stages together.
AVX2_INLINE void look_up_both(
  int parts, int rest_parts, const uint8_t *main, const int8_t *residual, const stage_codes *main_codes, const stage_codes *rest_codes,
  size_t h, size_t count, band_tile *tile) {
  __m256i entries[MOST_PARTS];
  main_entries(parts, main, entries);
  look_up(parts, entries, main_codes, h, count, 0, tile);
  if (rest_parts == 0) return;
  rest_entries(rest_parts, residual, entries);
  look_up(rest_parts, entries, rest_codes, h, count, 1, tile);
}

AVX2_INLINE void fill_small(
  int parts, code_kind rest_kind, const ck_vq_planes *m, const tile_part *part, tile_memory *memory) {
  const band_layout layout = layout_of(m);
  const int rest_parts = rest_kind == NO_CODES ? 0 : rest_kind == NIBBLE_CODES ? 1 : MOST_PARTS;
  stage_codes main, rest;
  for (size_t h = 0; h < 2; h++) {
    read_codes(SMALL_CODES, 1, &layout, part->band, h, part->b, part->b + part->count, &main);
    if (rest_parts > 0) read_codes(rest_kind, 1, &layout, part->band, h, part->b, part->b + part->count, &rest);
    for (size_t i = 0; i < part->elements; i++) {
      const size_t own = 256 * (part->e + i);
      look_up_both(
        parts, rest_parts, m->main + own, rest_parts > 0 ? m->residual + own : NULL, &main, &rest, h, part->count, memory->coarse + i);
      if (part->fine == 0) continue;
      look_up_both(parts, rest_parts, m->fine_main + own, m->fine_residual + own, &main, &rest, h, part->fine, memory->fine + i);
    }
  }
}

#define FILL_SMALL(parts, kind) \
  AVX2 static void fill_##parts##_##kind(const ck_vq_planes *m, const tile_part *part, tile_memory *memory) { \
    fill_small(parts, kind, m, part, memory); \
  }
#define FILL_SMALL_OF(parts) FILL_SMALL(parts, NO_CODES) FILL_SMALL(parts, NIBBLE_CODES) FILL_SMALL(parts, BYTE_CODES)
FILL_SMALL_OF(1)
FILL_SMALL_OF(4)

// Larger ones.

/// All elements of eight columns of a row, both stages together, eight bytes of each element.
AVX2_INLINE void write_eight(
  int width, int has_rest, const table_pair *tables, const uint8_t *main, const uint8_t *rest, band_tile *tiles, size_t place) {
  __m128i columns[8];
  for (int j = 0; j < 8; j++) {
    columns[j] = _mm_loadl_epi64((const __m128i *)(tables->main.even + 8 * (size_t)main[j]));
    if (!has_rest) continue;
    columns[j] = _mm_add_epi8(columns[j], _mm_loadl_epi64((const __m128i *)(tables->rest.even + 8 * (size_t)rest[j])));
  }
  const __m128i a = _mm_unpacklo_epi8(columns[0], columns[1]), b = _mm_unpacklo_epi8(columns[2], columns[3]);
  const __m128i c = _mm_unpacklo_epi8(columns[4], columns[5]), d = _mm_unpacklo_epi8(columns[6], columns[7]);
  const __m128i low = _mm_unpacklo_epi16(a, b), more_low = _mm_unpacklo_epi16(c, d);
  __m128i pairs[4] = {_mm_unpacklo_epi32(low, more_low), _mm_unpackhi_epi32(low, more_low)};
  if (width == 8) {
    const __m128i high = _mm_unpackhi_epi16(a, b), more_high = _mm_unpackhi_epi16(c, d);
    pairs[2] = _mm_unpacklo_epi32(high, more_high);
    pairs[3] = _mm_unpackhi_epi32(high, more_high);
  }
  for (int i = 0; i < width / 2; i++) {
    _mm_storel_epi64((__m128i *)(tiles[2 * i].of + place), pairs[i]);
    _mm_storeh_pd((double *)(void *)(tiles[2 * i + 1].of + place), _mm_castsi128_pd(pairs[i]));
  }
}

/// `count` blocks of a band from block `b` on.
AVX2_INLINE void write_blocks(
  int width, int has_rest, const ck_vq_planes *m, const table_pair *tables, const uint8_t *band, size_t b, size_t count, band_tile *tiles) {
  const band_layout layout = layout_of(m);
  unpacked_codes room;
  for (size_t first = 0; first < count; first += 4) {
    const four_codes codes = codes_from(m, &layout, band + (b + first) / 4 * bytes_of_four(&layout), &room);
    for (size_t k = 0; k < 32; k++) {
      write_eight(width, has_rest, tables, codes.main + 8 * k, has_rest ? codes.rest + 8 * k : NULL, tiles, 64 * first + 8 * k);
    }
  }
}

AVX2_INLINE void fill_large(int width, int has_rest, const ck_vq_planes *m, const tile_part *part, tile_memory *memory) {
  write_blocks(width, has_rest, m, &memory->coarse_tables, part->band, part->b, part->count, memory->coarse);
  if (part->fine > 0) write_blocks(width, has_rest, m, &memory->fine_tables, part->band, part->b, part->fine, memory->fine);
}

#define FILL_LARGE(width, has_rest) \
  AVX2 static void fill_large_##width##_##has_rest(const ck_vq_planes *m, const tile_part *part, tile_memory *memory) { \
    fill_large(width, has_rest, m, part, memory); \
  }
FILL_LARGE(4, 0) FILL_LARGE(4, 1) FILL_LARGE(8, 0) FILL_LARGE(8, 1)

ck_avx2_tile_filler ck_avx2_tile_filler_for(const ck_vq_planes *m) {
  static const ck_avx2_tile_filler small[2][3] = {
    {fill_1_NO_CODES, fill_1_NIBBLE_CODES, fill_1_BYTE_CODES}, {fill_4_NO_CODES, fill_4_NIBBLE_CODES, fill_4_BYTE_CODES}};
  static const ck_avx2_tile_filler large[2][2] = {{fill_large_4_0, fill_large_4_1}, {fill_large_8_0, fill_large_8_1}};
  if (is_small(m)) return small[parts_of(m->main_count) > 1][!m->residual ? 0 : m->residual_count <= 16 ? 1 : 2];
  return large[m->vector_length > 4][m->residual != NULL];
}

AVX2 void ck_avx2_fill_tile_tables(const ck_vq_planes *m, size_t e, size_t elements, tile_memory *memory) {
  if (is_small(m)) return;
  const int has_rest = m->residual != NULL;
  fill_pair(8, has_rest, m, m->main + 256 * e, has_rest ? m->residual + 256 * e : NULL, elements, &memory->coarse_tables);
  if (!has_rest || m->fine_columns == 0) return;
  fill_pair(8, 1, m, m->fine_main + 256 * e, m->fine_residual + 256 * e, elements, &memory->fine_tables);
}

#endif
