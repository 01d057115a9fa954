// AMX: the elements of small codebooks, looked up for two bands as tiles of 16 outputs.

#include "tables.h"

#if defined(__x86_64__) && defined(__linux__)

#include "x86_amx.h"

/// As `look_up_tiles_function` says, `elements` elements (1 or 2). Of four blocks, `ahead_bytes` that lie `ahead` bytes further on are asked for in
/// both bands.
AMX_INLINE void look_up_tiles(
  main_kind kind, residual_kind rest_kind, int elements, const uint8_t *main, const int8_t *residual, const uint8_t *const *bands,
  size_t first, size_t last, size_t ahead, size_t ahead_bytes, uint8_t *low, uint8_t *high) {
  const __m512i first_half = _mm512_setr_epi32(0, 8, 16, 24, 2, 10, 18, 26, 4, 12, 20, 28, 6, 14, 22, 30);
  const __m512i other_half = _mm512_add_epi32(first_half, _mm512_set1_epi32(1));
  byte_table tables[2], rest_tables[2];
  for (int i = 0; i < elements; i++) {
    tables[i] = rest_tables[i] = load_table(kind, main + 256 * i);
    if (rest_kind != NO_RESIDUAL) rest_tables[i] = load_residual(rest_kind, residual + 256 * i);
  }
  const size_t step = main_bytes_of_four(kind) + rest_bytes_of_four(rest_kind);
  const uint8_t *from = bands[0] + first / 4 * step, *other = bands[1] + first / 4 * step;
  for (size_t b = first; b < last; b += 4, from += step, other += step) {
    __m512i codes[4], rest_codes[4], other_codes[4], other_rest[4];
    codes_of_four(kind, rest_kind, from, codes, rest_codes);
    codes_of_four(kind, rest_kind, other, other_codes, other_rest);
    for (size_t i = 0; i < ahead_bytes; i += 64) {
      _mm_prefetch((const char *)from + ahead + i, _MM_HINT_T0);
      _mm_prefetch((const char *)other + ahead + i, _MM_HINT_T0);
    }
    for (int k = 0; k < 4; k++, low += 128, high += 128) {
      for (int half = 0; half < 2; half++) {
        const __m512i order = half ? other_half : first_half;
        const block_codes own = block_of(
          kind, rest_kind, _mm512_permutex2var_epi32(codes[k], order, other_codes[k]),
          rest_kind == NO_RESIDUAL ? rest_codes[k] : _mm512_permutex2var_epi32(rest_codes[k], order, other_rest[k]));
        uint8_t *target = half ? high : low;
        for (int i = 0; i < elements; i++) {
          _mm512_store_si512(
            target + (size_t)i * RUN_BYTES, element_bytes(kind, rest_kind, &tables[i], &rest_tables[i], &own));
        }
      }
    }
  }
}

#define LOOK_UP(kind, rest_kind) \
  AMX static void look_up_##kind##_##rest_kind( \
    const ck_vq_planes *m, int is_fine, const uint8_t *const *bands, size_t e, int both, size_t first, size_t last, uint8_t *low, \
    uint8_t *high) { \
    const uint8_t *main = (is_fine ? m->fine_main : m->main) + 256 * e; \
    const int8_t *residual = is_fine ? m->fine_residual : m->residual; \
    if (rest_kind != NO_RESIDUAL) residual += 256 * e; \
    /* Each pass asks for its part of the codes of the next two bands. */ \
    const size_t passes = (m->vector_length + 1) / 2, lines = (main_bytes_of_four(kind) + rest_bytes_of_four(rest_kind)) / 64; \
    const size_t from = e / 2 * lines / passes, end = (e / 2 + 1) * lines / passes; \
    const size_t ahead = 2 * m->band_stride + 64 * from, ahead_bytes = is_fine ? 0 : 64 * (end - from); \
    if (both) look_up_tiles(kind, rest_kind, 2, main, residual, bands, first, last, ahead, ahead_bytes, low, high); \
    else look_up_tiles(kind, rest_kind, 1, main, residual, bands, first, last, ahead, ahead_bytes, low, high); \
  }
FOR_ALL_KINDS(LOOK_UP)

AMX look_up_tiles_function ck_amx_look_up(const ck_vq_planes *m) {
  static const look_up_tiles_function functions[3][5] = LOOK_UPS_BY_KIND;
  return functions[main_kind_of(m)][residual_kind_of(m)];
}

#endif
