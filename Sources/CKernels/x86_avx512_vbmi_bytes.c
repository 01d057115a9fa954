// AVX-512 with integer dot products: a dense matrix of bytes times an activation of 16 bits.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx512_vbmi.h"

#include <math.h>

/// Most blocks of a row: 65536 columns.
enum { MOST_BLOCKS = 1024 };

/// How far ahead of the bytes that are read the next ones are asked for.
enum { AHEAD = 8192 };

/// -128 times the sums of the digits of every block: the bytes of the matrix are biased by 128.
typedef struct { int32_t low[MOST_BLOCKS], high[MOST_BLOCKS]; } block_biases;

VBMI_INLINE int32_t digit_sum(const int8_t *digits) {
  const __m512i ones = _mm512_set1_epi8(1);
  return _mm512_reduce_add_epi32(_mm512_dpbusd_epi32(_mm512_setzero_si512(), ones, _mm512_loadu_si512(digits)));
}

VBMI static void fill_biases(const ck_split_activation *x, block_biases *biases) {
  for (size_t b = 0; b < x->blocks; b++) {
    biases->low[b] = -128 * digit_sum(x->low + 64 * b);
    biases->high[b] = 0;
  }
  for (size_t k = 0; k < x->large; k++) {
    biases->high[x->large_blocks[k]] = -128 * digit_sum(x->high + 64 * (size_t)x->large_blocks[k]);
  }
}

/// The product of one block, as integers in lanes.
VBMI_INLINE __m512i block_product(
  const uint8_t *bytes, const ck_split_activation *x, const block_biases *biases, size_t b, int has_high) {
  const __m512i values = _mm512_loadu_si512(bytes);
  const __m512i low = _mm512_dpbusd_epi32(
    _mm512_maskz_loadu_epi32(1, biases->low + b), values, _mm512_loadu_si512(x->low + 64 * b));
  if (!has_high) return low;
  const __m512i high = _mm512_dpbusd_epi32(
    _mm512_maskz_loadu_epi32(1, biases->high + b), values, _mm512_loadu_si512(x->high + 64 * b));
  return _mm512_add_epi32(_mm512_slli_epi32(high, 8), low);
}

/// The float lanes of one row, to be summed.
VBMI_INLINE __m512 row_product(
  const ck_byte_matrix *w, size_t r, const ck_split_activation *x, const block_biases *biases, int all_high) {
  const uint8_t *bytes = w->bytes + 64 * r * w->blocks;
  const uint16_t *scales = w->scales + r * w->blocks;
  __m512 sum = _mm512_setzero_ps();
  size_t next = 0;
  for (size_t start = 0; start < w->blocks; start += 16) {
    const __m512 factors = _mm512_castsi512_ps(_mm512_slli_epi32(
      _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(scales + start))), 16));
    const size_t end = w->blocks - start < 16 ? w->blocks : start + 16;
    for (size_t b = start; b < end; b++) {
      _mm_prefetch((const char *)bytes + 64 * b + AHEAD, _MM_HINT_T0);
      int has_high = 1;
      if (!all_high) {
        has_high = next < x->large && x->large_blocks[next] == b;
        next += (size_t)has_high;
      }
      const __m512i product = block_product(bytes + 64 * b, x, biases, b, has_high);
      const __m512 factor = _mm512_permutexvar_ps(_mm512_set1_epi32((int)(b - start)), factors);
      sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(product), factor, sum);
    }
  }
  return sum;
}

VBMI_INLINE __m128 sum_lanes4(__m512 a, __m512 b, __m512 c, __m512 d) {
  const __m256 ab = _mm256_hadd_ps(
    _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1)),
    _mm256_add_ps(_mm512_castps512_ps256(b), _mm512_extractf32x8_ps(b, 1)));
  const __m256 cd = _mm256_hadd_ps(
    _mm256_add_ps(_mm512_castps512_ps256(c), _mm512_extractf32x8_ps(c, 1)),
    _mm256_add_ps(_mm512_castps512_ps256(d), _mm512_extractf32x8_ps(d, 1)));
  const __m256 pairs = _mm256_hadd_ps(ab, cd);
  return _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1));
}

VBMI_INLINE void rows_products(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, const block_biases *biases,
  int all_high, float *y) {
  for (size_t r = first; r < last; r += 4) {
    const size_t count = last - r < 4 ? last - r : 4;
    __m512 sums[4];
    for (size_t i = 0; i < 4; i++) sums[i] = row_product(w, r + (i < count ? i : 0), x, biases, all_high);
    const __m128 outputs = _mm_mul_ps(sum_lanes4(sums[0], sums[1], sums[2], sums[3]), _mm_set1_ps(x->scale));
    _mm_mask_storeu_ps(y + (r - first), (__mmask8)((1 << count) - 1), outputs);
  }
}

VBMI void ck_vbmi_gemv_bytes(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, float *y) {
  block_biases biases;
  fill_biases(x, &biases);
  if (x->large == x->blocks) rows_products(w, first, last, x, &biases, 1, y);
  else rows_products(w, first, last, x, &biases, 0, y);
}

VBMI void ck_vbmi_byte_row(const float *values, size_t blocks, uint8_t *bytes, uint16_t *scales) {
  for (size_t b = 0; b < blocks; b++) {
    __m512 value[4], peak = _mm512_setzero_ps();
    __mmask16 bad = 0;
    for (int i = 0; i < 4; i++) {
      value[i] = _mm512_loadu_ps(values + 64 * b + 16 * i);
      const __m512 magnitude = _mm512_abs_ps(value[i]);
      bad |= _mm512_cmp_ps_mask(magnitude, _mm512_set1_ps(INFINITY), _CMP_NLT_UQ);
      peak = _mm512_max_ps(peak, magnitude);
    }
    if (bad) {
      ck_portable_byte_row(values + 64 * b, 1, bytes + 64 * b, scales + b);
      continue;
    }
    scales[b] = ck_portable_bf16_bits(_mm512_reduce_max_ps(peak) / 127);
    const float scale = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(scales[b] << 16)));
    const __m512 inverse = _mm512_set1_ps(scale > 1e-37f ? 1 / scale : 0);
    for (int i = 0; i < 4; i++) {
      const __m512 bounded = _mm512_max_ps(
        _mm512_set1_ps(-127), _mm512_min_ps(_mm512_set1_ps(127), _mm512_mul_ps(value[i], inverse)));
      const __m512i integer = _mm512_add_epi32(_mm512_cvtps_epi32(bounded), _mm512_set1_epi32(128));
      _mm_storeu_si128((__m128i *)(bytes + 64 * b + 16 * i), _mm512_cvtepi32_epi8(integer));
    }
  }
}

#endif
