// AVX-512 with byte permutes (VBMI) and integer dot products (VNNI): products with small codebooks, whose int8 tables
// stay in registers. Everything else is the AVX-512 table's.

#include "tables.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <pthread.h>

#define TARGET target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vnni,avx2,fma,f16c")
#define VBMI __attribute__((TARGET))
#define VBMI_INLINE static inline __attribute__((always_inline, TARGET))

/// Vector rows that are taken together: their codes stay in the first-level cache while elements are gone through.
enum { ROW_BLOCK = 16 };

/// How residual codes are kept.
typedef enum { NO_RESIDUAL, NIBBLES, BYTES } residual_kind;

/// One element of every centroid of a codebook: 256 int8 values, of which the first 64 are enough for small codebooks.
typedef struct { __m512i part[4]; } byte_table;

VBMI_INLINE byte_table load_table(const int8_t *values, int small) {
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

/// The products of one row with `elements` (1 or 2) elements of its vectors, as float lanes to be summed.
VBMI_INLINE void row_products(
  residual_kind kind, int small, int elements, const ck_vq_planes *m, size_t n, size_t e, const byte_table *main,
  const byte_table *residual, const uint8_t *high, const uint8_t *low, int ahead, __m512 *result) {
  const uint8_t *row = m->codes + n * m->row_stride;
  const uint8_t *rest = row + m->columns;
  const int32_t *sums = m->row_sums + (n * m->vector_length + e) * 2;
  row_sum acc[2];
  for (int i = 0; i < elements; i++) {
    // The high byte is biased by 128; the bias is taken out by where the sum starts.
    acc[i].main_high = _mm512_maskz_set1_epi32(1, -128 * sums[2 * i]);
    acc[i].residual_high = _mm512_maskz_set1_epi32(1, -128 * sums[2 * i + 1]);
    acc[i].main_low = acc[i].residual_low = _mm512_setzero_si512();
  }
  for (size_t c = 0; c < m->columns; c += 64) {
    const __m512i x_high = _mm512_loadu_si512(high + c), x_low = _mm512_loadu_si512(low + c);
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
      const __m512i w = look_up(main + i, small, codes);
      acc[i].main_high = _mm512_dpbusd_epi32(acc[i].main_high, x_high, w);
      acc[i].main_low = _mm512_dpbusd_epi32(acc[i].main_low, x_low, w);
      if (kind != NO_RESIDUAL) {
        const __m512i r = kind == NIBBLES ? _mm512_shuffle_epi8(residual[i].part[0], rest_codes)
                                          : look_up(residual + i, 0, rest_codes);
        acc[i].residual_high = _mm512_dpbusd_epi32(acc[i].residual_high, x_high, r);
        acc[i].residual_low = _mm512_dpbusd_epi32(acc[i].residual_low, x_low, r);
      }
    }
  }
  for (int i = 0; i < elements; i++) {
    result[i] = _mm512_mul_ps(joined(acc[i].main_high, acc[i].main_low), _mm512_set1_ps(m->main_scale));
    if (kind != NO_RESIDUAL) {
      const __m512 extra = joined(acc[i].residual_high, acc[i].residual_low);
      result[i] = _mm512_fmadd_ps(extra, _mm512_set1_ps(m->residual_scale), result[i]);
    }
  }
}

/// Elements [e, e + elements) of all vector rows [first, last): the tables are loaded once, rows are taken in pairs.
VBMI_INLINE void element_pass(
  residual_kind kind, int small, int elements, const ck_vq_planes *m, size_t first, size_t last, size_t e,
  const uint8_t *high, const uint8_t *low, float x_scale, int ahead, float *y) {
  byte_table main[2], residual[2];
  for (int i = 0; i < elements; i++) {
    main[i] = load_table(m->main_table + (e + (size_t)i) * 256, small);
    if (kind == NIBBLES) {
      const int8_t *values = m->residual_table + (e + (size_t)i) * 256;
      residual[i].part[0] = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)values));
    } else if (kind == BYTES) {
      residual[i] = load_table(m->residual_table + (e + (size_t)i) * 256, 0);
    }
  }
  for (size_t n = first; n < last; n += 2) {
    __m512 lanes[4];
    const int rows = last - n < 2 ? 1 : 2;
    for (int i = 0; i < 4; i++) lanes[i] = _mm512_setzero_ps();
    row_products(kind, small, elements, m, n, e, main, residual, high, low, ahead, lanes);
    if (rows == 2) row_products(kind, small, elements, m, n + 1, e, main, residual, high, low, ahead, lanes + 2);
    float sums[4];
    _mm_storeu_ps(sums, sum_lanes4(lanes[0], lanes[1], lanes[2], lanes[3]));
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < elements; i++) {
        y[(n + (size_t)r - first) * m->vector_length + e + (size_t)i] += x_scale * sums[2 * r + i];
      }
    }
  }
}

VBMI_INLINE void all_passes(
  residual_kind kind, int small, int elements, const ck_vq_planes *m, size_t first, size_t last, const uint8_t *high,
  const uint8_t *low, float x_scale, float *y) {
  const size_t v = m->vector_length;
  for (size_t n = first; n < last; n += ROW_BLOCK) {
    const size_t end = last - n < ROW_BLOCK ? last : n + ROW_BLOCK;
    float *target = y + (n - first) * v;
    size_t e = 0;
    for (; e + (size_t)elements <= v; e += (size_t)elements) {
      const int ahead = e + (size_t)elements >= v;
      if (ahead) element_pass(kind, small, elements, m, n, end, e, high, low, x_scale, 1, target);
      else element_pass(kind, small, elements, m, n, end, e, high, low, x_scale, 0, target);
    }
    for (; e < v; e++) element_pass(kind, small, 1, m, n, end, e, high, low, x_scale, 0, target);
  }
}

VBMI static void vq_planes(
  const ck_vq_planes *m, size_t first, size_t last, const uint8_t *high, const uint8_t *low, float x_scale, float *y) {
  const int small = m->main_count <= 64;
  if (!m->residual_table) {
    if (small) all_passes(NO_RESIDUAL, 1, 2, m, first, last, high, low, x_scale, y);
    else all_passes(NO_RESIDUAL, 0, 2, m, first, last, high, low, x_scale, y);
  } else if (m->residual_nibbles) {
    if (small) all_passes(NIBBLES, 1, 2, m, first, last, high, low, x_scale, y);
    else all_passes(NIBBLES, 0, 2, m, first, last, high, low, x_scale, y);
  } else {
    all_passes(BYTES, 0, 1, m, first, last, high, low, x_scale, y);
  }
}

VBMI static float split_activation(const float *x, size_t n, size_t padded, uint8_t *high, uint8_t *low) {
  const __m512 sign = _mm512_set1_ps(-0.0f);
  __m512 max = _mm512_setzero_ps();
  __mmask16 bad = 0;
  for (size_t i = 0; i < n; i += 16) {
    const __mmask16 lanes = n - i < 16 ? (__mmask16)((1u << (n - i)) - 1) : 0xFFFF;
    const __m512 magnitude = _mm512_andnot_ps(sign, _mm512_maskz_loadu_ps(lanes, x + i));
    bad |= _mm512_cmp_ps_mask(magnitude, _mm512_set1_ps(INFINITY), _CMP_NLT_UQ);
    max = _mm512_max_ps(max, magnitude);
  }
  const float largest = _mm512_reduce_max_ps(max);
  const float inverse = bad || largest == 0 ? 0 : 32767 / largest;
  for (size_t i = 0; i < padded; i += 16) {
    const __mmask16 lanes = i >= n ? 0 : n - i < 16 ? (__mmask16)((1u << (n - i)) - 1) : 0xFFFF;
    const __m512 scaled = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + i), _mm512_set1_ps(inverse));
    const __m512i value = bad ? _mm512_set1_epi32(32768)
                              : _mm512_add_epi32(_mm512_cvtps_epi32(scaled), _mm512_set1_epi32(32768));
    _mm_storeu_si128((__m128i *)(high + i), _mm512_cvtepi32_epi8(_mm512_srli_epi32(value, 8)));
    _mm_storeu_si128((__m128i *)(low + i), _mm512_cvtepi32_epi8(value));
  }
  return bad ? NAN : largest / 32767;
}

static ck_kernels table;

static void fill_table(void) {
  table = *ck_avx512_table();
  table.isa = CK_AVX512_VBMI;
  table.name = "avx512vbmi";
  table.prefers_planes = 1;
  table.split_activation = split_activation;
  table.vq_planes = vq_planes;
}

const ck_kernels *ck_avx512_vbmi_table(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, fill_table);
  return &table;
}

#else

const ck_kernels *ck_avx512_vbmi_table(void) { return NULL; }

#endif
