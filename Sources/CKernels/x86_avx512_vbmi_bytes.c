// AVX-512 with integer dot products: a dense matrix of bytes times an activation of 16 bits.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx512_vbmi.h"

#include <math.h>

/// Bands and activations of several that share their loads.
enum { BANDS = 2, TOGETHER = 4 };

/// Sums of the products of a band with the low digits and with the high ones, two lanes for each row.
typedef struct { __m512i low, high; } digit_sums;

/// Bytes are biased by 128; the bias is taken out by where the sums start.
VBMI_INLINE digit_sums start(const ck_split_activation *x) {
  return (digit_sums){
    _mm512_maskz_set1_epi32(0x5555, -128 * x->sum_low), _mm512_maskz_set1_epi32(0x5555, -128 * x->sum_high)};
}

/// The sum of the two lanes of each row.
VBMI_INLINE __m256 row_sums(__m512i sums) {
  return _mm256_cvtepi32_ps(_mm512_cvtepi64_epi32(_mm512_add_epi32(sums, _mm512_srli_epi64(sums, 32))));
}

/// Writes the outputs of rows [r, last) of a band.
VBMI_INLINE void write_rows(
  const ck_byte_matrix *w, size_t r, size_t last, const ck_split_activation *x, digit_sums sums, float *y) {
  const __mmask8 wanted = (__mmask8)lanes_below(last - r);
  const __m256 joined = _mm256_fmadd_ps(row_sums(sums.high), _mm256_set1_ps(256), row_sums(sums.low));
  const __m256 scales = _mm256_mul_ps(_mm256_set1_ps(x->scale), _mm256_maskz_loadu_ps(wanted, w->scales + r));
  _mm256_mask_storeu_ps(y, wanted, _mm256_mul_ps(scales, joined));
}

/// Adds the products of eight columns of a band from column `c` on, whose bytes are `from`.
VBMI_INLINE void add_eight(const uint8_t *from, const ck_split_activation *x, size_t c, int is_large, digit_sums *sums) {
  const __m512i values = _mm512_loadu_si512(from);
  ck_ask_ahead(from, 64);
  sums->low = _mm512_dpbusd_epi32(sums->low, values, eight_columns(x->low + c));
  if (is_large) sums->high = _mm512_dpbusd_epi32(sums->high, values, eight_columns(x->high + c));
}

/// Adds those of block `b` to two sets of sums, so that none waits for itself.
VBMI_INLINE void add_block(
  const uint8_t *from, const ck_split_activation *x, size_t b, int is_large, digit_sums *sums) {
#pragma clang loop unroll(full)
  for (size_t i = 0; i < 8; i++) add_eight(from + 64 * i, x, 64 * b + 8 * i, is_large, sums + i % 2);
}

VBMI_INLINE void one_token(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, float *y) {
  const uint8_t *from = w->bytes + 8 * first * w->eights;
  for (size_t r = first; r < last; r += CK_BAND_ROWS) {
    digit_sums sums[2] = {start(x), {_mm512_setzero_si512(), _mm512_setzero_si512()}};
    size_t next = 0;
    for (size_t b = 0; b < w->eights / 8; b++, from += 64 * 8) {
      if (next < x->large && x->large_blocks[next] == b) {
        next++;
        add_block(from, x, b, 1, sums);
      } else {
        add_block(from, x, b, 0, sums);
      }
    }
    for (size_t i = 0; i < w->eights % 8; i++, from += 64) {
      add_eight(from, x, 64 * (w->eights / 8) + 8 * i, next < x->large, sums + i % 2);
    }
    sums[0].low = _mm512_add_epi32(sums[0].low, sums[1].low);
    sums[0].high = _mm512_add_epi32(sums[0].high, sums[1].high);
    write_rows(w, r, last, x, sums[0], y + (r - first));
  }
}

/// `bands` bands from row `r` on times `tokens` activations whose blocks all have high digits; the same operations on each as for one
/// alone. Of the bands that `asked` names by bits, the bytes `ahead` further on are asked for.
VBMI_INLINE void bands_products(
  const ck_byte_matrix *w, size_t r, size_t last, int bands, int tokens, const ck_split_activation *x, unsigned asked,
  size_t ahead, float *y, size_t y_stride) {
  digit_sums sums[TOGETHER][BANDS];
  for (int t = 0; t < tokens; t++) {
    for (int i = 0; i < bands; i++) sums[t][i] = start(x + t);
  }
  const size_t stride = 64 * w->eights;
  const uint8_t *from = w->bytes + 8 * r * w->eights;
  for (size_t c = 0; c < 8 * w->eights; c += 8) {
    __m512i values[BANDS];
    for (int i = 0; i < bands; i++) {
      const uint8_t *own = from + (size_t)i * stride + 8 * c;
      values[i] = _mm512_loadu_si512(own);
      if (asked >> i & 1) _mm_prefetch((const char *)own + ahead, _MM_HINT_T0);
    }
    for (int t = 0; t < tokens; t++) {
      const __m512i low = eight_columns(x[t].low + c), high = eight_columns(x[t].high + c);
      for (int i = 0; i < bands; i++) {
        sums[t][i].low = _mm512_dpbusd_epi32(sums[t][i].low, values[i], low);
        sums[t][i].high = _mm512_dpbusd_epi32(sums[t][i].high, values[i], high);
      }
    }
  }
  for (int t = 0; t < tokens; t++) {
    for (size_t i = 0; i < (size_t)bands; i++) {
      const size_t row = r + i * CK_BAND_ROWS;
      write_rows(w, row, last, x + t, sums[t][i], y + (size_t)t * y_stride + i * CK_BAND_ROWS);
    }
  }
}

/// Rows [first, last) times `tokens` activations. Of `groups` such passes over the rows, number `group` asks for every so manyth band of those
/// that follow: as few at a time as memory can bring meanwhile.
VBMI_INLINE void several_tokens(
  const ck_byte_matrix *w, size_t first, size_t last, int tokens, const ck_split_activation *x, size_t group, size_t groups,
  float *y, size_t y_stride) {
  const size_t ahead = 8 * (last - first) * w->eights;
  size_t next = group;
  for (size_t r = first, band = 0; r < last; r += BANDS * CK_BAND_ROWS, band += BANDS) {
    unsigned asked = 0;
    for (; next < band + BANDS; next += groups) asked |= 1u << (next - band);
    float *target = y + (r - first);
    if (last - r > CK_BAND_ROWS) bands_products(w, r, last, BANDS, tokens, x, asked, ahead, target, y_stride);
    else bands_products(w, r, last, 1, tokens, x, asked, ahead, target, y_stride);
  }
}

/// Rows [first, last), which are in the first-level cache: memory brings as many others while they are multiplied with all activations.
VBMI_INLINE void all_tokens(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, size_t tokens, float *y,
  size_t y_stride) {
  const size_t groups = (tokens + TOGETHER - 1) / TOGETHER;
  size_t group = 0;
  for (size_t t = 0; t < tokens; group++) {
    // So many activations in a row whose blocks all have high digits.
    size_t count = 0;
    while (count < TOGETHER && t + count < tokens && x[t + count].large == x[t + count].blocks) count++;
    if (count == TOGETHER && tokens - t == TOGETHER + 1) count--;
    float *target = y + t * y_stride;
    switch (count) {
      case 4: several_tokens(w, first, last, 4, x + t, group, groups, target, y_stride); break;
      case 3: several_tokens(w, first, last, 3, x + t, group, groups, target, y_stride); break;
      case 2: several_tokens(w, first, last, 2, x + t, group, groups, target, y_stride); break;
      default: one_token(w, first, last, x + t, target);
    }
    t += count > 1 ? count : 1;
  }
}

/// Bytes of rows that all activations are multiplied with while they are in the first-level cache.
enum { CACHED_BYTES = 16384 };

VBMI void ck_vbmi_gemv_bytes(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, size_t tokens, float *y,
  size_t y_stride) {
  if (tokens == 1) {
    one_token(w, first, last, x, y);
    return;
  }
  const size_t least = BANDS * CK_BAND_ROWS, cached = CACHED_BYTES / (8 * w->eights) / least * least;
  const size_t rows = cached < least ? least : cached;
  for (size_t r = first; r < last; r += rows) {
    all_tokens(w, r, last - r < rows ? last : r + rows, x, tokens, y + (r - first), y_stride);
  }
}

/// Values c to c + 15, 0 for those beyond the last eight.
VBMI_INLINE __m512 sixteen_values(const float *values, size_t eights, size_t c) {
  return _mm512_maskz_loadu_ps(lanes_below(8 * eights - c), values + c);
}

VBMI float ck_vbmi_byte_row(const float *values, size_t eights, uint8_t *bytes) {
  __m512 peaks = _mm512_setzero_ps();
  __mmask16 bad = 0;
  for (size_t c = 0; c < 8 * eights; c += 16) {
    const __m512 magnitude = _mm512_abs_ps(sixteen_values(values, eights, c));
    bad |= _mm512_cmp_ps_mask(magnitude, _mm512_set1_ps(INFINITY), _CMP_NLT_UQ);
    peaks = _mm512_max_ps(peaks, magnitude);
  }
  if (bad) return ck_portable_byte_row(values, eights, bytes);
  const float scale = _mm512_reduce_max_ps(peaks) / 127;
  const __m512 inverse = _mm512_set1_ps(scale > 1e-37f ? 1 / scale : 0);
  for (size_t c = 0; c < 8 * eights; c += 16) {
    const __m512 bounded = _mm512_max_ps(
      _mm512_set1_ps(-127), _mm512_min_ps(_mm512_set1_ps(127), _mm512_mul_ps(sixteen_values(values, eights, c), inverse)));
    const __m512i integer = _mm512_add_epi32(_mm512_cvtps_epi32(bounded), _mm512_set1_epi32(128));
    const __m128i own = _mm512_cvtepi32_epi8(integer);
    _mm_storel_epi64((__m128i *)(bytes + 8 * c), own);
    if (c + 8 < 8 * eights) _mm_storel_epi64((__m128i *)(bytes + 8 * c + 64), _mm_unpackhi_epi64(own, own));
  }
  return scale;
}

#endif
