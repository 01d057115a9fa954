// NEON: the products of activations with small codebooks, whose bytes are looked up 16 to 64 entries at a time, and with a dense matrix of bytes.
//
// The file that includes this names its instructions in PLANES_TARGET, says how it multiplies in
//   dot(sum, bytes, digits): the products of 16 bytes with digits, added by fours to the lanes of `sum`
// and names what it makes by PLANES_NAME(kernel).

#include "arm_neon_products.h"
#include "arm_neon_table.h"

#include <math.h>

/// Blocks of eight columns that are gone through at a time, a run of fine columns, and their codes in a band.
enum { CHUNK_BLOCKS = CK_FINE_RUN / 8, CHUNK = 8 * CK_BAND_ROWS * CHUNK_BLOCKS };

/// Activations that share what is looked up.
enum { GROUP = 64 };

/// Codes of one stage, or what they stand for: of each block 64 bytes.
typedef struct { _Alignas(64) uint8_t of[CHUNK]; } chunk_bytes;

/// Quarter `q` of the codes of block `i` of four.
PLANES_INLINE uint8x16_t codes_of_four(code_kind kind, const band_layout *layout, const uint8_t *four, size_t i, size_t q) {
  const uint8_t *own = four + 64 * i + 16 * q, *rest = four + layout->main_of_four + i * layout->rest_of_block;
  switch (kind) {
    case SMALL_CODES:
      if (i < 3) return vandq_u8(vld1q_u8(own), vdupq_n_u8(63));
      const uint8x16_t lowest = vshrq_n_u8(vld1q_u8(four + 16 * q), 6);
      const uint8x16_t lower = vsliq_n_u8(lowest, vshrq_n_u8(vld1q_u8(four + 64 + 16 * q), 6), 2);
      return vsliq_n_u8(lower, vshrq_n_u8(vld1q_u8(four + 128 + 16 * q), 6), 4);
    case NIBBLE_CODES:
      if (q < QUARTERS / 2) return vandq_u8(vld1q_u8(rest + 16 * q), vdupq_n_u8(15));
      return vshrq_n_u8(vld1q_u8(rest + 16 * (q - QUARTERS / 2)), 4);
    case BYTE_CODES: return vld1q_u8(rest + 16 * q);
    default: return vld1q_u8(own);
  }
}

/// The codes of one stage for the blocks [b, b + count) of a band; both are multiples of four.
PLANES_INLINE void read_codes_of(
  code_kind kind, const band_layout *layout, const uint8_t *band, size_t b, size_t count, chunk_bytes *codes) {
  const uint8_t *four = band + b / 4 * bytes_of_four(layout);
  for (uint8_t *target = codes->of, *end = target + 64 * count; target < end; four += bytes_of_four(layout)) {
    for (size_t i = 0; i < 4; i++) {
      for (size_t q = 0; q < QUARTERS; q++, target += 16) vst1q_u8(target, codes_of_four(kind, layout, four, i, q));
    }
  }
}

PLANES_TARGET static void read_codes(
  code_kind kind, const band_layout *layout, const uint8_t *band, size_t b, size_t count, chunk_bytes *codes) {
  switch (kind) {
    case NO_CODES: break;
    case SMALL_CODES: read_codes_of(SMALL_CODES, layout, band, b, count, codes); break;
    case NIBBLE_CODES: read_codes_of(NIBBLE_CODES, layout, band, b, count, codes); break;
    case BYTE_CODES: read_codes_of(BYTE_CODES, layout, band, b, count, codes); break;
    case MAIN_CODES: read_codes_of(MAIN_CODES, layout, band, b, count, codes); break;
  }
}

/// The bytes of one element, 16 entries in each part.
typedef struct { uint8x16_t parts[16]; } byte_table;

/// Parts of a table that `count` centroids need, of which look-ups are made: 1, 4 or 16.
static inline int parts_of(uint32_t count) { return count <= 16 ? 1 : count <= 64 ? 4 : 16; }

/// Bytes with a sign: those of the main stage are turned.
PLANES_INLINE byte_table load_table(int parts, const void *bytes, uint8_t flip) {
  byte_table table;
  for (int p = 0; p < parts; p++) table.parts[p] = veorq_u8(vld1q_u8((const uint8_t *)bytes + 16 * p), vdupq_n_u8(flip));
  return table;
}

PLANES_INLINE uint8x16x4_t four_parts(const byte_table *table, int p) {
  return (uint8x16x4_t){{table->parts[p], table->parts[p + 1], table->parts[p + 2], table->parts[p + 3]}};
}

PLANES_INLINE uint8x16_t looked_up(int parts, const byte_table *table, uint8x16_t codes) {
  if (parts == 1) return vqtbl1q_u8(table->parts[0], codes);
  uint8x16_t values = vqtbl4q_u8(four_parts(table, 0), codes);
  for (int p = 4; p < parts; p += 4) {
    codes = vsubq_u8(codes, vdupq_n_u8(64));
    values = vqtbx4q_u8(values, four_parts(table, p), codes);
  }
  return values;
}

/// Looks up what codes stand for in one stage, added to `values` with `adding`.
PLANES_INLINE void look_up_parts(
  int parts, int adding, const void *bytes, uint8_t flip, const chunk_bytes *codes, size_t count, chunk_bytes *values) {
  const byte_table table = load_table(parts, bytes, flip);
  for (size_t c = 0; c < count; c += 16) {
    const uint8x16_t own = looked_up(parts, &table, vld1q_u8(codes->of + c));
    vst1q_u8(values->of + c, adding ? vaddq_u8(vld1q_u8(values->of + c), own) : own);
  }
}

PLANES_TARGET static void look_up(
  int parts, int adding, const void *bytes, const chunk_bytes *codes, size_t count, chunk_bytes *values) {
  if (adding) {
    if (parts == 1) look_up_parts(1, 1, bytes, 0, codes, count, values);
    else if (parts == 4) look_up_parts(4, 1, bytes, 0, codes, count, values);
    else look_up_parts(16, 1, bytes, 0, codes, count, values);
  } else {
    if (parts == 1) look_up_parts(1, 0, bytes, 128, codes, count, values);
    else if (parts == 4) look_up_parts(4, 0, bytes, 128, codes, count, values);
    else look_up_parts(16, 0, bytes, 128, codes, count, values);
  }
}

// One activation: what is looked up is multiplied at once.

/// The unpacked codes of a chunk of a band, whose first block of eight columns is `first`, and an activation.
typedef struct {
  const chunk_bytes *main, *rest;
  size_t first;
  const ck_split_activation *x;
} code_chunk;

PLANES_INLINE block_values values_of(
  int main_parts, int rest_parts, const byte_table *main, const byte_table *rest, const code_chunk *own, size_t b) {
  block_values values;
  for (size_t q = 0; q < QUARTERS; q++) {
    uint8x16_t bytes = looked_up(main_parts, main, vld1q_u8(own->main->of + 64 * b + 16 * q));
    if (rest_parts > 0) bytes = vaddq_u8(bytes, looked_up(rest_parts, rest, vld1q_u8(own->rest->of + 64 * b + 16 * q)));
    values.of[q] = vreinterpretq_s8_u8(bytes);
  }
  return values;
}

/// The products of one element of the first `blocks` blocks of a chunk; `rest_parts` of 0 means that there is no residual.
PLANES_INLINE lane_sums element_products(
  int main_parts, int rest_parts, const uint8_t *main_bytes, const int8_t *rest_bytes, const code_chunk *own, size_t blocks, large_range large) {
  const byte_table main = load_table(main_parts, main_bytes, 128), rest = rest_parts > 0 ? load_table(rest_parts, rest_bytes, 0) : main;
  const ck_split_activation *x = own->x;
  lane_sums sums = no_lanes(), high = sums;
  for (size_t b = 0; b < blocks; b++) {
    sums = with_block(sums, values_of(main_parts, rest_parts, &main, &rest, own, b), x->low + 8 * (own->first + b));
  }
  for (; large.from < large.end; large.from++) {
    const size_t from = 8 * (size_t)*large.from - own->first;
    for (size_t b = from; b < from + 8 && b < blocks; b++) {
      const int8_t *digits = x->high + 8 * (own->first + b);
      uint64_t eight;
      memcpy(&eight, digits, sizeof eight);
      // Most have none.
      if (eight != 0) high = with_block(high, values_of(main_parts, rest_parts, &main, &rest, own, b), digits);
    }
  }
  return with_high(sums, high);
}

/// Elements [e, e + elements) of a band, of which `rows` rows are wanted.
PLANES_INLINE void band_alone(
  int main_parts, int rest_parts, const ck_vq_planes *m, const uint8_t *band, size_t rows, size_t e, size_t elements, const ck_split_activation *x,
  float *y) {
  const band_layout layout = layout_of(m);
  chunk_bytes main, rest;
  band_sums sums[PASS];
  memset(sums, 0, elements * sizeof *sums);
  const uint16_t *large = x->large_blocks;
  const size_t blocks = m->columns / 8;
  for (size_t b = 0; b < blocks; b += CHUNK_BLOCKS) {
    const size_t count = blocks - b < CHUNK_BLOCKS ? blocks - b : CHUNK_BLOCKS;
    const size_t fine = rest_parts > 0 ? fine_blocks(m, b, count) : 0;
    const large_range all = {large, large_before(x, large, b + count)}, finer = {large, large_before(x, large, b + fine)};
    read_codes_of(SMALL_CODES, &layout, band, b, count, &main);
    if (rest_parts == 1) read_codes_of(NIBBLE_CODES, &layout, band, b, count, &rest);
    if (rest_parts == 4) read_codes_of(BYTE_CODES, &layout, band, b, count, &rest);
    const code_chunk own = {&main, &rest, b, x};
    for (size_t i = 0; i < elements; i++) {
      const size_t at = 256 * (e + i);
      const int8_t *residual = rest_parts > 0 ? m->residual + at : NULL;
      add_rows(element_products(main_parts, rest_parts, m->main + at, residual, &own, count, all), 0, sums + i);
      if (fine == 0) continue;
      add_rows(element_products(main_parts, rest_parts, m->fine_main + at, m->fine_residual + at, &own, fine, finer), 1, sums + i);
    }
    large = all.end;
  }
  ck_neon_add_outputs(m, x, sums, rows, elements, y + e);
}

#define ROWS_ALONE(main_parts, rest_parts) \
  PLANES_TARGET static void rows_alone_##main_parts##_##rest_parts( \
    const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) { \
    for (size_t n = first; n < last; n += CK_BAND_ROWS) { \
      const size_t rows = last - n < CK_BAND_ROWS ? last - n : CK_BAND_ROWS; \
      float *target = y + (n - first) * m->vector_length; \
      for (size_t e = 0; e < m->vector_length; e += PASS) { \
        const size_t left = m->vector_length - e; \
        band_alone( \
          main_parts, rest_parts, m, m->codes + n / CK_BAND_ROWS * m->band_stride, rows, e, left < PASS ? left : PASS, x, \
          target); \
      } \
    } \
  }
#define ROWS_ALONE_OF(main_parts) ROWS_ALONE(main_parts, 0) ROWS_ALONE(main_parts, 1) ROWS_ALONE(main_parts, 4)
ROWS_ALONE_OF(1)
ROWS_ALONE_OF(4)

/// One activation whose sums fit 32 bits, without escapes.
static void planes_alone(const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  const int rest_parts = m->residual ? parts_of(m->residual_count) : 0;
  if (m->main_count > 64 || rest_parts > 4) ck_neon_planes_entries(m, first, last, x, y);
#define ALONE(rest_parts) (m->main_count <= 16 ? rows_alone_1_##rest_parts : rows_alone_4_##rest_parts)(m, first, last, x, y)
  else if (rest_parts == 0) ALONE(0);
  else if (rest_parts == 1) ALONE(1);
  else ALONE(4);
}

void PLANES_NAME(vq_planes)(const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  if (x->is_narrow) planes_alone(m, first, last, x, y);
  else ck_portable_planes_sums(m, first, last, x, y);
  ck_neon_add_escapes(&m->escapes, m->vector_length, first, last, x->values, 1, y);
}

// Several activations: what is looked up for a part of a band serves all of them.

/// Some activations, and their large blocks in a chunk, and in its fine columns.
typedef struct {
  const ck_split_activation *x;
  size_t x_stride, tokens;
  large_range large[GROUP], fine[GROUP];
} token_group;

/// Adds the products of the first `blocks` blocks of a chunk, from block `first` on, to element `i` of each activation's sums.
PLANES_TARGET static void add_products(
  const chunk_bytes *values, size_t first, size_t blocks, const token_group *group, int is_fine, size_t i, band_sums (*sums)[PASS]) {
  for (size_t t = 0; t < group->tokens; t += TOKENS) {
    const size_t count = group->tokens - t < TOKENS ? group->tokens - t : TOKENS;
    const int8_t *low[TOKENS];
    for (size_t k = 0; k < count; k++) low[k] = group->x[(t + k) * group->x_stride].low + 8 * first;
    const token_sums own = products_of(count, values->of, 0, blocks, low);
    for (size_t k = 0; k < count; k++) {
      const large_range large = is_fine ? group->fine[t + k] : group->large[t + k];
      const lane_sums high = high_products(values->of, 0, first, blocks, group->x + (t + k) * group->x_stride, large);
      add_rows(with_high(own.of[k], high), is_fine, sums[t + k] + i);
    }
  }
}

/// Elements [e, e + elements) of a band, of which `rows` rows are wanted.
PLANES_TARGET static void band_of_group(
  const ck_vq_planes *m, const uint8_t *band, size_t rows, size_t e, size_t elements, token_group *group, float *y, size_t y_stride) {
  const band_layout layout = layout_of(m);
  const int main_parts = parts_of(m->main_count), rest_parts = m->residual ? parts_of(m->residual_count) : 0;
  chunk_bytes main, rest, values;
  band_sums sums[GROUP][PASS];
  memset(sums, 0, group->tokens * sizeof *sums);
  for (size_t t = 0; t < group->tokens; t++) group->large[t].end = group->x[t * group->x_stride].large_blocks;
  const size_t blocks = m->columns / 8;
  for (size_t b = 0; b < blocks; b += CHUNK_BLOCKS) {
    const size_t count = blocks - b < CHUNK_BLOCKS ? blocks - b : CHUNK_BLOCKS;
    const size_t fine = rest_parts > 0 ? fine_blocks(m, b, count) : 0;
    for (size_t t = 0; t < group->tokens; t++) {
      const ck_split_activation *x = group->x + t * group->x_stride;
      const uint16_t *from = group->large[t].end;
      group->large[t] = (large_range){from, large_before(x, from, b + count)};
      group->fine[t] = (large_range){from, large_before(x, from, b + fine)};
    }
    read_codes(main_kind_of(m), &layout, band, b, count, &main);
    read_codes(rest_kind_of(m), &layout, band, b, count, &rest);
    for (size_t i = 0; i < elements; i++) {
      const size_t at = 256 * (e + i);
      look_up(main_parts, 0, m->main + at, &main, 64 * count, &values);
      if (rest_parts > 0) look_up(rest_parts, 1, m->residual + at, &rest, 64 * count, &values);
      add_products(&values, b, count, group, 0, i, sums);
      if (fine == 0) continue;
      look_up(main_parts, 0, m->fine_main + at, &main, 64 * fine, &values);
      look_up(rest_parts, 1, m->fine_residual + at, &rest, 64 * fine, &values);
      add_products(&values, b, fine, group, 1, i, sums);
    }
  }
  for (size_t t = 0; t < group->tokens; t++) {
    ck_neon_add_outputs(m, group->x + t * group->x_stride, sums[t], rows, elements, y + t * y_stride + e);
  }
}

static void planes_of_group(
  const ck_vq_planes *m, size_t first, size_t last, token_group *group, float *y, size_t y_stride) {
  for (size_t n = first; n < last; n += CK_BAND_ROWS) {
    const size_t rows = last - n < CK_BAND_ROWS ? last - n : CK_BAND_ROWS;
    for (size_t e = 0; e < m->vector_length; e += PASS) {
      const size_t left = m->vector_length - e;
      band_of_group(
        m, m->codes + n / CK_BAND_ROWS * m->band_stride, rows, e, left < PASS ? left : PASS, group,
        y + (n - first) * m->vector_length, y_stride);
    }
  }
}

void PLANES_NAME(vq_planes_many)(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  ck_token_lanes lanes, float *y, size_t y_stride, void *scratch) {
  (void)scratch;
  for (size_t t = 0; t < tokens;) {
    token_group group = {.x = x + t * x_stride, .x_stride = x_stride};
    while (group.tokens < GROUP && t + group.tokens < tokens && x[(t + group.tokens) * x_stride].is_narrow) group.tokens++;
    float *target = y + t * y_stride;
    if (group.tokens > 1) {
      planes_of_group(m, first, last, &group, target, y_stride);
    } else if (group.tokens == 1) {
      planes_alone(m, first, last, group.x, target);
    } else {
      // No real activation is so wide that its sums need more than 32 bits.
      ck_portable_planes_sums(m, first, last, group.x, target);
      group.tokens = 1;
    }
    t += group.tokens;
  }
  ck_neon_add_escapes_many(m, first, last, x, x_stride, tokens, lanes, y, y_stride);
}

// Dense matrices of bytes.

/// The products of some activations with the rows of a band, up to four activations at a time.
PLANES_TARGET void PLANES_NAME(gemv_bytes)(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, size_t tokens, float *y,
  size_t y_stride) {
  for (size_t r = first; r < last; r += CK_BAND_ROWS) {
    const uint8_t *band = w->bytes + 8 * r * w->eights;
    for (size_t t = 0; t < tokens; t += TOKENS) {
      const size_t count = tokens - t < TOKENS ? tokens - t : TOKENS;
      const int8_t *digits[TOKENS];
      for (size_t k = 0; k < count; k++) digits[k] = x[t + k].low;
      const token_sums own = products_of(count, band, 128, w->eights, digits);
      for (size_t k = 0; k < count; k++) {
        const ck_split_activation *one = x + t + k;
        band_sums low = {{0}}, high = {{0}};
        add_rows(own.of[k], 0, &low);
        add_rows(high_products(band, 128, 0, w->eights, one, (large_range){one->large_blocks, one->large_blocks + one->large}), 0, &high);
        float *target = y + (t + k) * y_stride + r - first;
        for (size_t i = 0; i < CK_BAND_ROWS && r + i < last; i++) {
          target[i] = one->scale * w->scales[r + i] * fmaf((float)high.of[i], 256, (float)low.of[i]);
        }
      }
    }
  }
}
