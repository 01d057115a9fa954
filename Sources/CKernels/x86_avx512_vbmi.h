// What the kernels with byte permutes share: tables of bytes in registers, codes of 64 columns at a time.

#ifndef CKERNELS_X86_AVX512_VBMI_H
#define CKERNELS_X86_AVX512_VBMI_H

#include "tables.h"

#include <immintrin.h>

#define TARGET target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx2,fma,f16c")
#define VBMI __attribute__((TARGET))
#define VBMI_INLINE static inline __attribute__((always_inline, TARGET))

/// Asks for the escapes of rows [first, last), which are needed last, before a product: what lies beyond some is read in order.
VBMI_INLINE void ask_for_escapes(const ck_escapes *escapes, size_t first, size_t last) {
  enum { MOST_AHEAD = 4096 };
  if (!escapes->starts) return;
  const size_t start = escapes->starts[first], bytes = (escapes->starts[last] - start) * sizeof *escapes->list;
  ck_prefetch(escapes->list + start, bytes < MOST_AHEAD ? bytes : MOST_AHEAD);
}

/// The lanes below `n` of sixteen.
VBMI_INLINE __mmask16 lanes_below(size_t n) { return n >= 16 ? 0xFFFF : (__mmask16)((1u << n) - 1); }

/// How many registers a main table takes and how its codes are kept: up to 64 centroids, packed to 6 bits; 128; 256.
typedef enum { PACKED64, BYTES128, BYTES256 } main_kind;

/// How residual codes are kept, and how many registers their table takes: nibbles for up to 16 centroids, else bytes.
typedef enum { NO_RESIDUAL, NIBBLES, REST64, REST128, REST256 } residual_kind;

VBMI_INLINE main_kind main_kind_of(const ck_vq_planes *m) {
  return m->main_count <= 64 ? PACKED64 : m->main_count <= 128 ? BYTES128 : BYTES256;
}

VBMI_INLINE residual_kind residual_kind_of(const ck_vq_planes *m) {
  if (!m->residual) return NO_RESIDUAL;
  if (m->residual_count <= 16) return NIBBLES;
  return m->residual_count <= 64 ? REST64 : m->residual_count <= 128 ? REST128 : REST256;
}

/// `DEFINE(main kind, residual kind)` for all of them.
#define FOR_ALL_KINDS(DEFINE) FOR_RESIDUAL_KINDS(DEFINE, PACKED64) FOR_RESIDUAL_KINDS(DEFINE, BYTES128) FOR_RESIDUAL_KINDS(DEFINE, BYTES256)
#define FOR_RESIDUAL_KINDS(DEFINE, kind) \
  DEFINE(kind, NO_RESIDUAL) DEFINE(kind, NIBBLES) DEFINE(kind, REST64) DEFINE(kind, REST128) DEFINE(kind, REST256)

/// The functions `look_up_KIND_RESIDUAL` in the order of the kinds.
#define LOOK_UPS_BY_KIND {LOOK_UPS_OF(PACKED64), LOOK_UPS_OF(BYTES128), LOOK_UPS_OF(BYTES256)}
#define LOOK_UPS_OF(kind) \
  {look_up_##kind##_NO_RESIDUAL, look_up_##kind##_NIBBLES, look_up_##kind##_REST64, look_up_##kind##_REST128, look_up_##kind##_REST256}

/// One element of every centroid of a codebook, as bytes.
typedef struct { __m512i part[4]; } byte_table;

VBMI_INLINE byte_table load_table(main_kind kind, const uint8_t *values) {
  byte_table table;
  const int parts = kind == PACKED64 ? 1 : kind == BYTES128 ? 2 : 4;
  for (int i = 0; i < parts; i++) table.part[i] = _mm512_loadu_si512(values + 64 * i);
  return table;
}

/// `values[codes[i]]` for 64 codes; bits of codes beyond those of the table are ignored. `upper` says which are 128 or more.
VBMI_INLINE __m512i look_up(main_kind kind, const byte_table *table, __m512i codes, __mmask64 upper) {
  if (kind == PACKED64) return _mm512_permutexvar_epi8(codes, table->part[0]);
  const __m512i low = _mm512_permutex2var_epi8(table->part[0], codes, table->part[1]);
  if (kind == BYTES128) return low;
  return _mm512_mask_mov_epi8(low, upper, _mm512_permutex2var_epi8(table->part[2], codes, table->part[3]));
}

/// The kind of main table that is looked up like a residual one.
VBMI_INLINE main_kind like_main(residual_kind kind) {
  return kind == REST64 ? PACKED64 : kind == REST128 ? BYTES128 : BYTES256;
}

/// A residual table: of nibbles, its 16 values in every lane of 128 bits.
VBMI_INLINE byte_table load_residual(residual_kind kind, const int8_t *values) {
  if (kind != NIBBLES) return load_table(like_main(kind), (const uint8_t *)values);
  byte_table table;
  table.part[0] = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)values));
  return table;
}

VBMI_INLINE __m512i look_up_residual(
  residual_kind kind, const byte_table *table, __m512i codes, __mmask64 upper) {
  return kind == NIBBLES ? _mm512_shuffle_epi8(table->part[0], codes) : look_up(like_main(kind), table, codes, upper);
}

/// The fourth of four blocks of 6-bit codes, from the upper bits of the others.
VBMI_INLINE __m512i fourth_block(__m512i a, __m512i b, __m512i c) {
  // Bits that come from a neighbouring byte are replaced, or ignored by the look-up.
  const __m512i low = _mm512_srli_epi16(a, 6), middle = _mm512_srli_epi16(b, 4), high = _mm512_srli_epi16(c, 2);
  const __m512i two = _mm512_ternarylogic_epi64(_mm512_set1_epi8(3), low, middle, 0xCA);
  return _mm512_ternarylogic_epi64(_mm512_set1_epi8(15), two, high, 0xCA);
}

/// How many bytes the codes of four blocks take, main codes first.
enum { FOUR_BYTE_BLOCKS = 256, FOUR_PACKED_BLOCKS = 192, FOUR_NIBBLE_BLOCKS = 128 };

VBMI_INLINE size_t main_bytes_of_four(main_kind kind) { return kind == PACKED64 ? FOUR_PACKED_BLOCKS : FOUR_BYTE_BLOCKS; }

VBMI_INLINE size_t rest_bytes_of_four(residual_kind kind) {
  return kind == NO_RESIDUAL ? 0 : kind == NIBBLES ? FOUR_NIBBLE_BLOCKS : FOUR_BYTE_BLOCKS;
}

/// 64 residual codes.
VBMI_INLINE __m512i residual_codes(residual_kind kind, const uint8_t *from) {
  if (kind == NO_RESIDUAL) return _mm512_setzero_si512();
  if (kind != NIBBLES) return _mm512_loadu_si512(from);
  const __m256i pairs = _mm256_loadu_si256((const __m256i *)from);
  return _mm512_and_si512(
    _mm512_inserti64x4(_mm512_castsi256_si512(pairs), _mm256_srli_epi16(pairs, 4), 1), _mm512_set1_epi8(15));
}

/// The codes of four blocks, which start at `from`.
VBMI_INLINE void codes_of_four(
  main_kind kind, residual_kind rest_kind, const uint8_t *from, __m512i *codes, __m512i *rest) {
  for (int i = 0; i < (kind == PACKED64 ? 3 : 4); i++) codes[i] = _mm512_loadu_si512(from + 64 * i);
  if (kind == PACKED64) codes[3] = fourth_block(codes[0], codes[1], codes[2]);
  const uint8_t *rest_from = from + main_bytes_of_four(kind);
  const size_t step = rest_bytes_of_four(rest_kind) / 4;
  for (size_t i = 0; i < 4; i++) rest[i] = residual_codes(rest_kind, rest_from + i * step);
}

/// 64 codes, and which of them are 128 or more where a table needs to know.
typedef struct { __m512i main, rest; __mmask64 main_upper, rest_upper; } block_codes;

VBMI_INLINE block_codes block_of(main_kind kind, residual_kind rest_kind, __m512i codes, __m512i rest) {
  return (block_codes){
    codes, rest, kind == BYTES256 ? _mm512_movepi8_mask(codes) : 0, rest_kind == REST256 ? _mm512_movepi8_mask(rest) : 0};
}

/// The bytes of one element for 64 codes, both stages together.
VBMI_INLINE __m512i element_bytes(
  main_kind kind, residual_kind rest_kind, const byte_table *main, const byte_table *residual, const block_codes *codes) {
  const __m512i bytes = look_up(kind, main, codes->main, codes->main_upper);
  if (rest_kind == NO_RESIDUAL) return bytes;
  return _mm512_add_epi8(bytes, look_up_residual(rest_kind, residual, codes->rest, codes->rest_upper));
}

/// Sums of up to four elements of the eight rows of a band, the elements of a row side by side: of rows 0, 2, 4 and 6, and of the others.
typedef struct { __m512i even, odd; } band_sums;

/// Adds up the two lanes of each row, of the sums of four elements.
VBMI_INLINE band_sums folded(const __m512i *elements) {
  const __m512i even = _mm512_unpacklo_epi32(elements[0], elements[1]), more_even = _mm512_unpacklo_epi32(elements[2], elements[3]);
  const __m512i odd = _mm512_unpackhi_epi32(elements[0], elements[1]), more_odd = _mm512_unpackhi_epi32(elements[2], elements[3]);
  return (band_sums){
    _mm512_add_epi32(_mm512_unpacklo_epi64(even, more_even), _mm512_unpackhi_epi64(even, more_even)),
    _mm512_add_epi32(_mm512_unpacklo_epi64(odd, more_odd), _mm512_unpackhi_epi64(odd, more_odd))};
}

/// Outputs of a band in the order of `band_sums`.
typedef struct { __m512 even, odd; } band_outputs;

VBMI_INLINE band_outputs outputs_of(float unit, band_sums sums) {
  return (band_outputs){
    _mm512_mul_ps(_mm512_cvtepi32_ps(sums.even), _mm512_set1_ps(unit)),
    _mm512_mul_ps(_mm512_cvtepi32_ps(sums.odd), _mm512_set1_ps(unit))};
}

VBMI_INLINE void add_sixteen(float *y, __m512 values) { _mm512_storeu_ps(y, _mm512_add_ps(_mm512_loadu_ps(y), values)); }

VBMI_INLINE void add_some(float *y, size_t count, __m512 values) {
  const __mmask16 wanted = lanes_below(count);
  _mm512_mask_storeu_ps(y, wanted, _mm512_add_ps(_mm512_maskz_loadu_ps(wanted, y), values));
}

/// Adds row `2 * i + second`.
#define ADD_ROW(i, second) \
  if (2 * i + second < rows) { \
    float *target = y + (2 * i + second) * vector_length; \
    const __m128 own = _mm512_extractf32x4_ps(second ? outputs.odd : outputs.even, i); \
    _mm_mask_storeu_ps(target, wanted, _mm_add_ps(_mm_maskz_loadu_ps(wanted, target), own)); \
  }

/// Adds `elements` elements of the first `rows` rows of a band to y[row * vector_length].
VBMI_INLINE void add_band(band_outputs outputs, size_t rows, size_t elements, size_t vector_length, float *y) {
  if (rows == CK_BAND_ROWS && elements == vector_length) {
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    const __m512d even = _mm512_castps_pd(outputs.even), odd = _mm512_castps_pd(outputs.odd);
    const __m512 upper = _mm512_castpd_ps(_mm512_permutex2var_pd(even, first, odd));
    const __m512 lower = _mm512_castpd_ps(_mm512_permutex2var_pd(even, second, odd));
    if (elements == 4) {
      add_sixteen(y, upper);
      add_sixteen(y + 16, lower);
    } else {
      const __mmask16 present = elements == 3 ? 0x7777 : elements == 2 ? 0x3333 : 0x1111;
      add_some(y, 4 * elements, _mm512_maskz_compress_ps(present, upper));
      add_some(y + 4 * elements, 4 * elements, _mm512_maskz_compress_ps(present, lower));
    }
    return;
  }
  const __mmask8 wanted = (__mmask8)((1 << elements) - 1);
  ADD_ROW(0, 0) ADD_ROW(0, 1) ADD_ROW(1, 0) ADD_ROW(1, 1) ADD_ROW(2, 0) ADD_ROW(2, 1) ADD_ROW(3, 0) ADD_ROW(3, 1)
}

/// Adds the first four elements and the other four of the rows of a band of vectors of eight.
VBMI_INLINE void add_band_of_eight(band_outputs first, band_outputs second, float *y) {
  const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), high = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  const __m512d e = _mm512_castps_pd(first.even), f = _mm512_castps_pd(second.even);
  const __m512d o = _mm512_castps_pd(first.odd), p = _mm512_castps_pd(second.odd);
  // Rows 0 and 2, 4 and 6, 1 and 3, 5 and 7.
  const __m512d even = _mm512_permutex2var_pd(e, low, f), more_even = _mm512_permutex2var_pd(e, high, f);
  const __m512d odd = _mm512_permutex2var_pd(o, low, p), more_odd = _mm512_permutex2var_pd(o, high, p);
  add_sixteen(y, _mm512_castpd_ps(_mm512_shuffle_f64x2(even, odd, 0x44)));
  add_sixteen(y + 16, _mm512_castpd_ps(_mm512_shuffle_f64x2(even, odd, 0xEE)));
  add_sixteen(y + 32, _mm512_castpd_ps(_mm512_shuffle_f64x2(more_even, more_odd, 0x44)));
  add_sixteen(y + 48, _mm512_castpd_ps(_mm512_shuffle_f64x2(more_even, more_odd, 0xEE)));
}

/// Eight digits for the eight columns of a block, in every row.
VBMI_INLINE __m512i eight_columns(const int8_t *digits) {
  int64_t eight;
  __builtin_memcpy(&eight, digits, sizeof eight);
  return _mm512_set1_epi64(eight);
}

/// Where sums start: tables are biased by 128, what the fine ones give is divided by that. What overflows on the way comes back.
VBMI_INLINE int32_t bias_of(const ck_split_activation *x, size_t fine_columns) {
  uint32_t sum = 128 * ((uint32_t)x->sum_low + 256 * (uint32_t)x->sum_high);
  if (fine_columns > 0) {
    const __m256i ones = _mm256_set1_epi8(1);
    __m256i low = _mm256_setzero_si256(), high = low;
    size_t next = 0;
    for (size_t c = 0; c < fine_columns; c += 32) {
      low = _mm256_dpbusd_epi32(low, ones, _mm256_loadu_si256((const __m256i *)(x->low + c)));
      while (next < x->large && x->large_blocks[next] < c / 64) next++;
      if (next == x->large || x->large_blocks[next] > c / 64) continue;
      high = _mm256_dpbusd_epi32(high, ones, _mm256_loadu_si256((const __m256i *)(x->high + c)));
    }
    const __m512i both = _mm512_zextsi256_si512(_mm256_add_epi32(low, _mm256_slli_epi32(high, 8)));
    sum += (uint32_t)_mm512_reduce_add_epi32(both);
  }
  return (int32_t)(0 - sum);
}

/// Sums with fine bytes, rounded to whole ones.
VBMI_INLINE __m512i rounded_fine(__m512i sums) {
  return _mm512_srai_epi32(_mm512_add_epi32(sums, _mm512_set1_epi32(64)), 7);
}

/// Looks up `elements` elements from `e` on of blocks [first, last) of a band, both of them multiples of four, biased by 128, in the coarse or
/// the fine tables: a register for each element and block, `OUTPUTS_TOGETHER` of them apart from a block to the next.
typedef void (*look_up_function)(
  const ck_vq_planes *m, int is_fine, const uint8_t *band, size_t e, size_t elements, size_t first, size_t last, uint8_t *values);

/// Elements whose sums are kept together.
enum { OUTPUTS_TOGETHER = 4 };

// Kernels of the other files.
look_up_function ck_vbmi_look_up(const ck_vq_planes *m);
void ck_vbmi_split_activation(const float *x, size_t n, float large_value, ck_split_activation *split);
float ck_vbmi_byte_row(const float *values, size_t blocks, uint8_t *bytes);
void ck_vbmi_gemv_bytes(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, size_t tokens, float *y,
  size_t y_stride);
void ck_vbmi_add_escapes(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const float *x, float *y);
void ck_vbmi_add_escapes_many(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const ck_split_activation *x, size_t x_stride,
  size_t tokens, ck_token_lanes lanes, float *y, size_t y_stride);
void ck_vbmi_token_lanes(const float *x, size_t x_stride, size_t tokens, size_t n, float *lanes);
void ck_vbmi_gather_lanes(
  const float *x, const uint32_t *columns, const float *factors, size_t n, float *y, float *rows, size_t row_stride);
void ck_vbmi_vq_bytes(
  const ck_vq_bytes *m, size_t first, size_t last, const ck_split_activation *x, float *y);
void ck_vbmi_vq_planes_many(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  ck_token_lanes lanes, float *y, size_t y_stride, void *scratch);

#endif
