// AMX: the product of matrices rounded to bfloat16.
//
// A tile of the left factor has 16 rows of 32 factors; one of the right factor 16 rows of pairs of them, a pair for each of 16 columns. So both are packed
// as squares of 16 x 16 pairs, of which one is the transpose of the other. Blocks of 32 x 32 results take four tiles.

#include "tables.h"

#if defined(__x86_64__) && defined(__linux__)

#include "x86_amx.h"

#define BF16_TARGET \
  target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx512bf16,avx2,fma,f16c,amx-tile,amx-int8,amx-bf16")
#define BF16 __attribute__((BF16_TARGET))
#define BF16_INLINE static inline __attribute__((always_inline, BF16_TARGET))
#define AVX512_INLINE BF16_INLINE
#include "x86_avx512_transpose.h"

enum {
  /// Rows or columns of a square, and pairs of factors of each.
  SQUARE = 16,
  /// Factors of a square, and squares of the factors that are packed at a time.
  SQUARE_DEPTH = 32,
  MOST_SQUARES = CK_PRODUCT_DEPTH / SQUARE_DEPTH,
};
_Static_assert(CK_PRODUCT_DEPTH % SQUARE_DEPTH == 0, "packed factors are whole squares");

/// One operand as rows of factors in k: element (i, k) is base[i * stride + k], or base[k * stride + i] if `across`.
typedef struct {
  const float *base;
  size_t stride;
  int across;
} operand;

/// Writes a square of up to 16 rows and 32 factors of each: rows of pairs, or their transpose. What does not exist is zero.
BF16_INLINE void pack_square(operand x, size_t rows, size_t depth, int is_transpose, uint8_t *square) {
  __m512 pairs[SQUARE];
  for (size_t i = 0; i < SQUARE; i++) pairs[i] = _mm512_setzero_ps();
  if (x.across) {
    // Row q has pair q of 16 rows.
    const __mmask16 lanes = lanes_below(rows);
    for (size_t q = 0; 2 * q < depth && q < SQUARE; q++) {
      const float *low = x.base + 2 * q * x.stride;
      const __m512 even = _mm512_maskz_loadu_ps(lanes, low);
      const __m512 odd = 2 * q + 1 < depth ? _mm512_maskz_loadu_ps(lanes, low + x.stride) : _mm512_setzero_ps();
      const __m512i first = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(even));
      const __m512i second = _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(odd)), 16);
      pairs[q] = _mm512_castsi512_ps(_mm512_or_si512(first, second));
    }
  } else {
    const __mmask16 low = lanes_below(depth), high = lanes_below(depth > 16 ? depth - 16 : 0);
    for (size_t i = 0; i < rows && i < SQUARE; i++) {
      const float *line = x.base + i * x.stride;
      const __m512 first = _mm512_maskz_loadu_ps(low, line), second = _mm512_maskz_loadu_ps(high, line + 16);
      pairs[i] = _mm512_castsi512_ps((__m512i)_mm512_cvtne2ps_pbh(second, first));
    }
  }
  if (x.across != is_transpose) transpose16(pairs);
  for (size_t i = 0; i < SQUARE; i++) _mm512_store_ps((float *)(square + 64 * i), pairs[i]);
}

/// Packs factors [k, k + depth) of all rows: squares of the same rows lie one after the other.
BF16 static void pack(operand x, size_t rows, size_t k, size_t depth, int is_transpose, uint8_t *squares) {
  for (size_t i = 0; i < rows; i += SQUARE) {
    for (size_t l = 0; l < depth; l += SQUARE_DEPTH, squares += TILE_BYTES) {
      const operand own = {
        x.base + (x.across ? (k + l) * x.stride + i : i * x.stride + k + l), x.stride, x.across};
      pack_square(own, rows - i, depth - l, is_transpose, squares);
    }
  }
}

/// The products of `count` squares of one or two left operands with one or two right ones, `stride` bytes apart, in the tiles of sums.
BF16_INLINE void multiply_squares(
  int two_rows, int two_columns, const uint8_t *left, const uint8_t *right, size_t count, size_t stride) {
  clear_sums();
  for (size_t s = 0; s < count; s++, left += TILE_BYTES, right += TILE_BYTES) {
    _tile_loadd(DIGITS_0, left, 64);
    _tile_loadd(WEIGHTS_0, right, 64);
    _tile_dpbf16ps(SUMS_00, DIGITS_0, WEIGHTS_0);
    if (two_rows) {
      _tile_loadd(DIGITS_1, left + stride, 64);
      _tile_dpbf16ps(SUMS_10, DIGITS_1, WEIGHTS_0);
    }
    if (!two_columns) continue;
    _tile_loadd(WEIGHTS_1, right + stride, 64);
    _tile_dpbf16ps(SUMS_01, DIGITS_0, WEIGHTS_1);
    if (two_rows) _tile_dpbf16ps(SUMS_11, DIGITS_1, WEIGHTS_1);
  }
}

/// c (+)= alpha * sums, of up to 16 rows and columns.
BF16_INLINE void write_square(
  const float *sums, float alpha, float *c, size_t c_stride, size_t rows, size_t columns, int adding) {
  const __mmask16 lanes = lanes_below(columns);
  const __m512 factor = _mm512_set1_ps(alpha);
  for (size_t i = 0; i < rows && i < SQUARE; i++, c += c_stride) {
    const __m512 before = adding ? _mm512_maskz_loadu_ps(lanes, c) : _mm512_setzero_ps();
    _mm512_mask_storeu_ps(c, lanes, _mm512_fmadd_ps(factor, _mm512_load_ps(sums + 16 * i), before));
  }
}

BF16 void ck_amx_product_bf16(
  const float *a, size_t a_stride, int a_transposed, const float *b, size_t b_stride, int b_transposed, float alpha,
  float *c, size_t c_stride, size_t m, size_t n, size_t k, int adding, void *scratch) {
  const operand left = {a, a_stride, a_transposed != 0}, right = {b, b_stride, !b_transposed};
  uint8_t *const rows = (uint8_t *)(((uintptr_t)scratch + 63) / 64 * 64);
  uint8_t *const columns = rows + (m + SQUARE - 1) / SQUARE * MOST_SQUARES * TILE_BYTES;
  _Alignas(64) float sums[4][SQUARE * SQUARE];
  shape_tiles(TILE_ROWS, TILE_ROWS);
  for (size_t start = 0; start < k; start += CK_PRODUCT_DEPTH) {
    const size_t depth = k - start < CK_PRODUCT_DEPTH ? k - start : CK_PRODUCT_DEPTH;
    const size_t squares = (depth + SQUARE_DEPTH - 1) / SQUARE_DEPTH, stride = squares * TILE_BYTES;
    const int adds = adding || start > 0;
    pack(left, m, start, depth, 0, rows);
    pack(right, n, start, depth, 1, columns);
    for (size_t j = 0; j < n; j += 2 * SQUARE) {
      for (size_t i = 0; i < m; i += 2 * SQUARE) {
        const int two_rows = m - i > SQUARE, two_columns = n - j > SQUARE;
        const uint8_t *own = rows + i / SQUARE * stride, *other = columns + j / SQUARE * stride;
        if (two_rows && two_columns) multiply_squares(1, 1, own, other, squares, stride);
        else if (two_rows) multiply_squares(1, 0, own, other, squares, stride);
        else if (two_columns) multiply_squares(0, 1, own, other, squares, stride);
        else multiply_squares(0, 0, own, other, squares, stride);
        _tile_stored(SUMS_00, sums[0], 64);
        if (two_columns) _tile_stored(SUMS_01, sums[1], 64);
        if (two_rows) _tile_stored(SUMS_10, sums[2], 64);
        if (two_rows && two_columns) _tile_stored(SUMS_11, sums[3], 64);
        for (size_t part = 0; part < 4; part++) {
          const size_t row = i + part / 2 * SQUARE, column = j + part % 2 * SQUARE;
          if (row >= m || column >= n) continue;
          write_square(sums[part], alpha, c + row * c_stride + column, c_stride, m - row, n - column, adds);
        }
      }
    }
  }
  _tile_release();
}

#endif
