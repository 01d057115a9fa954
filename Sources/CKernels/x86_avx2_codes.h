// AVX2: reads the codes of small codebooks from their bands (`plane_codes.h`).

#ifndef CKERNELS_X86_AVX2_CODES_H
#define CKERNELS_X86_AVX2_CODES_H

#include "plane_codes.h"
#include "x86_avx2_bytes.h"

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
