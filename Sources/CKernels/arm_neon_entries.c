// NEON: one activation and codebooks of which a look-up in registers would take too many: entries are read one by one, and multiplied as numbers
// of 16 bits with both digits of the activation at once.

#include "tables.h"

#if defined(__aarch64__)

#include "arm_neon_integers.h"

/// Columns whose digits are joined at a time: a run of fine columns.
enum { STRIP = CK_FINE_RUN };

/// One stage: four or eight bytes with a sign for each centroid, 0 where the vector has no element.
typedef struct { _Alignas(16) uint8_t of[8 * 256]; } stage_table;

typedef struct { stage_table main, rest; } table_pair;

/// Fills a table of `width` (4 or 8) bytes for each centroid from `elements` lines of 256 bytes, in which `flip` is turned.
NEON_INLINE void fill_table(
  int width, const uint8_t *bytes, uint8_t flip, size_t elements, size_t count, stage_table *table) {
  for (size_t k = 0; k < count; k += 16) {
    uint8x16_t lines[PASS];
    for (size_t e = 0; e < (size_t)width; e++) {
      lines[e] = e < elements ? veorq_u8(vld1q_u8(bytes + 256 * e + k), vdupq_n_u8(flip)) : vdupq_n_u8(0);
    }
    uint8_t *target = table->of + (size_t)width * k;
    if (width == 4) {
      const uint8x16x4_t quad = {{lines[0], lines[1], lines[2], lines[3]}};
      vst4q_u8(target, quad);
      continue;
    }
    uint16x8x4_t low, high;
    for (int p = 0; p < 4; p++) {
      low.val[p] = vreinterpretq_u16_u8(vzip1q_u8(lines[2 * p], lines[2 * p + 1]));
      high.val[p] = vreinterpretq_u16_u8(vzip2q_u8(lines[2 * p], lines[2 * p + 1]));
    }
    vst4q_u16((uint16_t *)(void *)target, low);
    vst4q_u16((uint16_t *)(void *)(target + 64), high);
  }
}

NEON_INLINE void fill_pair(
  int width, int has_rest, const ck_vq_planes *m, const uint8_t *main, const int8_t *rest, size_t elements, table_pair *tables) {
  fill_table(width, main, 128, elements, m->main_count, &tables->main);
  if (has_rest) fill_table(width, (const uint8_t *)rest, 0, elements, m->residual_count, &tables->rest);
}

/// The codes of four blocks, a byte each: where they lie if they are bytes there.
typedef struct { const uint8_t *main, *rest; } four_codes;

/// Room for the codes of four blocks.
typedef struct { uint8_t main[256], rest[256]; } unpacked_codes;

NEON_INLINE const uint8_t *codes_at(code_kind kind, const uint8_t *from, uint8_t *room) {
  if (kind == SMALL_CODES) {
    for (size_t q = 0; q < 64; q += 16) {
      uint8x16_t last = vdupq_n_u8(0);
      for (size_t i = 0; i < 3; i++) {
        const uint8x16_t own = vld1q_u8(from + 64 * i + q);
        vst1q_u8(room + 64 * i + q, vandq_u8(own, vdupq_n_u8(63)));
        // Two bits at a time come in above those that are there.
        last = vorrq_u8(last, vshlq_u8(vshrq_n_u8(own, 6), vdupq_n_s8((int8_t)(2 * i))));
      }
      vst1q_u8(room + 192 + q, last);
    }
    return room;
  }
  if (kind == NIBBLE_CODES) {
    for (size_t q = 0; q < 128; q += 16) {
      const uint8x16_t pairs = vld1q_u8(from + q);
      uint8_t *target = room + q / 32 * 64 + q % 32;
      vst1q_u8(target, vandq_u8(pairs, vdupq_n_u8(15)));
      vst1q_u8(target + 32, vshrq_n_u8(pairs, 4));
    }
    return room;
  }
  return from;
}

/// The four bytes of an entry, in lane 0 or 1.
NEON_INLINE uint32x2_t four_bytes(int lane, const uint8_t *table, uint8_t code, uint32x2_t into) {
  const uint32_t *at = (const uint32_t *)(const void *)(table + 4 * (size_t)code);
  return lane ? vld1_lane_u32(at, into, 1) : vld1_lane_u32(at, into, 0);
}

/// Eight bytes of the entries of one stage for column `at`: of one row, or four of it and of the next.
NEON_INLINE uint8x8_t entry_bytes(int width, const uint8_t *table, const uint8_t *codes, size_t at) {
  if (width == 8) return vld1_u8(table + 8 * (size_t)codes[at]);
  const uint32x2_t first = four_bytes(0, table, codes[at], vdup_n_u32(0));
  return vreinterpret_u8_u32(four_bytes(1, table, codes[at + 8], first));
}

/// Numbers of both stages.
NEON_INLINE int16x8_t entry_values(int width, int has_rest, const table_pair *tables, four_codes codes, size_t at) {
  uint8x8_t bytes = entry_bytes(width, tables->main.of, codes.main, at);
  if (has_rest) bytes = vadd_u8(bytes, entry_bytes(width, tables->rest.of, codes.rest, at));
  return vmovl_s8(vreinterpret_s8_u8(bytes));
}

/// Sums of the elements of the rows of a band: two registers for each group of rows whose entries fill one.
typedef struct { int32x4_t of[2 * CK_BAND_ROWS]; } group_sums;

NEON_INLINE int groups_of(int width) { return width == 8 ? CK_BAND_ROWS : CK_BAND_ROWS / 2; }

/// The sums with the products of columns [first_column, end_column) of every block of `fours` fours.
NEON_INLINE group_sums with_products(
  int width, int has_rest, const ck_vq_planes *m, const table_pair *tables, const uint8_t *four, size_t fours, size_t first_column,
  size_t end_column, const int16_t *digits, group_sums sums) {
  const band_layout layout = layout_of(m);
  const code_kind main_kind = main_kind_of(m), rest_kind = rest_kind_of(m);
  unpacked_codes room;
  for (size_t f = 0; f < fours; f++, four += bytes_of_four(&layout)) {
    const four_codes codes = {
      codes_at(main_kind, four, room.main), has_rest ? codes_at(rest_kind, four + layout.main_of_four, room.rest) : NULL};
    for (size_t i = 0; i < 4; i++) {
      for (size_t j = first_column; j < end_column; j++) {
        const int16x4_t digit = vld1_dup_s16(digits + 32 * f + 8 * i + j);
        for (int g = 0; g < groups_of(width); g++) {
          const size_t row = (size_t)(g * CK_BAND_ROWS / groups_of(width));
          const int16x8_t values = entry_values(width, has_rest, tables, codes, 64 * i + 8 * row + j);
          sums.of[2 * g] = vmlal_s16(sums.of[2 * g], vget_low_s16(values), digit);
          sums.of[2 * g + 1] = vmlal_s16(sums.of[2 * g + 1], vget_high_s16(values), digit);
        }
      }
    }
  }
  return sums;
}

NEON_INLINE group_sums no_sums(void) {
  group_sums sums;
  for (int s = 0; s < 2 * CK_BAND_ROWS; s++) sums.of[s] = vdupq_n_s32(0);
  return sums;
}

/// The sums with those of the strip from column `c` on: of its fine columns, rounded, and of all of them.
NEON_INLINE group_sums with_strip(
  int width, int has_rest, const ck_vq_planes *m, const table_pair *coarse, const table_pair *fine, const uint8_t *four, size_t c,
  size_t columns, const int16_t *digits, group_sums sums) {
  const size_t fine_fours = has_rest ? fine_blocks(m, c / 8, columns / 8) / 4 : 0;
  for (size_t half = 0; fine_fours > 0 && half < 2; half++) {
    const group_sums more = with_products(
      width, has_rest, m, fine, four, fine_fours, 4 * half, 4 * half + 4, digits, no_sums());
    for (int s = 0; s < 2 * groups_of(width); s++) sums.of[s] = vaddq_s32(sums.of[s], vrshrq_n_s32(more.of[s], 7));
  }
  return with_products(width, has_rest, m, coarse, four, columns / 32, 0, 8, digits, sums);
}

/// Elements [e, e + elements) of the rows [first, last).
NEON_INLINE void entries_pass(
  int width, int has_rest, const ck_vq_planes *m, size_t first, size_t last, size_t e, size_t elements,
  const ck_split_activation *x, float *y) {
  table_pair coarse, fine;
  fill_pair(width, has_rest, m, m->main + 256 * e, has_rest ? m->residual + 256 * e : NULL, elements, &coarse);
  if (has_rest && m->fine_columns > 0) {
    fill_pair(width, 1, m, m->fine_main + 256 * e, m->fine_residual + 256 * e, elements, &fine);
  }
  const band_layout layout = layout_of(m);
  for (size_t n = first; n < last; n += CK_BAND_ROWS) {
    const uint8_t *band = m->codes + n / CK_BAND_ROWS * m->band_stride;
    group_sums sums = no_sums();
    for (size_t c = 0; c < m->columns; c += STRIP) {
      int16_t digits[STRIP];
      const size_t columns = m->columns - c < STRIP ? m->columns - c : STRIP;
      join_digits(x, c, columns, digits);
      sums = with_strip(width, has_rest, m, &coarse, &fine, band + c / 32 * bytes_of_four(&layout), c, columns, digits, sums);
    }
    band_sums own[PASS];
    for (size_t i = 0; i < CK_BAND_ROWS; i++) {
      int32_t values[8] = {0};
      vst1q_s32(values, sums.of[width == 8 ? 2 * i : i]);
      if (width == 8) vst1q_s32(values + 4, sums.of[2 * i + 1]);
      for (size_t k = 0; k < (size_t)width; k++) own[k].of[i] = values[k];
    }
    const size_t rows = last - n < CK_BAND_ROWS ? last - n : CK_BAND_ROWS;
    ck_neon_add_outputs(m, x, own, rows, elements, y + (n - first) * m->vector_length + e);
  }
}

#define ENTRIES(width, has_rest) \
  static void entries_##width##_##has_rest( \
    const ck_vq_planes *m, size_t first, size_t last, size_t e, size_t elements, const ck_split_activation *x, float *y) { \
    entries_pass(width, has_rest, m, first, last, e, elements, x, y); \
  }
ENTRIES(4, 0)
ENTRIES(4, 1)
ENTRIES(8, 0)
ENTRIES(8, 1)

void ck_neon_planes_entries(const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  for (size_t e = 0; e < m->vector_length; e += PASS) {
    const size_t left = m->vector_length - e, elements = left < PASS ? left : PASS;
    if (elements > 4) (m->residual ? entries_8_1 : entries_8_0)(m, first, last, e, elements, x, y);
    else (m->residual ? entries_4_1 : entries_4_0)(m, first, last, e, elements, x, y);
  }
}

#endif
