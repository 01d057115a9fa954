// AVX-512 with byte permutes: the elements of small codebooks, looked up for the blocks of a band.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx512_vbmi.h"

/// Bytes from one block's element to that of the next block.
enum { STEP = 64 * OUTPUTS_TOGETHER };

VBMI_INLINE size_t bytes_of_four(main_kind kind, residual_kind rest_kind) {
  return main_bytes_of_four(kind) + rest_bytes_of_four(rest_kind);
}

/// The bytes of `elements` elements (1 or 2), of both stages together: two share the codes they read. For four blocks, `ahead_bytes` that
/// lie `ahead` bytes further on are asked for.
VBMI_INLINE void look_up_elements(
  main_kind kind, residual_kind rest_kind, int elements, const uint8_t *main, const int8_t *residual, const uint8_t *band,
  size_t first, size_t last, size_t ahead, size_t ahead_bytes, uint8_t *values) {
  byte_table tables[2], rest_tables[2];
  for (int i = 0; i < elements; i++) {
    tables[i] = rest_tables[i] = load_table(kind, main + 256 * i);
    if (rest_kind != NO_RESIDUAL) rest_tables[i] = load_residual(rest_kind, residual + 256 * i);
  }
  const uint8_t *from = band + first / 4 * bytes_of_four(kind, rest_kind);
  for (size_t b = first; b < last; b += 4, from += bytes_of_four(kind, rest_kind)) {
    __m512i codes[4], rest_codes[4];
    codes_of_four(kind, rest_kind, from, codes, rest_codes);
    for (size_t i = 0; i < ahead_bytes; i += 64) _mm_prefetch((const char *)from + ahead + i, _MM_HINT_T0);
    for (int k = 0; k < 4; k++, values += STEP) {
      const block_codes own = block_of(kind, rest_kind, codes[k], rest_codes[k]);
      for (int i = 0; i < elements; i++) {
        _mm512_store_si512(values + 64 * i, element_bytes(kind, rest_kind, &tables[i], &rest_tables[i], &own));
      }
    }
  }
}

#define LOOK_UP(kind, rest_kind) \
  VBMI static void look_up_##kind##_##rest_kind( \
    const ck_vq_planes *m, int is_fine, const uint8_t *band, size_t e, size_t elements, size_t first, size_t last, \
    uint8_t *values) { \
    const uint8_t *main = (is_fine ? m->fine_main : m->main) + 256 * e; \
    const int8_t *residual = is_fine ? m->fine_residual : m->residual; \
    if (rest_kind != NO_RESIDUAL) residual += 256 * e; \
    /* Each pass asks for its part of the codes of the next band. */ \
    const size_t passes = (m->vector_length + 1) / 2, lines = bytes_of_four(kind, rest_kind) / 64; \
    for (size_t i = 0; i < elements; i += 2, main += 512, values += 128) { \
      const size_t from = (e + i) / 2 * lines / passes, end = ((e + i) / 2 + 1) * lines / passes; \
      const size_t ahead = m->band_stride + 64 * from, ahead_bytes = is_fine ? 0 : 64 * (end - from); \
      if (elements - i == 1) look_up_elements(kind, rest_kind, 1, main, residual, band, first, last, ahead, ahead_bytes, values); \
      else look_up_elements(kind, rest_kind, 2, main, residual, band, first, last, ahead, ahead_bytes, values); \
      if (rest_kind != NO_RESIDUAL) residual += 512; \
    } \
  }
FOR_ALL_KINDS(LOOK_UP)

VBMI look_up_function ck_vbmi_look_up(const ck_vq_planes *m) {
  static const look_up_function functions[3][5] = LOOK_UPS_BY_KIND;
  return functions[main_kind_of(m)][residual_kind_of(m)];
}

#endif
