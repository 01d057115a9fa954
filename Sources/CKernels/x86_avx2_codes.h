// AVX2: how the codes of small codebooks lie in bands (`ck_vq_planes`).

#ifndef CKERNELS_X86_AVX2_CODES_H
#define CKERNELS_X86_AVX2_CODES_H

#include "x86_avx2_bytes.h"

/// How the codes of a stage are kept: main codes of up to 64 centroids, packed by fours; bytes of the main stage; nibbles or bytes of the
/// residual one; or there are none.
typedef enum { NO_CODES, SMALL_CODES, MAIN_CODES, NIBBLE_CODES, BYTE_CODES } code_kind;

AVX2_INLINE code_kind main_kind_of(const ck_vq_planes *m) { return m->main_count <= 64 ? SMALL_CODES : MAIN_CODES; }

AVX2_INLINE code_kind rest_kind_of(const ck_vq_planes *m) {
  return !m->residual ? NO_CODES : m->residual_count <= 16 ? NIBBLE_CODES : BYTE_CODES;
}

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

#endif
