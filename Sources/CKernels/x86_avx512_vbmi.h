// What the kernels with byte permutes share: tables of bytes in registers, codes of 64 columns at a time.

#ifndef CKERNELS_X86_AVX512_VBMI_H
#define CKERNELS_X86_AVX512_VBMI_H

#include "tables.h"

#include <immintrin.h>

#define TARGET target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx2,fma,f16c")
#define VBMI __attribute__((TARGET))
#define VBMI_INLINE static inline __attribute__((always_inline, TARGET))

/// How far ahead of the codes or bytes that are read the next ones are asked for, in bytes: with less, memory is not kept busy.
enum { AHEAD = 8192 };

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
VBMI_INLINE byte_table load_residual(residual_kind kind, const uint8_t *values) {
  if (kind != NIBBLES) return load_table(like_main(kind), values);
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

/// Where the codes of block `b`, one of those after the last whole four, start in a row.
VBMI_INLINE const uint8_t *single_block(
  main_kind kind, residual_kind rest_kind, const uint8_t *row, size_t b) {
  return row + b / 4 * (main_bytes_of_four(kind) + rest_bytes_of_four(rest_kind))
    + b % 4 * (64 + rest_bytes_of_four(rest_kind) / 4);
}

/// The codes of four blocks from `b` on, or of one where no whole four are left; returns how many.
VBMI_INLINE int next_codes(
  main_kind kind, residual_kind rest_kind, const uint8_t *row, size_t b, size_t blocks, __m512i *codes, __m512i *rest) {
  if (b + 4 <= blocks) {
    codes_of_four(
      kind, rest_kind, row + b / 4 * (main_bytes_of_four(kind) + rest_bytes_of_four(rest_kind)), codes, rest);
    return 4;
  }
  const uint8_t *from = single_block(kind, rest_kind, row, b);
  *codes = _mm512_loadu_si512(from);
  *rest = residual_codes(rest_kind, from + 64);
  return 1;
}

/// The codes of any block.
VBMI_INLINE void codes_of_block(
  main_kind kind, residual_kind rest_kind, const uint8_t *row, size_t b, size_t blocks, __m512i *codes, __m512i *rest) {
  if (b >= blocks / 4 * 4) {
    const uint8_t *from = single_block(kind, rest_kind, row, b);
    *codes = _mm512_loadu_si512(from);
    *rest = residual_codes(rest_kind, from + 64);
    return;
  }
  const uint8_t *four = row + b / 4 * (main_bytes_of_four(kind) + rest_bytes_of_four(rest_kind));
  if (kind == PACKED64 && b % 4 == 3) {
    *codes = fourth_block(_mm512_loadu_si512(four), _mm512_loadu_si512(four + 64), _mm512_loadu_si512(four + 128));
  } else {
    *codes = _mm512_loadu_si512(four + b % 4 * 64);
  }
  *rest = residual_codes(rest_kind, four + main_bytes_of_four(kind) + b % 4 * (rest_bytes_of_four(rest_kind) / 4));
}

VBMI_INLINE __m256i half_sum(__m512i a) {
  return _mm256_add_epi32(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));
}

/// The sums of the lanes of four vectors.
VBMI_INLINE __m128i lane_sums4(__m512i a, __m512i b, __m512i c, __m512i d) {
  const __m256i pairs = _mm256_hadd_epi32(
    _mm256_hadd_epi32(half_sum(a), half_sum(b)), _mm256_hadd_epi32(half_sum(c), half_sum(d)));
  return _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
}

/// Four outputs: what was there, and the sums of both stages in their scales.
VBMI_INLINE __m128 plane_outputs(
  const ck_vq_planes *m, const ck_split_activation *x, __m128i main, __m128i rest, __m128 before) {
  __m128 sum = _mm_mul_ps(_mm_cvtepi32_ps(main), _mm_set1_ps(m->main_scale * x->scale));
  if (m->residual) sum = _mm_fmadd_ps(_mm_cvtepi32_ps(rest), _mm_set1_ps(m->residual_scale * x->scale), sum);
  return _mm_add_ps(before, sum);
}

/// Blocks [first, last) of a row; `first` is a multiple of four, and so is `last` where it is not the row's end.
typedef struct { size_t first, last; } block_range;

/// Element `e` of every code of a row in `range`, from a multiple of 64 bytes on: of the main stage and of the residual one, if there
/// is one, or, with `joint`, of both in one unit.
typedef void (*look_up_function)(
  const ck_vq_planes *m, const uint8_t *row, size_t e, block_range range, int joint, uint8_t *main, uint8_t *rest);

// Kernels of the other files.
look_up_function ck_vbmi_look_up(const ck_vq_planes *m);
void ck_vbmi_vq_planes_tiles(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  int joint, float *y, size_t y_stride, void *scratch);
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
  ck_token_lanes lanes, int joint, float *y, size_t y_stride, void *scratch);

#endif
