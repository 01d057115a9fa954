// AVX2: activations as integers, and their products with a dense matrix of bytes.

#include "tables.h"

#if defined(__x86_64__)

#include "split_unit.h"
#include "x86_avx2_bytes.h"

#include <math.h>

AVX2_INLINE float lane_maximum(__m256 a) {
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}

AVX2_INLINE float lane_sum(__m256 a) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

AVX2_INLINE int32_t integer_sum(__m256i a) {
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1)));
}

AVX2_INLINE __m256 magnitude(__m256 a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }

/// Eight values from `i` on, 0 for those that are not among the first `n`.
AVX2_INLINE __m256 values_from(const float *x, size_t n, size_t i) {
  if (i + 8 <= n) return _mm256_loadu_ps(x + i);
  float values[8] = {0};
  for (size_t k = i; k < n; k++) values[k - i] = x[k];
  return _mm256_loadu_ps(values);
}

/// 32 integers that fit bytes, in order.
AVX2_INLINE __m256i as_bytes(const __m256i *a) {
  const __m256i pairs = _mm256_packs_epi32(a[0], a[1]), others = _mm256_packs_epi32(a[2], a[3]);
  return _mm256_permutevar8x32_epi32(_mm256_packs_epi16(pairs, others), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/// Sums over the digits of an activation.
typedef struct { __m256i low, high, magnitudes; } digit_sums;

/// The low digits (and the high ones, if wanted) of one block; adds them up.
AVX2_INLINE void split_block(
  const float *x, size_t n, size_t b, __m256 inverse, int is_large, ck_split_activation *split, digit_sums *sums) {
  const __m256i byte = _mm256_set1_epi32(255), half = _mm256_set1_epi32(128);
  for (size_t i = 64 * b; i < 64 * b + 64; i += 32) {
    __m256i low[4], high[4];
    for (size_t k = 0; k < 4; k++) {
      const __m256i value = _mm256_cvtps_epi32(_mm256_mul_ps(values_from(x, n, i + 8 * k), inverse));
      sums->magnitudes = _mm256_add_epi32(sums->magnitudes, _mm256_abs_epi32(value));
      low[k] = value;
      if (is_large) {
        low[k] = _mm256_sub_epi32(_mm256_and_si256(_mm256_add_epi32(value, half), byte), half);
        high[k] = _mm256_srai_epi32(_mm256_sub_epi32(value, low[k]), 8);
        sums->high = _mm256_add_epi32(sums->high, high[k]);
        low[k] = _mm256_max_epi32(low[k], _mm256_set1_epi32(-127));
      }
      sums->low = _mm256_add_epi32(sums->low, low[k]);
    }
    _mm256_storeu_si256((__m256i *)(split->low + i), as_bytes(low));
    if (is_large) _mm256_storeu_si256((__m256i *)(split->high + i), as_bytes(high));
  }
}

AVX2 static float block_peak(const float *x, size_t n, size_t b) {
  __m256 peak = _mm256_setzero_ps();
  for (size_t i = 64 * b; i < 64 * b + 64; i += 8) peak = _mm256_max_ps(peak, magnitude(values_from(x, n, i)));
  return lane_maximum(peak);
}

AVX2 void ck_avx2_split_activation(const float *x, size_t n, float large_value, ck_split_activation *split) {
  __m256 squares = _mm256_setzero_ps(), peaks = squares;
  for (size_t i = 0; i < n; i += 8) {
    const __m256 value = values_from(x, n, i);
    squares = _mm256_fmadd_ps(value, value, squares);
    peaks = _mm256_max_ps(peaks, magnitude(value));
  }
  const float energy = lane_sum(squares), largest = lane_maximum(peaks);
  // Not finite, or huge.
  if (!(energy < INFINITY)) {
    ck_portable_split_activation(x, n, large_value, split);
    return;
  }
  const float limit = begin_split(split, x, n, large_value, energy, largest);
  const __m256 inverse = _mm256_set1_ps(choose_unit(split, name_large_blocks(split, x, n, limit, block_peak), largest));
  digit_sums sums = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
  size_t next = 0;
  for (size_t b = 0; b < split->blocks; b++) {
    const int is_large = next < split->large && split->large_blocks[next] == b;
    if (is_large) {
      next++;
      split_block(x, n, b, inverse, 1, split, &sums);
    } else {
      split_block(x, n, b, inverse, 0, split, &sums);
    }
  }
  split->sum_low = integer_sum(sums.low);
  split->sum_high = integer_sum(sums.high);
  // At most 65536 values of up to 32512.
  split->is_narrow = integer_sum(sums.magnitudes) < CK_NARROW_SUM;
  name_eights(split);
}

AVX2 float ck_avx2_byte_row(const float *values, size_t eights, uint8_t *bytes) {
  __m256 peaks = _mm256_setzero_ps(), bad = peaks;
  for (size_t c = 0; c < 8 * eights; c += 8) {
    const __m256 own = magnitude(_mm256_loadu_ps(values + c));
    bad = _mm256_or_ps(bad, _mm256_cmp_ps(own, _mm256_set1_ps(INFINITY), _CMP_NLT_UQ));
    peaks = _mm256_max_ps(peaks, own);
  }
  if (_mm256_movemask_ps(bad)) return ck_portable_byte_row(values, eights, bytes);
  const float scale = lane_maximum(peaks) / 127;
  const __m256 inverse = _mm256_set1_ps(scale > 1e-37f ? 1 / scale : 0);
  const __m256 top = _mm256_set1_ps(127), bottom = _mm256_set1_ps(-127);
  for (size_t i = 0; i < eights; i += 4) {
    const size_t count = eights - i < 4 ? eights - i : 4;
    __m256i integers[4];
    for (size_t k = 0; k < 4; k++) {
      const __m256 own = k < count ? _mm256_loadu_ps(values + 8 * (i + k)) : _mm256_setzero_ps();
      integers[k] = _mm256_cvtps_epi32(_mm256_max_ps(bottom, _mm256_min_ps(top, _mm256_mul_ps(own, inverse))));
    }
    _Alignas(32) uint64_t own[4];
    _mm256_store_si256((__m256i *)own, _mm256_xor_si256(as_bytes(integers), _mm256_set1_epi8(-128)));
    for (size_t k = 0; k < count; k++) memcpy(bytes + 64 * (i + k), own + k, sizeof *own);
  }
  return scale;
}

/// Columns whose products with both digits add up to what fits 32 bits: 128 * 32512 for each. Sums that are larger on the way come
/// back.
enum { STRIP = 512 };

/// The widest matrix: 16384 columns with the second bytes of a 32nd of them, in whole strips. Wider ones than any model's are left to the portable
/// kernel.
enum { WIDEST = 16384 + 1024 };

/// An activation's digits joined, and their sums times 128 in every strip.
typedef struct {
  _Alignas(32) int16_t digits[WIDEST];
  int32_t biases[WIDEST / STRIP];
} wide_activation;

AVX2_INLINE void widen(const ck_split_activation *x, wide_activation *wide) {
  const uint16_t *large = x->large_blocks, *end = large + x->large;
  __m256i sum = _mm256_setzero_si256();
  for (size_t b = 0; b < x->blocks; b++) {
    const int is_large = large < end && *large == b;
    if (is_large) large++;
    join_digits(x, 64 * b, is_large, wide->digits + 64 * b);
    for (size_t c = 64 * b; c < 64 * b + 64; c += 16) {
      const __m256i digits = _mm256_load_si256((const __m256i *)(wide->digits + c));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(digits, _mm256_set1_epi16(128)));
    }
    if ((b + 1) % (STRIP / 64) != 0 && b + 1 < x->blocks) continue;
    wide->biases[64 * b / STRIP] = integer_sum(sum);
    sum = _mm256_setzero_si256();
  }
}

/// The products of the rows of a band with one activation.
AVX2_INLINE __m256 band_product(const uint8_t *band, size_t columns, const wide_activation *x) {
  __m256 total = _mm256_setzero_ps();
  for (size_t first = 0; first < columns; first += STRIP) {
    const size_t last = columns - first < STRIP ? columns : first + STRIP;
    // Of two rows each, in four lanes.
    __m256i sums[4];
    for (int r = 0; r < 4; r++) sums[r] = _mm256_setzero_si256();
    for (size_t c = first; c < last; c += 8) {
      const __m256i digits = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(x->digits + c)));
      ck_ask_ahead(band + 8 * c, 64);
      for (int r = 0; r < 4; r++) {
        const __m256i bytes = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(band + 8 * c + 16 * r)));
        sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(bytes, digits));
      }
    }
    // Rows 0, 2, 4 and 6, and the others.
    const __m256i pairs = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
    const __m256i rows = _mm256_permutevar8x32_epi32(pairs, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    const __m256i biases = _mm256_set1_epi32(x->biases[first / STRIP]);
    total = _mm256_add_ps(total, _mm256_cvtepi32_ps(_mm256_sub_epi32(rows, biases)));
  }
  return total;
}

AVX2 static void one_token(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, float *y) {
  wide_activation wide;
  widen(x, &wide);
  for (size_t r = first; r < last; r += CK_BAND_ROWS) {
    float values[CK_BAND_ROWS];
    _mm256_storeu_ps(values, band_product(w->bytes + 8 * r * w->eights, 8 * w->eights, &wide));
    for (size_t i = 0; i < CK_BAND_ROWS && r + i < last; i++) y[r - first + i] = x->scale * w->scales[r + i] * values[i];
  }
}

void ck_avx2_gemv_bytes(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, size_t tokens, float *y,
  size_t y_stride) {
  if (64 * x->blocks > WIDEST) {
    ck_portable_gemv_bytes(w, first, last, x, tokens, y, y_stride);
    return;
  }
  for (size_t t = 0; t < tokens; t++) one_token(w, first, last, x + t, y + t * y_stride);
}

#endif
