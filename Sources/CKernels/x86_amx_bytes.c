// AMX: a dense matrix of bytes times several activations of 16 bits.

#include "tables.h"

#if defined(__x86_64__) && defined(__linux__)

#include "x86_amx.h"

enum {
  /// Tiles of weights that are put in order before they are multiplied.
  RUN = 8,
  PAIR_TOKENS = 2 * TILE_ROWS,
  /// With fewer activations, registers of one activation each are as fast.
  LEAST_TOKENS = 3,
};

/// Sums of the products with low and with high digits, of the first group and then of the second, or of the odd tiles of a single one.
typedef struct { _Alignas(64) int32_t of[4][TILE_ROWS * 16]; } digit_sums;

/// Eights [first, first + count) of columns of two bands as tiles of four columns of 16 rows; what follows is asked for if wanted.
AMX_INLINE void order_tiles(const uint8_t *const *bands, size_t first, size_t count, int asks, uint8_t *tiles) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
  for (size_t i = 0; i < count; i++, tiles += 128) {
    const uint8_t *from = bands[0] + 64 * (first + i), *other = bands[1] + 64 * (first + i);
    const __m512i own = _mm512_loadu_si512(from), next = _mm512_loadu_si512(other);
    if (asks) {
      ck_ask_ahead(from, 64);
      ck_ask_ahead(other, 64);
    }
    _mm512_store_si512(tiles, _mm512_permutex2var_epi32(own, even, next));
    _mm512_store_si512(tiles + 64, _mm512_permutex2var_epi32(own, odd, next));
  }
}

/// Multiplies a tile of weights with both digits of one group.
#define ADD_DIGITS(sums_low, sums_high, low_digits, high_digits) \
  _tile_loadd(DIGITS_0, low_digits, groups->stride); \
  _tile_loadd(DIGITS_1, high_digits, groups->stride); \
  _tile_dpbsud(sums_low, DIGITS_0, WEIGHTS_0); \
  _tile_dpbsud(sums_high, DIGITS_1, WEIGHTS_0);

/// Adds the products of two bands' tiles [first, first + count) with both digits.
AMX_INLINE void add_run(
  const token_groups *groups, const ck_split_activation *x, const uint8_t *tiles, size_t first, size_t count) {
  const size_t next_group = TILE_ROWS * groups->stride;
  for (size_t k = 0; k < count; k++) {
    const int8_t *low = x->low + (first + k) * TILE_COLUMNS, *high = x->high + (first + k) * TILE_COLUMNS;
    _tile_loadd(WEIGHTS_0, tiles + k * TILE_BYTES, 64);
    if (groups->second > 0) {
      ADD_DIGITS(SUMS_00, SUMS_01, low, high)
      ADD_DIGITS(SUMS_10, SUMS_11, low + next_group, high + next_group)
    } else if (k % 2 == 0) {
      ADD_DIGITS(SUMS_00, SUMS_01, low, high)
    } else {
      ADD_DIGITS(SUMS_10, SUMS_11, low, high)
    }
  }
}

/// Writes 16 outputs, or the first `count` of them, of one activation.
AMX_INLINE void write_outputs(
  const ck_split_activation *x, __m512i low, __m512i high, const float *scales, size_t count, float *y) {
  const __mmask16 wanted = lanes_below(count);
  // Bytes are biased by 128.
  low = _mm512_add_epi32(low, _mm512_set1_epi32(-128 * x->sum_low));
  high = _mm512_add_epi32(high, _mm512_set1_epi32(-128 * x->sum_high));
  const __m512 joined = _mm512_fmadd_ps(_mm512_cvtepi32_ps(high), _mm512_set1_ps(256), _mm512_cvtepi32_ps(low));
  const __m512 units = _mm512_mul_ps(_mm512_set1_ps(x->scale), _mm512_maskz_loadu_ps(wanted, scales));
  _mm512_mask_storeu_ps(y, wanted, _mm512_mul_ps(units, joined));
}

/// Rows [r, r + 16), or up to `last`, times up to 32 activations.
AMX_INLINE void rows_products(
  const ck_byte_matrix *w, size_t r, size_t last, const token_groups *groups, const ck_split_activation *x, int asks, float *y,
  size_t y_stride) {
  _Alignas(64) uint8_t tiles[RUN * TILE_BYTES];
  digit_sums sums;
  const uint8_t *band = w->bytes + 8 * r * w->eights;
  const uint8_t *bands[2] = {band, last - r > CK_BAND_ROWS ? band + 64 * w->eights : band};
  clear_sums();
  for (size_t eight = 0; eight < w->eights; eight += 8 * RUN) {
    const size_t count = w->eights - eight < 8 * RUN ? w->eights - eight : 8 * RUN;
    order_tiles(bands, eight, count, asks, tiles);
    // What the last tile lacks meets digits of 0.
    add_run(groups, x, tiles, eight / 8, (count + 7) / 8);
  }
  _tile_stored(SUMS_00, sums.of[0], 64);
  _tile_stored(SUMS_01, sums.of[1], 64);
  _tile_stored(SUMS_10, sums.of[2], 64);
  _tile_stored(SUMS_11, sums.of[3], 64);
  const size_t tokens = groups->first + groups->second, count = last - r;
  for (size_t t = 0; t < tokens; t++, y += y_stride) {
    const size_t place = 16 * (t % TILE_ROWS);
    const int32_t *own = sums.of[t < TILE_ROWS ? 0 : 2] + place;
    __m512i low = _mm512_load_si512(own), high = _mm512_load_si512(own + TILE_ROWS * 16);
    if (groups->second == 0) {
      low = _mm512_add_epi32(low, _mm512_load_si512(sums.of[2] + place));
      high = _mm512_add_epi32(high, _mm512_load_si512(sums.of[3] + place));
    }
    write_outputs(x + t, low, high, w->scales + r, count, y);
  }
}

/// How far apart the digits lie of activations whose blocks all have high digits; 0 where that is not the same for all.
static size_t common_stride(const ck_split_activation *x, size_t tokens) {
  const ptrdiff_t stride = x[1].low - x[0].low;
  for (size_t t = 0; t < tokens; t++) {
    if (x[t].large < x[t].blocks || !lies_at(x + t, x, (ptrdiff_t)t * stride)) return 0;
  }
  return stride > 0 ? (size_t)stride : 0;
}

AMX void ck_amx_gemv_bytes(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, size_t tokens, float *y, size_t y_stride) {
  const size_t stride = tokens < LEAST_TOKENS ? 0 : common_stride(x, tokens);
  if (stride == 0) {
    ck_vbmi_gemv_bytes(w, first, last, x, tokens, y, y_stride);
    return;
  }
  for (size_t t = 0; t < tokens;) {
    // Two whole groups, or one group that may not be whole.
    const size_t left = tokens - t, own = left >= PAIR_TOKENS ? PAIR_TOKENS : left > TILE_ROWS ? TILE_ROWS : left;
    const token_groups groups = groups_of(own, stride);
    // Both digits of a group, and the sums of both, have as many rows.
    shape_tiles(groups.first, groups.first);
    for (size_t r = first; r < last; r += TILE_ROWS) {
      rows_products(w, r, last, &groups, x + t, t == 0, y + t * y_stride + (r - first), y_stride);
    }
    t += own;
  }
  _tile_release();
}

#endif
