// AVX-512 with byte permutes: the elements of small codebooks, looked up for the blocks of a band.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx512_vbmi.h"

/// Bytes from one block's element to that of the next block.
enum { STEP = 64 * OUTPUTS_TOGETHER };

VBMI_INLINE size_t bytes_of_four(main_kind kind, residual_kind rest_kind) {
  return main_bytes_of_four(kind) + rest_bytes_of_four(rest_kind);
}

/// The bytes of one element, of both stages together.
VBMI_INLINE void look_up_element(
  main_kind kind, residual_kind rest_kind, const uint8_t *main, const int8_t *residual, const uint8_t *band, size_t first, size_t last,
  uint8_t *values) {
  const byte_table table = load_table(kind, main);
  byte_table rest_table = table;
  if (rest_kind != NO_RESIDUAL) rest_table = load_residual(rest_kind, residual);
  const uint8_t *from = band + first / 4 * bytes_of_four(kind, rest_kind);
  for (size_t b = first; b < last; b += 4, from += bytes_of_four(kind, rest_kind)) {
    __m512i codes[4], rest_codes[4];
    codes_of_four(kind, rest_kind, from, codes, rest_codes);
    for (int i = 0; i < 4; i++, values += STEP) {
      const block_codes own = block_of(kind, rest_kind, codes[i], rest_codes[i]);
      _mm512_store_si512(values, element_bytes(kind, rest_kind, &table, &rest_table, &own));
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
    for (size_t i = 0; i < elements; i++, main += 256) { \
      look_up_element(kind, rest_kind, main, residual, band, first, last, values + 64 * i); \
      if (rest_kind != NO_RESIDUAL) residual += 256; \
    } \
  }
#define LOOK_UPS(kind) \
  LOOK_UP(kind, NO_RESIDUAL) \
  LOOK_UP(kind, NIBBLES) \
  LOOK_UP(kind, REST64) \
  LOOK_UP(kind, REST128) \
  LOOK_UP(kind, REST256)
LOOK_UPS(PACKED64)
LOOK_UPS(BYTES128)
LOOK_UPS(BYTES256)

VBMI look_up_function ck_vbmi_look_up(const ck_vq_planes *m) {
#define NAMES(kind) \
  {look_up_##kind##_NO_RESIDUAL, look_up_##kind##_NIBBLES, look_up_##kind##_REST64, look_up_##kind##_REST128, \
   look_up_##kind##_REST256}
  static const look_up_function functions[3][5] = {NAMES(PACKED64), NAMES(BYTES128), NAMES(BYTES256)};
  return functions[main_kind_of(m)][residual_kind_of(m)];
}

#endif
