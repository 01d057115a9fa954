// AVX2: products of activations with small codebooks.

#include "tables.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define PLANES_TARGET __attribute__((target("avx2,fma,f16c")))
#define PLANES_NAME(kernel) ck_avx2_##kernel
#define BYTE_BIAS 0

/// 2 * 128 * 127 fits the 16 bits of a pair, which 2 * 255 * 127 would not: hence magnitudes.
PLANES_TARGET static inline __m256i with_products(__m256i sum, __m256i magnitudes, __m256i digits) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(magnitudes, digits), _mm256_set1_epi16(1)));
}

#include "x86_avx2_alone.h"
#include "x86_avx2_group.h"

#endif
