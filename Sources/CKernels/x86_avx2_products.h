// AVX2 and what came after it: products of bytes with digits. The file that includes this says
//   PLANES_TARGET       the instructions its functions may use
//   PLANES_NAME(kernel) what a kernel is called
//   BYTE_BIAS           what is added to bytes of a tile that several activations share: 128 where they may have any size, else 0
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

#endif
