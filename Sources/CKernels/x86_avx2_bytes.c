// AVX2: the product of one activation with packed codes whose centroids are bytes, and with a dense matrix of bytes.

#include "code_blocks.h"
#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx2_bytes.h"

#include <string.h>

/// Products of 32 bytes, biased by 128, with digits, added up by fours; no byte is 0, which stands for -128.
AVX2_INLINE __m256i products(__m256i bytes, __m256i digits) {
  return signed_products(_mm256_xor_si256(bytes, _mm256_set1_epi8(-128)), digits);
}

AVX2_INLINE __m128i eight_bytes(const uint8_t *table, uint32_t code) {
  return _mm_loadl_epi64((const __m128i *)(table + 8 * (size_t)code));
}

AVX2_INLINE __m128i four_bytes(const uint8_t *table, uint32_t code) {
  int32_t four;
  memcpy(&four, table + 8 * (size_t)code, 4);
  return _mm_cvtsi32_si128(four);
}

/// Bytes of eight elements of four columns: a column after the other in every lane.
AVX2_INLINE __m256i four_columns(const uint8_t *table, const uint32_t *codes) {
  const __m128i first = _mm_unpacklo_epi8(eight_bytes(table, codes[0]), eight_bytes(table, codes[1]));
  const __m128i second = _mm_unpacklo_epi8(eight_bytes(table, codes[2]), eight_bytes(table, codes[3]));
  return _mm256_inserti128_si256(
    _mm256_castsi128_si256(_mm_unpacklo_epi16(first, second)), _mm_unpackhi_epi16(first, second), 1);
}

/// Bytes of four elements of eight columns: those of the last four in the upper half.
AVX2_INLINE __m256i eight_columns(const uint8_t *table, const uint32_t *codes) {
  __m128i halves[2];
  for (int i = 0; i < 2; i++) {
    const uint32_t *own = codes + 4 * i;
    const __m128i first = _mm_unpacklo_epi8(four_bytes(table, own[0]), four_bytes(table, own[1]));
    halves[i] = _mm_unpacklo_epi16(first, _mm_unpacklo_epi8(four_bytes(table, own[2]), four_bytes(table, own[3])));
  }
  return _mm256_inserti128_si256(_mm256_castsi128_si256(halves[0]), halves[1], 1);
}

/// The digits of four columns in every lane.
AVX2_INLINE __m256i four_digits(const int8_t *digits) {
  int32_t four;
  memcpy(&four, digits, 4);
  return _mm256_set1_epi32(four);
}

/// The digits of four columns in the lanes of either half.
AVX2_INLINE __m256i eight_digits(const int8_t *digits) {
  return _mm256_inserti128_si256(
    _mm256_castsi128_si256(_mm256_castsi256_si128(four_digits(digits))), _mm256_castsi256_si128(four_digits(digits + 4)), 1);
}

/// Adds the products of one block of 64 columns.
AVX2_INLINE __m256i add_block(
  int is_short, const uint8_t *table, const uint32_t *codes, const int8_t *low, const int8_t *high, __m256i sum) {
  __m256i upper = _mm256_setzero_si256();
  const size_t step = is_short ? 8 : 4;
  for (size_t c = 0; c < 64; c += step) {
    const __m256i bytes = is_short ? eight_columns(table, codes + c) : four_columns(table, codes + c);
    sum = _mm256_add_epi32(sum, products(bytes, is_short ? eight_digits(low + c) : four_digits(low + c)));
    if (high) upper = _mm256_add_epi32(upper, products(bytes, is_short ? eight_digits(high + c) : four_digits(high + c)));
  }
  return high ? _mm256_add_epi32(sum, _mm256_slli_epi32(upper, 8)) : sum;
}

AVX2_INLINE void add_row(
  int is_short, const ck_vq_bytes *m, const uint8_t *row, const ck_split_activation *x, __m256i *main, __m256i *rest) {
  code_block codes;
  const uint16_t *large = x->large_blocks, *end = large + x->large;
  for (size_t first = 0; first < m->columns; first += CODE_BLOCK) {
    const size_t padded = unpack_block(ck_avx2_table(), m, row, first, &codes);
    for (size_t c = 0; c < padded; c += 64) {
      const int8_t *low = x->low + first + c;
      const int is_large = large < end && *large == (first + c) / 64;
      if (is_large) {
        large++;
        *main = add_block(is_short, m->main, codes.main + c, low, x->high + first + c, *main);
        if (m->residual) *rest = add_block(is_short, m->residual, codes.rest + c, low, x->high + first + c, *rest);
      } else {
        *main = add_block(is_short, m->main, codes.main + c, low, NULL, *main);
        if (m->residual) *rest = add_block(is_short, m->residual, codes.rest + c, low, NULL, *rest);
      }
    }
  }
}

/// The sums of a stage in its scale, an element in each lane.
AVX2_INLINE __m256 outputs(int is_short, __m256i sums, float scale) {
  if (is_short) {
    sums = _mm256_castsi128_si256(_mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1)));
  }
  return _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_set1_ps(scale));
}

AVX2_INLINE void rows_products(
  int is_short, const ck_vq_bytes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  for (size_t n = first; n < last; n++) {
    __m256i main = _mm256_setzero_si256(), rest = main;
    add_row(is_short, m, m->codes + n * m->row_stride, x, &main, &rest);
    float values[8], rest_values[8];
    _mm256_storeu_ps(values, outputs(is_short, main, m->main_scale * x->scale));
    _mm256_storeu_ps(rest_values, outputs(is_short, rest, m->residual_scale * x->scale));
    float *target = y + (n - first) * m->vector_length;
    for (size_t e = 0; e < m->vector_length; e++) target[e] += m->residual ? values[e] + rest_values[e] : values[e];
  }
}

AVX2 void ck_avx2_vq_bytes(
  const ck_vq_bytes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  // No real activation is that wide.
  if (!x->is_narrow || m->vector_length > 8) {
    ck_portable_vq_bytes(m, first, last, x, y);
    return;
  }
  if (m->vector_length <= 4) rows_products(1, m, first, last, x, y);
  else rows_products(0, m, first, last, x, y);
  ck_avx2_add_escapes(&m->escapes, m->vector_length, first, last, x->values, y);
}

#endif
