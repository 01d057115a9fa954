// AVX-512 with byte permutes (VBMI) and integer dot products (VNNI): the product of one activation with small codebooks,
// whose tables of bytes stay in registers. Everything else is the AVX-512 table's.

#include "tables.h"

#if defined(__x86_64__)

#define ESCAPES_TARGET TARGET
#include "x86_avx512_vbmi.h"
#include "x86_escapes.h"

#include <pthread.h>

/// Codes that stay in the first-level cache while their elements are gone through in several passes, in bytes; one band at least.
enum { CACHED_CODES = 16384 };

/// The tables of up to four elements.
typedef struct { byte_table main[4], residual[4]; } pass_tables;

/// Sums over columns of up to four elements of a band, in two sets where one would wait for itself.
typedef struct { __m512i sets[2][4]; } pass_sums;

VBMI_INLINE void start(pass_sums *sums) {
  for (int i = 0; i < 4; i++) sums->sets[0][i] = sums->sets[1][i] = _mm512_setzero_si512();
}

VBMI_INLINE void join_sets(main_kind kind, int elements, pass_sums *sums) {
  if (kind != PACKED64) return;
  for (int i = 0; i < elements; i++) sums->sets[0][i] = _mm512_add_epi32(sums->sets[0][i], sums->sets[1][i]);
}

/// Adds the products of the bytes of a block with its digits, of which `high` are the upper ones if it has them.
VBMI_INLINE __m512i add_products(__m512i sum, __m512i bytes, __m512i low, const int8_t *high) {
  sum = _mm512_dpbusd_epi32(sum, bytes, low);
  if (!high) return sum;
  const __m512i upper = _mm512_dpbusd_epi32(_mm512_setzero_si512(), bytes, eight_columns(high));
  return _mm512_add_epi32(sum, _mm512_slli_epi32(upper, 8));
}

/// Adds the products of one block.
VBMI_INLINE void add_block(
  main_kind kind, residual_kind rest_kind, int elements, const pass_tables *tables, __m512i codes, __m512i rest,
  const int8_t *low, const int8_t *high, int set, pass_sums *sums) {
  const __m512i x = eight_columns(low);
  const block_codes own = block_of(kind, rest_kind, codes, rest);
  for (int i = 0; i < elements; i++) {
    const __m512i bytes = element_bytes(kind, rest_kind, &tables->main[i], &tables->residual[i], &own);
    sums->sets[set][i] = add_products(sums->sets[set][i], bytes, x, high);
  }
}

/// Adds the products of four blocks.
VBMI_INLINE void add_four_blocks(
  main_kind kind, residual_kind rest_kind, int elements, const pass_tables *tables, const uint8_t *from, const int8_t *low,
  pass_sums *sums) {
  const int sets = kind == PACKED64 ? 2 : 1;
  __m512i codes[4], rest[4];
  codes_of_four(kind, rest_kind, from, codes, rest);
  for (int i = 0; i < 4; i++) {
    add_block(kind, rest_kind, elements, tables, codes[i], rest[i], low + 8 * i, NULL, i % sets, sums);
  }
}

/// The same where `high` has the high digits of those blocks that are in `present`; most blocks have none.
VBMI_INLINE void add_large_four(
  main_kind kind, residual_kind rest_kind, int elements, const pass_tables *tables, const uint8_t *from, const int8_t *low,
  const int8_t *high, unsigned present, pass_sums *sums) {
  __m512i codes[4], rest[4];
  codes_of_four(kind, rest_kind, from, codes, rest);
  for (int i = 0; i < 4; i++) {
    const int8_t *own = present >> i & 1 ? high + 8 * i : NULL;
    if (own) add_block(kind, rest_kind, elements, tables, codes[i], rest[i], low + 8 * i, own, 0, sums);
    else add_block(kind, rest_kind, elements, tables, codes[i], rest[i], low + 8 * i, NULL, 0, sums);
  }
}

/// Pass `pass` of `passes` through codes; those of the next rows lie `next` bytes further on.
typedef struct { size_t pass, passes, next; } code_pass;

/// Asks for codes that follow the `bytes` at `from`. Each of several passes asks for its share of those of the next rows, the first for what it
/// will read soon as well.
VBMI_INLINE void ask_for_codes(code_pass own, const uint8_t *from, size_t bytes) {
  if (own.passes == 1) {
    ck_ask_ahead(from, bytes);
    return;
  }
  const size_t lines = bytes / 64, first = own.pass * lines / own.passes, last = (own.pass + 1) * lines / own.passes;
  ck_ask_second_level(from + own.next + 64 * first, 64 * (last - first));
  if (own.pass == 0) ck_prefetch(from + CK_NEAR_AHEAD, bytes);
}

/// Escapes of a band whose products are done, which begins with row `band`: entries [next, end), for outputs `y` of the rows from `first` on. They
/// are added while the codes of the next band are multiplied: look-ups leave a processor time for them.
typedef struct {
  const ck_escapes *all;
  size_t band, next, end, first;
  const float *x;
  float *y;
} waiting_escapes;

/// Vectors whose escapes are added so.
VBMI_INLINE int has_waiting_escapes(const ck_vq_planes *m) {
  return m->escapes.starts && (m->vector_length == 8 || (m->vector_length >= 2 && m->vector_length <= 4));
}

/// Adds up to `fours` times four of them, to vectors of `length` elements, with the operations of `add_escapes_of`.
VBMI_INLINE void add_waiting(int length, waiting_escapes *waiting, size_t fours) {
  for (; fours > 0 && waiting->next < waiting->end; fours--, waiting->next += 4) {
    float *target = waiting->y + (size_t)length * (waiting->all->rows[waiting->next / 4] - waiting->first);
    const four_escapes four = load_four(length, waiting->all, waiting->next);
    store_outputs(length, target, add_four(length, &four, waiting->x, load_outputs(length, target)));
  }
}

/// The products of `fours` times four blocks of a band with fine tables, rounded.
VBMI_INLINE void fine_products(
  main_kind kind, residual_kind rest_kind, int elements, const pass_tables *tables, const uint8_t *band,
  const ck_split_activation *x, size_t fours, pass_sums *sums) {
  enum { RUN = CK_FINE_RUN / 32 };
  const size_t four = main_bytes_of_four(kind) + rest_bytes_of_four(rest_kind);
  const uint16_t *large = x->large_blocks, *end = large + x->large;
  start(sums);
  for (size_t first = 0; first < fours; first += RUN) {
    pass_sums own;
    start(&own);
    for (size_t i = first; i < fours && i < first + RUN; i++) {
      const uint8_t *from = band + i * four;
      while (large < end && *large < i / 2) large++;
      if (large < end && *large == i / 2) {
        add_large_four(kind, rest_kind, elements, tables, from, x->low + 32 * i, x->high + 32 * i, 15, &own);
      } else {
        add_four_blocks(kind, rest_kind, elements, tables, from, x->low + 32 * i, &own);
      }
    }
    join_sets(kind, elements, &own);
    for (int i = 0; i < elements; i++) sums->sets[0][i] = _mm512_add_epi32(sums->sets[0][i], rounded_fine(own.sets[0][i]));
  }
}

/// Adds the products of all columns of a band, 64 at a time, and meanwhile escapes of the band before.
VBMI_INLINE void add_columns(
  main_kind kind, residual_kind rest_kind, int elements, int length, const pass_tables *tables, const uint8_t *band,
  const ck_split_activation *x, code_pass pass, waiting_escapes *waiting, pass_sums *sums) {
  const size_t four = main_bytes_of_four(kind) + rest_bytes_of_four(rest_kind);
  // One stage goes as fast as memory does.
  const int is_fast = rest_kind == NO_RESIDUAL;
  const uint16_t *large = x->large_blocks, *end = large + x->large;
  const size_t fours_waiting = ((waiting->end - waiting->next) / 4 + x->blocks - 1) / x->blocks;
  for (size_t b = 0; b < x->blocks; b++) {
    const uint8_t *from = band + 2 * b * four;
    const int8_t *low = x->low + 64 * b;
    add_waiting(length, waiting, fours_waiting);
    ask_for_codes(pass, from, is_fast ? four : 2 * four);
    if (large < end && *large == b) {
      const int8_t *high = x->high + 64 * b;
      const __m512i digits = _mm512_loadu_si512(high);
      const unsigned present = _mm512_test_epi64_mask(digits, digits);
      large++;
      add_large_four(kind, rest_kind, elements, tables, from, low, high, present, sums);
      if (is_fast) ask_for_codes(pass, from + four, four);
      add_large_four(kind, rest_kind, elements, tables, from + four, low + 32, high + 32, present >> 4, sums);
    } else {
      add_four_blocks(kind, rest_kind, elements, tables, from, low, sums);
      if (is_fast) ask_for_codes(pass, from + four, four);
      add_four_blocks(kind, rest_kind, elements, tables, from + four, low + 32, sums);
    }
  }
  join_sets(kind, elements, sums);
}

VBMI_INLINE void load_tables(
  main_kind kind, residual_kind rest_kind, int elements, const uint8_t *main, const int8_t *residual, size_t e, pass_tables *tables) {
  for (int i = 0; i < elements; i++) {
    tables->main[i] = load_table(kind, main + (e + (size_t)i) * 256);
    if (rest_kind != NO_RESIDUAL) tables->residual[i] = load_residual(rest_kind, residual + (e + (size_t)i) * 256);
  }
}

/// Elements [e, e + elements) of the vector rows [first, last), whose vectors have `length` elements where escapes wait.
VBMI_INLINE void element_pass(
  main_kind kind, residual_kind rest_kind, int elements, int length, const ck_vq_planes *m, size_t first, size_t last, size_t e,
  const ck_split_activation *x, __m512i bias, code_pass pass, waiting_escapes *waiting, float *y) {
  pass_tables tables;
  load_tables(kind, rest_kind, elements, m->main, m->residual, e, &tables);
  for (size_t n = first; n < last; n += CK_BAND_ROWS) {
    const uint8_t *band = m->codes + n / CK_BAND_ROWS * m->band_stride;
    pass_sums sums;
    if (m->fine_columns > 0) {
      pass_tables fine;
      load_tables(kind, rest_kind, elements, m->fine_main, m->fine_residual, e, &fine);
      fine_products(kind, rest_kind, elements, &fine, band, x, m->fine_columns / 32, &sums);
    } else {
      start(&sums);
    }
    for (int i = 0; i < elements; i++) sums.sets[0][i] = _mm512_add_epi32(sums.sets[0][i], bias);
    add_columns(kind, rest_kind, elements, length, &tables, band, x, pass, waiting, &sums);
    const band_outputs outputs = outputs_of(m->scale * x->scale, folded(sums.sets[0]));
    const size_t rows = last - n < CK_BAND_ROWS ? last - n : CK_BAND_ROWS;
    add_band(outputs, rows, (size_t)elements, m->vector_length, y + (n - first) * m->vector_length + e);
    if (e + (size_t)elements < m->vector_length || !has_waiting_escapes(m)) continue;
    waiting->band = n;
    waiting->end = m->escapes.starts[n + rows];
  }
}

/// All products, and the escapes of the first rows; returns from which row on they are missing.
VBMI_INLINE size_t all_elements(
  main_kind kind, residual_kind rest_kind, const ck_vq_planes *m, size_t first, size_t last,
  const ck_split_activation *x, float *y) {
  const size_t v = m->vector_length;
  // Elements that are gone through together: where their tables do not all stay in registers, some are read from memory; fewer
  // elements would unpack the codes more often.
  const size_t together = OUTPUTS_TOGETHER;
  // One of the two lanes of each row has it.
  const __m512i bias = _mm512_maskz_set1_epi32(0x5555, bias_of(x, m->fine_columns));
  const size_t cached = CACHED_CODES / m->band_stride, bands = cached > 1 ? cached : 1;
  waiting_escapes waiting = {&m->escapes, first, 0, 0, first, x->values, y};
  if (m->escapes.starts) waiting.next = waiting.end = m->escapes.starts[first];
  const size_t block = v <= together ? last - first : bands * CK_BAND_ROWS;
  for (size_t n = first; n < last; n += block) {
    const size_t end = last - n < block ? last : n + block;
    float *target = y + (n - first) * v;
    for (size_t e = 0; e < v; e += together) {
      const size_t left = v - e;
      const code_pass pass = {e / together, (v + together - 1) / together, bands * m->band_stride};
#define PASS(elements, length) element_pass(kind, rest_kind, elements, length, m, n, end, e, x, bias, pass, &waiting, target)
      if (v == 8) PASS(4, 8);
      else if (left >= 4) PASS(4, 4);
      else if (left == 3) PASS(3, 3);
      else if (left == 2) PASS(2, 2);
      else PASS(1, 4);
    }
  }
  return waiting.band;
}

#define WITH_RESIDUAL(rest_kind) \
  if (kind == PACKED64) complete = all_elements(PACKED64, rest_kind, m, first, last, x, y); \
  else if (kind == BYTES128) complete = all_elements(BYTES128, rest_kind, m, first, last, x, y); \
  else complete = all_elements(BYTES256, rest_kind, m, first, last, x, y)

VBMI static void vq_planes(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y) {
  // Sums that may not fit 32 bits, which no real activation has.
  if (!x->is_narrow) {
    ck_portable_planes_sums(m, first, last, x, y);
    ck_vbmi_add_escapes(&m->escapes, m->vector_length, first, last, x->values, y);
    return;
  }
  ask_for_escapes(&m->escapes, first, last);
  const main_kind kind = main_kind_of(m);
  size_t complete = first;
  switch (residual_kind_of(m)) {
    case NO_RESIDUAL: WITH_RESIDUAL(NO_RESIDUAL); break;
    case NIBBLES: WITH_RESIDUAL(NIBBLES); break;
    case REST64: WITH_RESIDUAL(REST64); break;
    case REST128: WITH_RESIDUAL(REST128); break;
    case REST256: WITH_RESIDUAL(REST256); break;
  }
  ck_vbmi_add_escapes(&m->escapes, m->vector_length, complete, last, x->values, y + (complete - first) * m->vector_length);
}

static ck_kernels table;

static void fill_table(void) {
  table = *ck_avx512_table();
  table.isa = CK_AVX512_VBMI;
  table.name = "avx512vbmi";
  table.byte_vector_length = 16;
  table.refines_one_stage = 1;
  table.prefers_planes_for_prompts = 1;
  table.prefers_byte_matrix = 1;
  table.split_activation = ck_vbmi_split_activation;
  table.byte_row = ck_vbmi_byte_row;
  table.gemv_bytes = ck_vbmi_gemv_bytes;
  table.vq_planes = vq_planes;
  table.vq_bytes = ck_vbmi_vq_bytes;
  table.vq_planes_many = ck_vbmi_vq_planes_many;
  table.token_lanes = ck_vbmi_token_lanes;
  table.gather_lanes = ck_vbmi_gather_lanes;
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
