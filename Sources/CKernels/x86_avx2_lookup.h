// AVX2: codebooks of up to 64 centroids, whose bytes are looked up 16 entries at a time.

#ifndef CKERNELS_X86_AVX2_LOOKUP_H
#define CKERNELS_X86_AVX2_LOOKUP_H

#include "x86_avx2_codes.h"

/// Rows whose codes of eight columns fill a register: half a band.
enum { ROWS = CK_BAND_ROWS / 2 };

/// Blocks whose codes are made ready at a time, few enough for the first-level cache, and the codes in half of them: a run of fine columns.
enum { CHUNK_BLOCKS = CK_FINE_RUN / 8, CHUNK = 32 * CHUNK_BLOCKS };

/// The most shuffles of 16 entries that one element takes.
enum { MOST_PARTS = 4 };

/// The codes of a chunk for one stage, and if wanted the other indices that its shuffles take (`next_index`).
typedef struct { _Alignas(32) uint8_t of[CHUNK], next[MOST_PARTS - 1][CHUNK]; } stage_codes;

/// How many shuffles a table of `count` centroids takes.
static inline int parts_of(uint32_t count) { return count <= 16 ? 1 : MOST_PARTS; }

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

#endif
