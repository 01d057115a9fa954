// AVX2 and what came after it: products of bytes with digits. The file that includes this says
//   PLANES_TARGET       the instructions its functions may use
//   PLANES_NAME(kernel) what a kernel is called
//   BYTE_BIAS           what is added to bytes before they are multiplied: 128 where products take bytes of any size, else 0
// and has defined `with_products(sum, magnitudes, digits)`: the sum with the products of 32 bytes without a sign and digits, added up by fours.

#ifndef CKERNELS_X86_AVX2_PRODUCTS_H
#define CKERNELS_X86_AVX2_PRODUCTS_H

#include "x86_avx2_bytes.h"

#include <string.h>

#define PLANES_INLINE static inline __attribute__((always_inline)) PLANES_TARGET

/// Eight digits for the eight columns of a block, in every row.
PLANES_INLINE __m256i eight_columns(const int8_t *digits) {
  int64_t eight;
  memcpy(&eight, digits, sizeof eight);
  return _mm256_set1_epi64x(eight);
}

/// 32 bytes of a tile, as they are multiplied: with `BYTE_BIAS`, or as they are and without their signs.
typedef struct { __m256i bytes, magnitudes; } tile_bytes;

PLANES_INLINE tile_bytes bytes_of_tile(const int8_t *from) {
  const __m256i bytes = load_values(from);
  if (BYTE_BIAS) return (tile_bytes){bytes, _mm256_xor_si256(bytes, _mm256_set1_epi8(-128))};
  return (tile_bytes){bytes, _mm256_abs_epi8(bytes)};
}

PLANES_INLINE __m256i with_tile_products(__m256i sum, tile_bytes values, __m256i digits) {
  return with_products(sum, values.magnitudes, BYTE_BIAS ? digits : _mm256_sign_epi8(digits, values.bytes));
}

/// Large blocks of an activation among some columns.
typedef struct { const uint16_t *from, *end; } large_range;

/// What `BYTE_BIAS` adds to every row's two sums in `blocks` blocks from block `first` on, with high digits in some of them.
PLANES_INLINE __m256i bias_of(const ck_split_activation *x, size_t first, size_t blocks, large_range large) {
  __m256i low = _mm256_setzero_si256(), high = low;
  if (!BYTE_BIAS) return low;
  const __m256i bias = _mm256_set1_epi8((char)BYTE_BIAS);
  for (size_t b = 0; b < blocks; b++) low = with_products(low, bias, eight_columns(x->low + 8 * (first + b)));
  for (; large.from < large.end; large.from++) {
    const size_t from = 8 * (size_t)*large.from;
    for (size_t b = from; b < from + 8 && b < first + blocks; b++) high = with_products(high, bias, eight_columns(x->high + 8 * b));
  }
  return _mm256_add_epi32(low, _mm256_slli_epi32(high, 8));
}

/// What it adds to a row of all columns. Sums that are larger on the way come back.
PLANES_INLINE __m256i whole_bias(const ck_split_activation *x) {
  return _mm256_set1_epi32((int)(BYTE_BIAS * ((uint32_t)x->sum_low + 256 * (uint32_t)x->sum_high)));
}

#endif
