// NEON: one activation and packed codes of codebooks of any size, whose centroids are bytes (`ck_vq_bytes`).

#include "tables.h"

#if defined(__aarch64__)

#include "arm_neon_integers.h"
#include "arm_neon_table.h"
#include "code_blocks.h"

/// Sums over even and over odd columns of up to 16 elements.
typedef struct { int32x4_t of[2][4]; } row_sums;

NEON_INLINE row_sums with_block(
  int parts, const uint8_t *table, const uint32_t *codes, const int16_t *digits, row_sums sums) {
  for (size_t c = 0; c < 64; c += 2) {
    for (size_t i = 0; i < 2; i++) {
      const uint8_t *entry = table + 8 * (size_t)parts * codes[c + i];
      const int16x4_t digit = vld1_dup_s16(digits + c + i);
      for (int p = 0; p < parts; p++) {
        const int16x8_t values = vmovl_s8(vreinterpret_s8_u8(veor_u8(vld1_u8(entry + 8 * p), vdup_n_u8(128))));
        sums.of[i][2 * p] = vmlal_s16(sums.of[i][2 * p], vget_low_s16(values), digit);
        sums.of[i][2 * p + 1] = vmlal_s16(sums.of[i][2 * p + 1], vget_high_s16(values), digit);
      }
    }
  }
  return sums;
}

NEON_INLINE row_sums no_row_sums(void) {
  row_sums sums;
  for (int i = 0; i < 4; i++) sums.of[0][i] = sums.of[1][i] = vdupq_n_s32(0);
  return sums;
}

/// Rows of vectors of up to `8 * parts` elements.
NEON_INLINE void bytes_rows(
  int parts, const ck_vq_bytes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  for (size_t n = first; n < last; n++, y += m->vector_length) {
    const uint8_t *row = m->codes + n * m->row_stride;
    row_sums main = no_row_sums(), rest = main;
    for (size_t c = 0; c < m->columns; c += CODE_BLOCK) {
      code_block codes;
      int16_t digits[CODE_BLOCK];
      const size_t padded = unpack_block(ck_neon_table(), m, row, c, &codes);
      join_digits(x, c, padded, digits);
      for (size_t i = 0; i < padded; i += 64) {
        main = with_block(parts, m->main, codes.main + i, digits + i, main);
        if (m->residual) rest = with_block(parts, m->residual, codes.rest + i, digits + i, rest);
      }
    }
    float values[16];
    for (int i = 0; i < 2 * parts; i++) {
      float32x4_t own = vmulq_n_f32(vcvtq_f32_s32(vaddq_s32(main.of[0][i], main.of[1][i])), m->main_scale * x->scale);
      if (m->residual) {
        own = vfmaq_n_f32(own, vcvtq_f32_s32(vaddq_s32(rest.of[0][i], rest.of[1][i])), m->residual_scale * x->scale);
      }
      vst1q_f32(values + 4 * i, own);
    }
    for (size_t e = 0; e < m->vector_length; e++) y[e] += values[e];
  }
}

void ck_neon_vq_bytes(const ck_vq_bytes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  // No real activation is that wide.
  if (!x->is_narrow) {
    ck_portable_vq_bytes(m, first, last, x, y);
    return;
  }
  if (m->vector_length <= 8) bytes_rows(1, m, first, last, x, y);
  else bytes_rows(2, m, first, last, x, y);
  ck_neon_add_escapes(&m->escapes, m->vector_length, first, last, x->values, 1, y);
}

#endif
