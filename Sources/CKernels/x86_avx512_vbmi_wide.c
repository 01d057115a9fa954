// AVX-512 with byte permutes and integer dot products: the product of one activation with codebooks of many centroids, whose
// bytes stay in the first- or second-level cache.

#include "code_blocks.h"
#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx512_vbmi.h"

#include <string.h>

/// Which bytes of four centroids of eight, two in each of two vectors, make the lanes of eight elements, four columns in each.
static const uint8_t EIGHT_ELEMENTS[32] = {
  0, 8, 32, 40, 1, 9, 33, 41, 2, 10, 34, 42, 3, 11, 35, 43, 4, 12, 36, 44, 5, 13, 37, 45, 6, 14, 38, 46, 7, 15, 39, 47,
};

/// As `EIGHT_ELEMENTS` for centroids of sixteen.
static const uint8_t SIXTEEN_ELEMENTS[64] = {
  0, 16, 64, 80, 1, 17, 65, 81, 2, 18, 66, 82, 3, 19, 67, 83, 4, 20, 68, 84, 5, 21, 69, 85,
  6, 22, 70, 86, 7, 23, 71, 87, 8, 24, 72, 88, 9, 25, 73, 89, 10, 26, 74, 90, 11, 27, 75, 91,
  12, 28, 76, 92, 13, 29, 77, 93, 14, 30, 78, 94, 15, 31, 79, 95,
};

/// Two centroids of eight elements in one vector.
VBMI_INLINE __m256i two_of_eight(const uint8_t *table, const uint32_t *codes) {
  const __m128i first = _mm_loadl_epi64((const __m128i *)(table + 8 * (size_t)codes[0]));
  const __m128 both = _mm_loadh_pi(_mm_castsi128_ps(first), (const __m64 *)(table + 8 * (size_t)codes[1]));
  return _mm256_castsi128_si256(_mm_castps_si128(both));
}

/// Two centroids of sixteen elements in one vector.
VBMI_INLINE __m512i two_of_sixteen(const uint8_t *table, const uint32_t *codes) {
  const __m128i first = _mm_loadu_si128((const __m128i *)(table + 16 * (size_t)codes[0]));
  const __m128i second = _mm_loadu_si128((const __m128i *)(table + 16 * (size_t)codes[1]));
  return _mm512_castsi256_si512(_mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1));
}

/// Bytes of four columns, an element in each lane.
VBMI_INLINE __m512i four_columns(int wide, const uint8_t *table, const uint32_t *codes) {
  if (wide) {
    return _mm512_permutex2var_epi8(
      two_of_sixteen(table, codes), _mm512_loadu_si512(SIXTEEN_ELEMENTS), two_of_sixteen(table, codes + 2));
  }
  const __m256i eight = _mm256_permutex2var_epi8(
    two_of_eight(table, codes), _mm256_loadu_si256((const __m256i *)EIGHT_ELEMENTS), two_of_eight(table, codes + 2));
  return _mm512_castsi256_si512(eight);
}

VBMI_INLINE __m512i dot_products(int wide, __m512i sum, __m512i bytes, const int8_t *digits) {
  int32_t four;
  memcpy(&four, digits, 4);
  if (wide) return _mm512_dpbusd_epi32(sum, bytes, _mm512_set1_epi32(four));
  return _mm512_castsi256_si512(_mm256_dpbusd_epi32(
    _mm512_castsi512_si256(sum), _mm512_castsi512_si256(bytes), _mm256_set1_epi32(four)));
}

/// Adds the products of one block of 64 columns; sums go in two chains.
VBMI_INLINE void add_block(
  int wide, const uint8_t *table, const uint32_t *codes, const int8_t *low, const int8_t *high, __m512i *sums) {
  for (size_t c = 0; c < 64; c += 8) {
    for (size_t i = 0; i < 2; i++) {
      const size_t own = c + 4 * i;
      const __m512i bytes = four_columns(wide, table, codes + own);
      sums[i] = dot_products(wide, sums[i], bytes, low + own);
      if (!high) continue;
      const __m512i upper = dot_products(wide, _mm512_setzero_si512(), bytes, high + own);
      sums[i] = _mm512_add_epi32(sums[i], _mm512_slli_epi32(upper, 8));
    }
  }
}

VBMI_INLINE void add_row(
  int wide, const ck_vq_bytes *m, const uint8_t *row, const ck_split_activation *x, __m512i *main, __m512i *rest) {
  code_block codes;
  const uint16_t *large = x->large_blocks, *end = large + x->large;
  for (size_t first = 0; first < m->columns; first += CODE_BLOCK) {
    const size_t padded = unpack_block(ck_avx512_table(), m, row, first, &codes);
    for (size_t c = 0; c < padded; c += 64) {
      const int8_t *low = x->low + first + c, *high = NULL;
      if (large < end && *large == (first + c) / 64) {
        large++;
        high = x->high + first + c;
      }
      if (high) add_block(wide, m->main, codes.main + c, low, high, main);
      else add_block(wide, m->main, codes.main + c, low, NULL, main);
      if (!m->residual) continue;
      if (high) add_block(wide, m->residual, codes.rest + c, low, high, rest);
      else add_block(wide, m->residual, codes.rest + c, low, NULL, rest);
    }
  }
}

VBMI_INLINE void rows_products(
  int wide, const ck_vq_bytes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  // Tables are biased by 128; the bias is taken out by where the sums start. What overflows on the way comes back.
  const uint32_t sum = (uint32_t)x->sum_low + 256 * (uint32_t)x->sum_high;
  const __m512i bias = _mm512_set1_epi32((int32_t)(0 - 128 * sum)), zero = _mm512_setzero_si512();
  const __mmask16 wanted = (__mmask16)((1u << m->vector_length) - 1);
  const __m512 main_scale = _mm512_set1_ps(m->main_scale * x->scale);
  const __m512 rest_scale = _mm512_set1_ps(m->residual_scale * x->scale);
  for (size_t n = first; n < last; n++) {
    __m512i main[2] = {bias, zero}, rest[2] = {bias, zero};
    add_row(wide, m, m->codes + n * m->row_stride, x, main, rest);
    __m512 outputs = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(main[0], main[1])), main_scale);
    if (m->residual) {
      outputs = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(rest[0], rest[1])), rest_scale, outputs);
    }
    float *target = y + (n - first) * m->vector_length;
    _mm512_mask_storeu_ps(target, wanted, _mm512_add_ps(_mm512_maskz_loadu_ps(wanted, target), outputs));
  }
}

VBMI void ck_vbmi_vq_bytes(
  const ck_vq_bytes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  // No real activation is that wide.
  if (!x->is_narrow) {
    ck_portable_vq_bytes(m, first, last, x, y);
    return;
  }
  if (m->vector_length > 8) rows_products(1, m, first, last, x, y);
  else rows_products(0, m, first, last, x, y);
  ck_vbmi_add_escapes(&m->escapes, m->vector_length, first, last, x->values, y);
}

#endif
