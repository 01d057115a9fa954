// AVX-512 with byte permutes (VBMI) and integer dot products (VNNI): products with small codebooks, whose tables of
// bytes stay in registers. Everything else is the AVX-512 table's.

#include "tables.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#define TARGET target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx2,fma,f16c")
#define VBMI __attribute__((TARGET))
#define VBMI_INLINE static inline __attribute__((always_inline, TARGET))

/// Vector rows that are taken together: their codes stay in the first-level cache while elements are gone through.
enum { ROW_BLOCK = 16 };

/// How residual codes are kept.
typedef enum { NO_RESIDUAL, NIBBLES, BYTES } residual_kind;

/// One byte of one element of every centroid of a codebook: 256 values, of which the first 64 are enough for small codebooks.
typedef struct { __m512i part[4]; } byte_table;

VBMI_INLINE byte_table load_table(const uint8_t *values, int small) {
  byte_table table;
  for (int i = 0; i < (small ? 1 : 4); i++) table.part[i] = _mm512_loadu_si512(values + 64 * i);
  return table;
}

/// `values[codes[i]]` for 64 codes.
VBMI_INLINE __m512i look_up(const byte_table *table, int small, __m512i codes) {
  if (small) return _mm512_permutexvar_epi8(codes, table->part[0]);
  const __m512i low = _mm512_permutex2var_epi8(table->part[0], codes, table->part[1]);
  const __m512i high = _mm512_permutex2var_epi8(table->part[2], codes, table->part[3]);
  return _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(codes), high);
}

/// A residual table: of nibbles, its 16 values in every lane of 128 bits.
VBMI_INLINE byte_table load_residual(residual_kind kind, const uint8_t *values) {
  if (kind == BYTES) return load_table(values, 0);
  byte_table table;
  table.part[0] = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)values));
  return table;
}

VBMI_INLINE __m512i look_up_residual(residual_kind kind, const byte_table *table, __m512i codes) {
  return kind == NIBBLES ? _mm512_shuffle_epi8(table->part[0], codes) : look_up(table, 0, codes);
}

/// The two bytes of one element of every centroid of a stage.
typedef struct { byte_table high, low; } stage_tables;

/// Sums of integer products over the columns of one row, apart for the activation's bytes and for the two stages.
typedef struct { __m512i main_high, main_low, residual_high, residual_low; } row_sum;

/// Four sums, each of one vector's lanes in an order that is the same for all four.
VBMI_INLINE __m128 sum_lanes4(__m512 a, __m512 b, __m512 c, __m512 d) {
  const __m256 ab = _mm256_hadd_ps(
    _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1)),
    _mm256_add_ps(_mm512_castps512_ps256(b), _mm512_extractf32x8_ps(b, 1)));
  const __m256 cd = _mm256_hadd_ps(
    _mm256_add_ps(_mm512_castps512_ps256(c), _mm512_extractf32x8_ps(c, 1)),
    _mm256_add_ps(_mm512_castps512_ps256(d), _mm512_extractf32x8_ps(d, 1)));
  const __m256 pairs = _mm256_hadd_ps(ab, cd);
  return _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1));
}

/// 256 high + low, as float lanes.
VBMI_INLINE __m512 joined(__m512i high, __m512i low) {
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(high), _mm512_set1_ps(256), _mm512_cvtepi32_ps(low));
}

/// Adds the products of one row's codes in the blocks [begin, end) of `x->order`, which have one scale, to `lanes`: float
/// lanes to be summed, for `elements` (1 or 2) elements of the row's vectors.
VBMI_INLINE void class_products(
  residual_kind kind, int small, int elements, const ck_vq_planes *m, const uint8_t *row, const stage_tables *main,
  const stage_tables *residual, const ck_split_activation *x, int class, size_t begin, size_t end, int ahead,
  __m512 *lanes) {
  const uint8_t *rest = row + m->columns;
  row_sum acc[2];
  // Tables are biased by 128 in the high byte; the bias is taken out by where the sums start.
  const __m512i start_high = _mm512_maskz_set1_epi32(1, -128 * x->sum_high[class]);
  const __m512i start_low = _mm512_maskz_set1_epi32(1, -128 * x->sum_low[class]);
  for (int i = 0; i < elements; i++) {
    acc[i].main_high = acc[i].residual_high = start_high;
    acc[i].main_low = acc[i].residual_low = start_low;
  }
  for (size_t k = begin; k < end; k++) {
    const size_t c = 64 * (size_t)x->order[k];
    const __m512i x_high = _mm512_loadu_si512(x->high + c), x_low = _mm512_loadu_si512(x->low + c);
    const __m512i codes = _mm512_loadu_si512(row + c);
    if (ahead) _mm_prefetch((const char *)row + ROW_BLOCK * m->row_stride + c, _MM_HINT_T0);
    __m512i rest_codes = _mm512_setzero_si512();
    if (kind == BYTES) {
      rest_codes = _mm512_loadu_si512(rest + c);
      if (ahead) _mm_prefetch((const char *)rest + ROW_BLOCK * m->row_stride + c, _MM_HINT_T0);
    } else if (kind == NIBBLES) {
      const __m256i pairs = _mm256_loadu_si256((const __m256i *)(rest + c / 2));
      rest_codes = _mm512_and_si512(
        _mm512_inserti64x4(_mm512_castsi256_si512(pairs), _mm256_srli_epi16(pairs, 4), 1), _mm512_set1_epi8(15));
      if (ahead && c % 128 == 0) _mm_prefetch((const char *)rest + ROW_BLOCK * m->row_stride + c / 2, _MM_HINT_T0);
    }
    for (int i = 0; i < elements; i++) {
      const __m512i high = look_up(&main[i].high, small, codes);
      acc[i].main_high = _mm512_dpbusd_epi32(acc[i].main_high, high, x_high);
      acc[i].main_low = _mm512_dpbusd_epi32(acc[i].main_low, high, x_low);
      acc[i].main_low = _mm512_dpbusd_epi32(acc[i].main_low, look_up(&main[i].low, small, codes), x_high);
      if (kind != NO_RESIDUAL) {
        const __m512i more = look_up_residual(kind, &residual[i].high, rest_codes);
        acc[i].residual_high = _mm512_dpbusd_epi32(acc[i].residual_high, more, x_high);
        acc[i].residual_low = _mm512_dpbusd_epi32(acc[i].residual_low, more, x_low);
        const __m512i fine = look_up_residual(kind, &residual[i].low, rest_codes);
        acc[i].residual_low = _mm512_dpbusd_epi32(acc[i].residual_low, fine, x_high);
      }
    }
  }
  const __m512 main_scale = _mm512_set1_ps(m->main_scale * x->scale[class]);
  const __m512 residual_scale = _mm512_set1_ps(m->residual_scale * x->scale[class]);
  for (int i = 0; i < elements; i++) {
    lanes[i] = _mm512_fmadd_ps(joined(acc[i].main_high, acc[i].main_low), main_scale, lanes[i]);
    if (kind == NO_RESIDUAL) continue;
    lanes[i] = _mm512_fmadd_ps(joined(acc[i].residual_high, acc[i].residual_low), residual_scale, lanes[i]);
  }
}

/// The products of row `n` with both classes of blocks.
VBMI_INLINE void row_products(
  residual_kind kind, int small, int elements, const ck_vq_planes *m, size_t n, const stage_tables *main,
  const stage_tables *residual, const ck_split_activation *x, int ahead, __m512 *lanes) {
  const uint8_t *row = m->codes + n * m->row_stride;
  if (x->large > 0) {
    class_products(kind, small, elements, m, row, main, residual, x, 0, 0, x->large, ahead, lanes);
  }
  if (x->blocks > x->large) {
    class_products(kind, small, elements, m, row, main, residual, x, 1, x->large, x->blocks, ahead, lanes);
  }
}

/// Elements [e, e + elements) of all vector rows [first, last): the tables are loaded once, rows are taken in pairs.
VBMI_INLINE void element_pass(
  residual_kind kind, int small, int elements, const ck_vq_planes *m, size_t first, size_t last, size_t e,
  const ck_split_activation *x, int ahead, float *y) {
  stage_tables main[2], residual[2];
  for (int i = 0; i < elements; i++) {
    const size_t at = (e + (size_t)i) * 256;
    main[i].high = load_table(m->main_high + at, small);
    main[i].low = load_table(m->main_low + at, small);
    if (kind != NO_RESIDUAL) {
      residual[i].high = load_residual(kind, m->residual_high + at);
      residual[i].low = load_residual(kind, m->residual_low + at);
    }
  }
  for (size_t n = first; n < last; n += 2) {
    __m512 lanes[4];
    const int rows = last - n < 2 ? 1 : 2;
    for (int i = 0; i < 4; i++) lanes[i] = _mm512_setzero_ps();
    for (int r = 0; r < rows; r++) {
      row_products(kind, small, elements, m, n + (size_t)r, main, residual, x, ahead, lanes + 2 * r);
    }
    float sums[4];
    _mm_storeu_ps(sums, sum_lanes4(lanes[0], lanes[1], lanes[2], lanes[3]));
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < elements; i++) {
        y[(n + (size_t)r - first) * m->vector_length + e + (size_t)i] += sums[2 * r + i];
      }
    }
  }
}

VBMI_INLINE void all_passes(
  residual_kind kind, int small, int elements, const ck_vq_planes *m, size_t first, size_t last,
  const ck_split_activation *x, float *y) {
  const size_t v = m->vector_length;
  for (size_t n = first; n < last; n += ROW_BLOCK) {
    const size_t end = last - n < ROW_BLOCK ? last : n + ROW_BLOCK;
    float *target = y + (n - first) * v;
    size_t e = 0;
    for (; e + (size_t)elements <= v; e += (size_t)elements) {
      // The codes of the rows to come are asked for while the last elements are computed.
      element_pass(kind, small, elements, m, n, end, e, x, e + (size_t)elements >= v, target);
    }
    for (; e < v; e++) element_pass(kind, small, 1, m, n, end, e, x, 1, target);
  }
}

VBMI static void vq_planes(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  const int small = m->main_count <= 64;
  if (!m->residual_high) {
    if (small) all_passes(NO_RESIDUAL, 1, 2, m, first, last, x, y);
    else all_passes(NO_RESIDUAL, 0, 2, m, first, last, x, y);
  } else if (m->residual_nibbles) {
    if (small) all_passes(NIBBLES, 1, 2, m, first, last, x, y);
    else all_passes(NIBBLES, 0, 2, m, first, last, x, y);
  } else {
    all_passes(BYTES, 0, 1, m, first, last, x, y);
  }
}

/// The most activations that share look-ups.
enum { TOGETHER = 4 };

/// Which of `count` activations have which blocks among their large ones: bit `t` of `flags[block]`.
VBMI_INLINE void flag_large(
  const ck_split_activation *x, size_t x_stride, int count, size_t blocks, uint8_t *flags) {
  memset(flags, 0, blocks);
  for (int t = 0; t < count; t++) {
    const ck_split_activation *own = x + (size_t)t * x_stride;
    for (size_t k = 0; k < own->large; k++) flags[own->order[k]] |= (uint8_t)(1 << t);
  }
}

/// Adds one element's products of one row with those blocks of `count` activations that are of one class, as
/// `class_products` does for one activation; every look-up serves all of them.
VBMI_INLINE void shared_products(
  residual_kind kind, int small, int count, const ck_vq_planes *m, const uint8_t *row, const stage_tables *main,
  const stage_tables *residual, const ck_split_activation *x, size_t x_stride, const uint8_t *flags, int class,
  int ahead, __m512 *lanes) {
  const uint8_t *rest = row + m->columns;
  const uint8_t all = (uint8_t)((1 << count) - 1), turned = class == 0 ? 0 : all;
  row_sum acc[TOGETHER];
  for (int t = 0; t < count; t++) {
    const ck_split_activation *own = x + (size_t)t * x_stride;
    acc[t].main_high = acc[t].residual_high = _mm512_maskz_set1_epi32(1, -128 * own->sum_high[class]);
    acc[t].main_low = acc[t].residual_low = _mm512_maskz_set1_epi32(1, -128 * own->sum_low[class]);
  }
  for (size_t block = 0; block < x->blocks; block++) {
    const uint8_t wanted = flags[block] ^ turned;
    const size_t c = 64 * block;
    if (ahead) {
      _mm_prefetch((const char *)row + ROW_BLOCK * m->row_stride + c, _MM_HINT_T0);
      if (kind == BYTES) _mm_prefetch((const char *)rest + ROW_BLOCK * m->row_stride + c, _MM_HINT_T0);
      if (kind == NIBBLES && c % 128 == 0) {
        _mm_prefetch((const char *)rest + ROW_BLOCK * m->row_stride + c / 2, _MM_HINT_T0);
      }
    }
    if (!wanted) continue;
    const __m512i codes = _mm512_loadu_si512(row + c);
    const __m512i high = look_up(&main->high, small, codes), low = look_up(&main->low, small, codes);
    __m512i more = high, fine = low;
    if (kind == BYTES) {
      const __m512i rest_codes = _mm512_loadu_si512(rest + c);
      more = look_up_residual(kind, &residual->high, rest_codes);
      fine = look_up_residual(kind, &residual->low, rest_codes);
    } else if (kind == NIBBLES) {
      const __m256i pairs = _mm256_loadu_si256((const __m256i *)(rest + c / 2));
      const __m512i rest_codes = _mm512_and_si512(
        _mm512_inserti64x4(_mm512_castsi256_si512(pairs), _mm256_srli_epi16(pairs, 4), 1), _mm512_set1_epi8(15));
      more = look_up_residual(kind, &residual->high, rest_codes);
      fine = look_up_residual(kind, &residual->low, rest_codes);
    }
    for (int t = 0; t < count; t++) {
      if (!(wanted >> t & 1)) continue;
      const ck_split_activation *own = x + (size_t)t * x_stride;
      const __m512i x_high = _mm512_loadu_si512(own->high + c), x_low = _mm512_loadu_si512(own->low + c);
      acc[t].main_high = _mm512_dpbusd_epi32(acc[t].main_high, high, x_high);
      acc[t].main_low = _mm512_dpbusd_epi32(acc[t].main_low, high, x_low);
      acc[t].main_low = _mm512_dpbusd_epi32(acc[t].main_low, low, x_high);
      if (kind == NO_RESIDUAL) continue;
      acc[t].residual_high = _mm512_dpbusd_epi32(acc[t].residual_high, more, x_high);
      acc[t].residual_low = _mm512_dpbusd_epi32(acc[t].residual_low, more, x_low);
      acc[t].residual_low = _mm512_dpbusd_epi32(acc[t].residual_low, fine, x_high);
    }
  }
  for (int t = 0; t < count; t++) {
    const ck_split_activation *own = x + (size_t)t * x_stride;
    if (class == 0 ? own->large == 0 : own->blocks == own->large) continue;
    const __m512 main_scale = _mm512_set1_ps(m->main_scale * own->scale[class]);
    lanes[t] = _mm512_fmadd_ps(joined(acc[t].main_high, acc[t].main_low), main_scale, lanes[t]);
    if (kind == NO_RESIDUAL) continue;
    const __m512 residual_scale = _mm512_set1_ps(m->residual_scale * own->scale[class]);
    lanes[t] = _mm512_fmadd_ps(joined(acc[t].residual_high, acc[t].residual_low), residual_scale, lanes[t]);
  }
}

/// All elements of the vector rows [first, last) for `count` activations, element by element.
VBMI_INLINE void shared_passes(
  residual_kind kind, int small, int count, const ck_vq_planes *m, size_t first, size_t last,
  const ck_split_activation *x, size_t x_stride, float *y, size_t y_stride) {
  uint8_t flags[1024];
  flag_large(x, x_stride, count, x->blocks, flags);
  int any_large = 0;
  for (int t = 0; t < count; t++) any_large |= x[(size_t)t * x_stride].large > 0;
  const size_t v = m->vector_length;
  for (size_t n = first; n < last; n += ROW_BLOCK) {
    const size_t end = last - n < ROW_BLOCK ? last : n + ROW_BLOCK;
    for (size_t e = 0; e < v; e++) {
      stage_tables main, residual;
      main.high = load_table(m->main_high + 256 * e, small);
      main.low = load_table(m->main_low + 256 * e, small);
      if (kind != NO_RESIDUAL) {
        residual.high = load_residual(kind, m->residual_high + 256 * e);
        residual.low = load_residual(kind, m->residual_low + 256 * e);
      }
      for (size_t r = n; r < end; r++) {
        const uint8_t *row = m->codes + r * m->row_stride;
        __m512 lanes[TOGETHER];
        for (int t = 0; t < TOGETHER; t++) lanes[t] = _mm512_setzero_ps();
        if (any_large) {
          shared_products(kind, small, count, m, row, &main, &residual, x, x_stride, flags, 0, 0, lanes);
        }
        shared_products(kind, small, count, m, row, &main, &residual, x, x_stride, flags, 1, e + 1 == v, lanes);
        float sums[TOGETHER];
        _mm_storeu_ps(sums, sum_lanes4(lanes[0], lanes[1], lanes[2], lanes[3]));
        for (int t = 0; t < count; t++) y[(size_t)t * y_stride + (r - first) * v + e] += sums[t];
      }
    }
  }
}

VBMI static void vq_planes_many(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  float *y, size_t y_stride) {
  const int small = m->main_count <= 64;
  size_t t = 0;
  for (; t + 1 < tokens; ) {
    const ck_split_activation *own = x + t * x_stride;
    float *target = y + t * y_stride;
    const int four = tokens - t >= 4;
    const int count = four ? 4 : 2;
    if (!m->residual_high) {
      if (small && four) shared_passes(NO_RESIDUAL, 1, 4, m, first, last, own, x_stride, target, y_stride);
      else if (small) shared_passes(NO_RESIDUAL, 1, 2, m, first, last, own, x_stride, target, y_stride);
      else if (four) shared_passes(NO_RESIDUAL, 0, 4, m, first, last, own, x_stride, target, y_stride);
      else shared_passes(NO_RESIDUAL, 0, 2, m, first, last, own, x_stride, target, y_stride);
    } else if (m->residual_nibbles) {
      if (small && four) shared_passes(NIBBLES, 1, 4, m, first, last, own, x_stride, target, y_stride);
      else if (small) shared_passes(NIBBLES, 1, 2, m, first, last, own, x_stride, target, y_stride);
      else if (four) shared_passes(NIBBLES, 0, 4, m, first, last, own, x_stride, target, y_stride);
      else shared_passes(NIBBLES, 0, 2, m, first, last, own, x_stride, target, y_stride);
    } else if (four) {
      shared_passes(BYTES, 0, 4, m, first, last, own, x_stride, target, y_stride);
    } else {
      shared_passes(BYTES, 0, 2, m, first, last, own, x_stride, target, y_stride);
    }
    t += (size_t)count;
  }
  if (t < tokens) vq_planes(m, first, last, x + t * x_stride, y + t * y_stride);
}

/// The mask of those of the 16 values from `i` on that lie below `n`.
VBMI_INLINE __mmask16 lanes_below(size_t i, size_t n) {
  return i >= n ? 0 : n - i < 16 ? (__mmask16)((1u << (n - i)) - 1) : 0xFFFF;
}

/// The largest magnitude of block `b` (lanes to be reduced), and which lanes hold no finite number.
VBMI_INLINE __m512 block_peak(const float *x, size_t n, size_t b, __mmask16 *bad) {
  const __m512 sign = _mm512_set1_ps(-0.0f);
  __m512 peak = _mm512_setzero_ps();
  for (size_t i = 64 * b; i < 64 * b + 64; i += 16) {
    const __m512 magnitude = _mm512_andnot_ps(sign, _mm512_maskz_loadu_ps(lanes_below(i, n), x + i));
    *bad |= _mm512_cmp_ps_mask(magnitude, _mm512_set1_ps(INFINITY), _CMP_NLT_UQ);
    peak = _mm512_max_ps(peak, magnitude);
  }
  return peak;
}

VBMI static void split_activation(const float *x, size_t n, ck_split_activation *split) {
  const float share = 1.0f / 32;
  __mmask16 bad = 0;
  __m512 peaks = _mm512_setzero_ps();
  for (size_t b = 0; b < split->blocks; b++) peaks = _mm512_max_ps(peaks, block_peak(x, n, b, &bad));
  const float largest = _mm512_reduce_max_ps(peaks);
  if (bad) {
    ck_portable_split_activation(x, n, split);
    return;
  }
  float peak[2] = {largest, 0};
  size_t small = 0;
  split->large = 0;
  // Small blocks are collected from the end and turned round afterwards.
  for (size_t b = 0; b < split->blocks; b++) {
    const float own = _mm512_reduce_max_ps(block_peak(x, n, b, &bad));
    if (own > share * largest) {
      split->order[split->large++] = (uint16_t)b;
    } else {
      split->order[split->blocks - ++small] = (uint16_t)b;
      if (own > peak[1]) peak[1] = own;
    }
  }
  for (size_t i = split->large, j = split->blocks; i + 1 < j; i++) {
    const uint16_t kept = split->order[i];
    split->order[i] = split->order[--j];
    split->order[j] = kept;
  }
  const __m512i byte = _mm512_set1_epi32(255), half = _mm512_set1_epi32(128);
  for (int class = 0; class < 2; class++) {
    const __m512 inverse = _mm512_set1_ps(peak[class] > 0 ? 32512 / peak[class] : 0);
    __m512i sum_high = _mm512_setzero_si512(), sum_low = _mm512_setzero_si512();
    const size_t begin = class == 0 ? 0 : split->large, end = class == 0 ? split->large : split->blocks;
    for (size_t k = begin; k < end; k++) {
      for (size_t i = 64 * (size_t)split->order[k]; i < 64 * (size_t)split->order[k] + 64; i += 16) {
        const __m512i value =
          _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_maskz_loadu_ps(lanes_below(i, n), x + i), inverse));
        const __m512i low = _mm512_sub_epi32(_mm512_and_si512(_mm512_add_epi32(value, half), byte), half);
        const __m512i high = _mm512_srai_epi32(_mm512_sub_epi32(value, low), 8);
        _mm_storeu_si128((__m128i *)(split->low + i), _mm512_cvtepi32_epi8(low));
        _mm_storeu_si128((__m128i *)(split->high + i), _mm512_cvtepi32_epi8(high));
        sum_low = _mm512_add_epi32(sum_low, low);
        sum_high = _mm512_add_epi32(sum_high, high);
      }
    }
    split->scale[class] = peak[class] / 32512;
    split->sum_high[class] = _mm512_reduce_add_epi32(sum_high);
    split->sum_low[class] = _mm512_reduce_add_epi32(sum_low);
  }
}

static ck_kernels table;

static void fill_table(void) {
  table = *ck_avx512_table();
  table.isa = CK_AVX512_VBMI;
  table.name = "avx512vbmi";
  table.prefers_planes = 1;
  table.split_activation = split_activation;
  table.vq_planes = vq_planes;
  table.vq_planes_many = vq_planes_many;
  if (__builtin_cpu_supports("avx512bf16")) {
    table.prefers_bf16 = 1;
    table.product_bf16 = ck_avx512_product_bf16;
  }
}

const ck_kernels *ck_avx512_vbmi_table(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, fill_table);
  return &table;
}

#else

const ck_kernels *ck_avx512_vbmi_table(void) { return NULL; }

#endif
