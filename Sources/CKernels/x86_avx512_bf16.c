// The product of matrices rounded to bfloat16, with the instruction that adds two products to a float32 sum.

#include "tables.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define TARGET target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c")
#define BF16 __attribute__((TARGET))
#define BF16_INLINE static inline __attribute__((always_inline, TARGET))

// A register tile has 12 rows of two vectors; factors of 512 rising k are packed at a time, in pairs of k.
enum { ROWS = 12, COLUMNS = 32, DEPTH = CK_PRODUCT_DEPTH };

/// One operand as rows of factors in k: element (i, k) is base[i * stride + k], or base[k * stride + i] if `across`.
typedef struct {
  const float *base;
  size_t stride;
  int across;
} operand;

BF16_INLINE uint32_t pair(float low, float high) {
  const __m128bh both = _mm_cvtneps_pbh(_mm_set_ps(0, 0, high, low));
  uint32_t bits;
  memcpy(&bits, &both, sizeof bits);
  return bits;
}

/// Rows whose factors lie side by side: panel[q * width + i] is the pair (2 q, 2 q + 1) of row i; missing ones are zero.
BF16_INLINE void pack_along(
  const float *source, size_t stride, size_t rows, size_t depth, size_t width, uint32_t *panel) {
  const size_t pairs = (depth + 1) / 2;
  for (size_t i = 0; i < width; i++) {
    const float *line = source + i * stride;
    size_t q = 0;
    if (i < rows) {
      for (; 2 * q + 16 <= depth; q += 8) {
        const __m256bh eight = _mm512_cvtneps_pbh(_mm512_loadu_ps(line + 2 * q));
        uint32_t bits[8];
        memcpy(bits, &eight, sizeof bits);
        for (size_t e = 0; e < 8; e++) panel[(q + e) * width + i] = bits[e];
      }
      for (; q < pairs; q++) {
        panel[q * width + i] = pair(line[2 * q], 2 * q + 1 < depth ? line[2 * q + 1] : 0);
      }
    }
    for (; q < pairs; q++) panel[q * width + i] = 0;
  }
}

/// The same for rows whose like factors lie side by side.
BF16_INLINE void pack_across(
  const float *source, size_t stride, size_t rows, size_t depth, size_t width, uint32_t *panel) {
  for (size_t k = 0; k < depth; k += 2, panel += width) {
    const float *low = source + k * stride;
    for (size_t i = 0; i < width; i += 16) {
      const __mmask16 room = width - i < 16 ? (__mmask16)((1u << (width - i)) - 1) : 0xFFFF;
      const size_t left = rows > i ? rows - i : 0;
      const __mmask16 lanes = left < 16 ? (__mmask16)((1u << left) - 1) & room : room;
      const __m512 a = _mm512_maskz_loadu_ps(lanes, low + i);
      const __m512 b = k + 1 < depth ? _mm512_maskz_loadu_ps(lanes, low + stride + i) : _mm512_setzero_ps();
      const __m512i even = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(a));
      const __m512i odd = _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(b)), 16);
      _mm512_mask_storeu_epi32(panel + i, room, _mm512_or_si512(even, odd));
    }
  }
}

BF16 static void pack(operand x, size_t rows, size_t k, size_t depth, size_t width, uint32_t *panels) {
  for (size_t i = 0; i < rows; i += width, panels += (depth + 1) / 2 * width) {
    if (x.across) pack_across(x.base + k * x.stride + i, x.stride, rows - i, depth, width, panels);
    else pack_along(x.base + i * x.stride + k, x.stride, rows - i, depth, width, panels);
  }
}

/// c (+)= alpha * the products of two panels, of which `rows` x `columns` results exist.
BF16_INLINE void register_tile(
  const uint32_t *a, const uint32_t *b, size_t pairs, float alpha, float *c, size_t c_stride, size_t rows,
  size_t columns, int adding) {
  __m512 sums[ROWS][2];
#pragma clang loop unroll(full)
  for (int i = 0; i < ROWS; i++) sums[i][0] = sums[i][1] = _mm512_setzero_ps();
  for (size_t q = 0; q < pairs; q++, a += ROWS, b += COLUMNS) {
    const __m512bh left = (__m512bh)_mm512_loadu_si512(b), right = (__m512bh)_mm512_loadu_si512(b + 16);
#pragma clang loop unroll(full)
    for (int i = 0; i < ROWS; i++) {
      const __m512bh factor = (__m512bh)_mm512_set1_epi32((int)a[i]);
      sums[i][0] = _mm512_dpbf16_ps(sums[i][0], factor, left);
      sums[i][1] = _mm512_dpbf16_ps(sums[i][1], factor, right);
    }
  }
  const __mmask16 lanes[2] = {
    columns >= 16 ? 0xFFFF : (__mmask16)((1u << columns) - 1),
    columns >= 32 ? 0xFFFF : columns > 16 ? (__mmask16)((1u << (columns - 16)) - 1) : 0};
  const __m512 factor = _mm512_set1_ps(alpha);
#pragma clang loop unroll(full)
  for (int i = 0; i < ROWS; i++) {
    if ((size_t)i >= rows) break;
    for (int half = 0; half < 2; half++) {
      float *target = c + i * c_stride + 16 * half;
      const __m512 before = adding ? _mm512_maskz_loadu_ps(lanes[half], target) : _mm512_setzero_ps();
      _mm512_mask_storeu_ps(target, lanes[half], _mm512_fmadd_ps(factor, sums[i][half], before));
    }
  }
}

BF16 void ck_avx512_product_bf16(
  const float *a, size_t a_stride, int a_transposed, const float *b, size_t b_stride, int b_transposed, float alpha,
  float *c, size_t c_stride, size_t m, size_t n, size_t k, int adding, void *scratch) {
  const operand left = {a, a_stride, a_transposed}, right = {b, b_stride, !b_transposed};
  uint32_t *const rows = scratch;
  uint32_t *const columns = rows + (m + ROWS - 1) / ROWS * ROWS * (DEPTH / 2);
  for (size_t start = 0; start < k; start += DEPTH) {
    const size_t depth = k - start < DEPTH ? k - start : DEPTH, pairs = (depth + 1) / 2;
    pack(left, m, start, depth, ROWS, rows);
    pack(right, n, start, depth, COLUMNS, columns);
    for (size_t j = 0; j < n; j += COLUMNS) {
      for (size_t i = 0; i < m; i += ROWS) {
        register_tile(
          rows + i * pairs, columns + j * pairs, pairs, alpha, c + i * c_stride + j, c_stride, m - i, n - j,
          adding || start > 0);
      }
    }
  }
}

#endif
