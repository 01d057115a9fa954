// AVX-512 with integer dot products: a dense matrix of bytes times an activation of 16 bits.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx512_vbmi.h"

#include <math.h>

/// Rows whose sums are added up together.
enum { ROWS = 4 };

/// Adds the products of one row with both digits, where `all_high` says that every block has high ones.
VBMI_INLINE void add_row(
  const uint8_t *row, size_t blocks, const ck_split_activation *x, int all_high, __m512i *low, __m512i *high) {
  size_t next = 0;
  for (size_t b = 0; b < blocks; b++) {
    const __m512i values = _mm512_loadu_si512(row + 64 * b);
    _mm_prefetch((const char *)row + 64 * b + AHEAD, _MM_HINT_T0);
    *low = _mm512_dpbusd_epi32(*low, values, _mm512_loadu_si512(x->low + 64 * b));
    if (!all_high) {
      if (next == x->large || x->large_blocks[next] != b) continue;
      next++;
    }
    *high = _mm512_dpbusd_epi32(*high, values, _mm512_loadu_si512(x->high + 64 * b));
  }
}

/// The products of `ROWS` rows.
VBMI_INLINE __m128 rows_product(const uint8_t *const *rows, size_t blocks, const ck_split_activation *x) {
  // Bytes are biased by 128; the bias is taken out by where the sums start.
  __m512i low[ROWS], high[ROWS];
  for (int i = 0; i < ROWS; i++) {
    low[i] = _mm512_maskz_set1_epi32(1, -128 * x->sum_low);
    high[i] = _mm512_maskz_set1_epi32(1, -128 * x->sum_high);
    if (x->large == blocks) add_row(rows[i], blocks, x, 1, low + i, high + i);
    else add_row(rows[i], blocks, x, 0, low + i, high + i);
  }
  return _mm_fmadd_ps(
    _mm_cvtepi32_ps(lane_sums4(high[0], high[1], high[2], high[3])), _mm_set1_ps(256),
    _mm_cvtepi32_ps(lane_sums4(low[0], low[1], low[2], low[3])));
}

VBMI_INLINE void one_token(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, float *y) {
  for (size_t r = first; r < last; r += ROWS) {
    const size_t count = last - r < ROWS ? last - r : ROWS;
    const __mmask8 wanted = (__mmask8)((1 << count) - 1);
    const uint8_t *rows[ROWS];
    for (size_t i = 0; i < ROWS; i++) rows[i] = w->bytes + 64 * (r + (i < count ? i : 0)) * w->blocks;
    const __m128 scales = _mm_mul_ps(_mm_set1_ps(x->scale), _mm_maskz_loadu_ps(wanted, w->scales + r));
    _mm_mask_storeu_ps(y + (r - first), wanted, _mm_mul_ps(scales, rows_product(rows, w->blocks, x)));
  }
}

/// Rows and activations of several that share their loads.
enum { PAIR = 2, TOGETHER = 3 };

/// Two rows times `tokens` activations whose blocks all have high digits; the same operations on each as for one alone.
/// `is_first` says that nothing has read these rows yet.
VBMI_INLINE void pair_products(
  const ck_byte_matrix *w, size_t r, const uint8_t *const *rows, int tokens, const ck_split_activation *x, __mmask8 wanted,
  int is_first, float *y, size_t y_stride) {
  __m512i low[TOGETHER][PAIR], high[TOGETHER][PAIR];
  for (int t = 0; t < tokens; t++) {
    for (int i = 0; i < PAIR; i++) {
      low[t][i] = _mm512_maskz_set1_epi32(1, -128 * x[t].sum_low);
      high[t][i] = _mm512_maskz_set1_epi32(1, -128 * x[t].sum_high);
    }
  }
  for (size_t c = 0; c < 64 * w->blocks; c += 64) {
    const __m512i first = _mm512_loadu_si512(rows[0] + c), second = _mm512_loadu_si512(rows[1] + c);
    if (is_first) {
      _mm_prefetch((const char *)rows[0] + c + AHEAD, _MM_HINT_T0);
      _mm_prefetch((const char *)rows[1] + c + AHEAD, _MM_HINT_T0);
    }
    for (int t = 0; t < tokens; t++) {
      const __m512i low_digits = _mm512_loadu_si512(x[t].low + c), high_digits = _mm512_loadu_si512(x[t].high + c);
      low[t][0] = _mm512_dpbusd_epi32(low[t][0], first, low_digits);
      low[t][1] = _mm512_dpbusd_epi32(low[t][1], second, low_digits);
      high[t][0] = _mm512_dpbusd_epi32(high[t][0], first, high_digits);
      high[t][1] = _mm512_dpbusd_epi32(high[t][1], second, high_digits);
    }
  }
  const __m128 scales = _mm_maskz_loadu_ps(wanted, w->scales + r);
  for (int t = 0; t < tokens; t++) {
    const __m128 sums = _mm_cvtepi32_ps(lane_sums4(low[t][0], low[t][1], high[t][0], high[t][1]));
    const __m128 joined = _mm_fmadd_ps(_mm_movehl_ps(sums, sums), _mm_set1_ps(256), sums);
    const __m128 outputs = _mm_mul_ps(_mm_mul_ps(_mm_set1_ps(x[t].scale), scales), joined);
    _mm_mask_storeu_ps(y + (size_t)t * y_stride, wanted, outputs);
  }
}

VBMI_INLINE void several_tokens(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, int tokens, int is_first, float *y,
  size_t y_stride) {
  for (size_t r = first; r < last; r += PAIR) {
    const int is_pair = r + 1 < last;
    const uint8_t *row = w->bytes + 64 * r * w->blocks;
    const uint8_t *const rows[PAIR] = {row, is_pair ? row + 64 * w->blocks : row};
    const __mmask8 wanted = is_pair ? 3 : 1;
    float *target = y + (r - first);
    if (tokens == 3) pair_products(w, r, rows, 3, x, wanted, is_first, target, y_stride);
    else pair_products(w, r, rows, 2, x, wanted, is_first, target, y_stride);
  }
}

VBMI_INLINE void all_tokens(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, size_t tokens, float *y,
  size_t y_stride) {
  for (size_t t = 0; t < tokens;) {
    // So many activations in a row whose blocks all have high digits.
    size_t count = 0;
    while (count < TOGETHER && t + count < tokens && x[t + count].large == w->blocks) count++;
    if (count > 1) {
      if (t == 0) several_tokens(w, first, last, x, (int)count, 1, y, y_stride);
      else several_tokens(w, first, last, x + t, (int)count, 0, y + t * y_stride, y_stride);
      t += count;
    } else {
      one_token(w, first, last, x + t, y + t * y_stride);
      t++;
    }
  }
}

/// Bytes of rows that all activations are multiplied with while they are in the first-level cache.
enum { CACHED_BYTES = 16384 };

VBMI void ck_vbmi_gemv_bytes(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, size_t tokens, float *y,
  size_t y_stride) {
  const size_t cached = CACHED_BYTES / (64 * w->blocks) / ROWS * ROWS, rows = cached < ROWS ? ROWS : cached;
  for (size_t r = first; r < last; r += rows) {
    all_tokens(w, r, last - r < rows ? last : r + rows, x, tokens, y + (r - first), y_stride);
  }
}

VBMI float ck_vbmi_byte_row(const float *values, size_t blocks, uint8_t *bytes) {
  __m512 peaks = _mm512_setzero_ps();
  __mmask16 bad = 0;
  for (size_t c = 0; c < 64 * blocks; c += 16) {
    const __m512 magnitude = _mm512_abs_ps(_mm512_loadu_ps(values + c));
    bad |= _mm512_cmp_ps_mask(magnitude, _mm512_set1_ps(INFINITY), _CMP_NLT_UQ);
    peaks = _mm512_max_ps(peaks, magnitude);
  }
  if (bad) return ck_portable_byte_row(values, blocks, bytes);
  const float scale = _mm512_reduce_max_ps(peaks) / 127;
  const __m512 inverse = _mm512_set1_ps(scale > 1e-37f ? 1 / scale : 0);
  for (size_t c = 0; c < 64 * blocks; c += 16) {
    const __m512 bounded = _mm512_max_ps(
      _mm512_set1_ps(-127), _mm512_min_ps(_mm512_set1_ps(127), _mm512_mul_ps(_mm512_loadu_ps(values + c), inverse)));
    const __m512i integer = _mm512_add_epi32(_mm512_cvtps_epi32(bounded), _mm512_set1_epi32(128));
    _mm_storeu_si128((__m128i *)(bytes + c), _mm512_cvtepi32_epi8(integer));
  }
  return scale;
}

#endif
