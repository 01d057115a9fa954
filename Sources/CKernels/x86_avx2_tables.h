// AVX2: codebooks of more than 64 centroids as tables whose entries have all elements of a centroid, and the codes that name them.

#ifndef CKERNELS_X86_AVX2_TABLES_H
#define CKERNELS_X86_AVX2_TABLES_H

#include "x86_avx2_codes.h"

/// Elements of a vector that are gone through at once; longer ones in several passes.
enum { PASS = 8 };

/// One stage: eight bytes with a sign for each centroid, 0 where the vector has no element. Of vectors of more than four elements all of them,
/// in `even`; else four, with a 0 after each in `even` and before each in `odd`, so that those of an even and of an odd column add up to both.
typedef struct { _Alignas(32) int8_t even[8 * 256], odd[8 * 256]; } stage_table;

typedef struct { stage_table main, rest; } table_pair;

/// 16 bytes of one element, with a sign; of none, 0.
AVX2_INLINE __m128i sixteen_bytes(const uint8_t *table, size_t e, size_t elements, size_t k, __m128i bias) {
  if (e >= elements) return _mm_setzero_si128();
  return _mm_xor_si128(_mm_loadu_si128((const __m128i *)(table + 256 * e + k)), bias);
}

/// Four elements each of sixteen centroids, from 16 bytes of each element.
AVX2_INLINE void join_four(const __m128i *lines, __m128i *quads) {
  const __m128i a = _mm_unpacklo_epi8(lines[0], lines[1]), b = _mm_unpackhi_epi8(lines[0], lines[1]);
  const __m128i c = _mm_unpacklo_epi8(lines[2], lines[3]), d = _mm_unpackhi_epi8(lines[2], lines[3]);
  quads[0] = _mm_unpacklo_epi16(a, c);
  quads[1] = _mm_unpackhi_epi16(a, c);
  quads[2] = _mm_unpacklo_epi16(b, d);
  quads[3] = _mm_unpackhi_epi16(b, d);
}

/// Fills a table from `elements` lines of 256 bytes.
AVX2_INLINE void fill_table(
  int width, const uint8_t *bytes, __m128i bias, size_t elements, size_t count, stage_table *table) {
  const __m128i zero = _mm_setzero_si128();
  for (size_t k = 0; k < count; k += 16) {
    __m128i lines[PASS], quads[PASS];
    for (size_t e = 0; e < (size_t)width; e++) lines[e] = sixteen_bytes(bytes, e, elements, k, bias);
    join_four(lines, quads);
    if (width == 8) join_four(lines + 4, quads + 4);
    __m128i *even = (__m128i *)(table->even + 8 * k), *odd = (__m128i *)(table->odd + 8 * k);
    for (int i = 0; i < 4; i++) {
      const __m128i other = width == 8 ? quads[4 + i] : zero;
      _mm_store_si128(even + 2 * i, width == 8 ? _mm_unpacklo_epi32(quads[i], other) : _mm_unpacklo_epi8(quads[i], zero));
      _mm_store_si128(even + 2 * i + 1, width == 8 ? _mm_unpackhi_epi32(quads[i], other) : _mm_unpackhi_epi8(quads[i], zero));
      if (width == 8) continue;
      _mm_store_si128(odd + 2 * i, _mm_unpacklo_epi8(zero, quads[i]));
      _mm_store_si128(odd + 2 * i + 1, _mm_unpackhi_epi8(zero, quads[i]));
    }
  }
}

AVX2_INLINE void fill_pair(
  int width, int has_rest, const ck_vq_planes *m, const uint8_t *main, const int8_t *rest, size_t elements, table_pair *tables) {
  fill_table(width, main, _mm_set1_epi8(-128), elements, m->main_count, &tables->main);
  if (!has_rest) return;
  fill_table(width, (const uint8_t *)rest, _mm_setzero_si128(), elements, m->residual_count, &tables->rest);
}

/// The codes of four blocks, a byte each: where they lie if they are bytes there.
typedef struct { const uint8_t *main, *rest; } four_codes;

/// Room for the codes of four blocks.
typedef struct { _Alignas(32) uint8_t main[256], rest[256]; } unpacked_codes;

AVX2_INLINE const uint8_t *codes_at(
  code_kind kind, const band_layout *layout, const uint8_t *four, const uint8_t *bytes, uint8_t *room) {
  if (kind == MAIN_CODES || kind == BYTE_CODES) return bytes;
  for (size_t i = 0; i < 8; i++) {
    _mm256_store_si256((__m256i *)(room + 32 * i), codes_of_four(kind, layout, four, i / 2, i % 2));
  }
  return room;
}

AVX2_INLINE four_codes codes_from(const ck_vq_planes *m, const band_layout *layout, const uint8_t *four, unpacked_codes *room) {
  four_codes codes = {codes_at(main_kind_of(m), layout, four, four, room->main), NULL};
  if (m->residual) codes.rest = codes_at(rest_kind_of(m), layout, four, four + layout->main_of_four, room->rest);
  return codes;
}

#endif
