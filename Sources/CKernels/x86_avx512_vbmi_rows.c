// AVX-512 with byte permutes: the elements of small codebooks, looked up for the blocks of a band.

#include "tables.h"

#if defined(__x86_64__)

#include "x86_avx512_vbmi.h"

/// Bytes from one block's element to that of the next block.
enum { STEP = 64 * OUTPUTS_TOGETHER };

VBMI_INLINE size_t bytes_of_four(main_kind kind, residual_kind rest_kind) {
  return main_bytes_of_four(kind) + rest_bytes_of_four(rest_kind);
}

/// The bytes of one element, of the main stage and of the residual one.
VBMI_INLINE void look_up_element(
  main_kind kind, residual_kind rest_kind, const ck_vq_planes *m, const uint8_t *band, size_t e, size_t first, size_t last,
  uint8_t *main, uint8_t *rest) {
  const byte_table table = load_table(kind, m->main + 256 * e);
  byte_table rest_table = table;
  if (rest_kind != NO_RESIDUAL) rest_table = load_residual(rest_kind, m->residual + 256 * e);
  const uint8_t *from = band + first / 4 * bytes_of_four(kind, rest_kind);
  for (size_t b = first; b < last; b += 4, from += bytes_of_four(kind, rest_kind)) {
    __m512i codes[4], rest_codes[4];
    codes_of_four(kind, rest_kind, from, codes, rest_codes);
    for (int i = 0; i < 4; i++, main += STEP) {
      const __mmask64 upper = kind == BYTES256 ? _mm512_movepi8_mask(codes[i]) : 0;
      _mm512_store_si512(main, look_up(kind, &table, codes[i], upper));
      if (rest_kind == NO_RESIDUAL) continue;
      const __mmask64 rest_upper = rest_kind == REST256 ? _mm512_movepi8_mask(rest_codes[i]) : 0;
      _mm512_store_si512(rest, look_up_residual(rest_kind, &rest_table, rest_codes[i], rest_upper));
      rest += STEP;
    }
  }
}

/// 256 times one element of every centroid, in two bytes.
typedef struct { byte_table main_high, main_low, rest_high, rest_low; } joint_tables;

/// 64 sums of both stages, rounded to bytes and biased by 128.
VBMI_INLINE __m512i joint_bytes(
  main_kind kind, residual_kind rest_kind, const joint_tables *tables, __m512i codes, __m512i rest) {
  const __mmask64 upper = kind == BYTES256 ? _mm512_movepi8_mask(codes) : 0;
  const __mmask64 rest_upper = rest_kind == REST256 ? _mm512_movepi8_mask(rest) : 0;
  const __m512i bias = _mm512_set1_epi8(-128), half = _mm512_set1_epi16(128);
  const __m512i main_high = _mm512_xor_si512(look_up(kind, &tables->main_high, codes, upper), bias);
  const __m512i main_low = look_up(kind, &tables->main_low, codes, upper);
  const __m512i rest_high = _mm512_xor_si512(look_up_residual(rest_kind, &tables->rest_high, rest, rest_upper), bias);
  const __m512i rest_low = look_up_residual(rest_kind, &tables->rest_low, rest, rest_upper);
  const __m512i first = _mm512_adds_epi16(
    _mm512_unpacklo_epi8(main_low, main_high), _mm512_unpacklo_epi8(rest_low, rest_high));
  const __m512i second = _mm512_adds_epi16(
    _mm512_unpackhi_epi8(main_low, main_high), _mm512_unpackhi_epi8(rest_low, rest_high));
  const __m512i packed = _mm512_packs_epi16(
    _mm512_srai_epi16(_mm512_adds_epi16(first, half), 8), _mm512_srai_epi16(_mm512_adds_epi16(second, half), 8));
  return _mm512_xor_si512(packed, bias);
}

/// As `look_up_element`, with both stages in one unit.
VBMI_INLINE void look_up_joint_element(
  main_kind kind, residual_kind rest_kind, const ck_vq_planes *m, const uint8_t *band, size_t e, size_t first, size_t last,
  uint8_t *main) {
  const size_t part = 256 * (size_t)m->vector_length;
  const uint8_t *at = m->joint + 256 * e;
  joint_tables tables;
  tables.main_high = load_table(kind, at);
  tables.main_low = load_table(kind, at + part);
  tables.rest_high = load_residual(rest_kind, at + 2 * part);
  tables.rest_low = load_residual(rest_kind, at + 3 * part);
  const uint8_t *from = band + first / 4 * bytes_of_four(kind, rest_kind);
  for (size_t b = first; b < last; b += 4, from += bytes_of_four(kind, rest_kind)) {
    __m512i codes[4], rest_codes[4];
    codes_of_four(kind, rest_kind, from, codes, rest_codes);
    for (int i = 0; i < 4; i++, main += STEP) {
      _mm512_store_si512(main, joint_bytes(kind, rest_kind, &tables, codes[i], rest_codes[i]));
    }
  }
}

#define LOOK_UP(kind, rest_kind) \
  VBMI static void look_up_##kind##_##rest_kind( \
    const ck_vq_planes *m, const uint8_t *band, size_t e, size_t elements, size_t first, size_t last, int joint, \
    uint8_t *main, uint8_t *rest) { \
    for (size_t i = 0; i < elements; i++) { \
      uint8_t *own = main + 64 * i; \
      if (joint && rest_kind != NO_RESIDUAL) look_up_joint_element(kind, rest_kind, m, band, e + i, first, last, own); \
      else look_up_element(kind, rest_kind, m, band, e + i, first, last, own, rest + 64 * i); \
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
