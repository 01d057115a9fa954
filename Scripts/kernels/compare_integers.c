// Compares the integer products of one instruction set with the portable ones:  compare_integers avx2|avxvnni|avx512|avx512vnni|avx512vbmi|amx|neon
//
// Random sizes: every kind of planes, packed codes of large codebooks, dense bytes; one activation, a few, a prompt with and without its
// values in lanes; escapes; activations with large values. Buffers are exactly as long as the header says, so that a sanitizer
// sees each byte too many (`Scripts/sanitize-kernels`). Codes, digits and escapes are the same for both sides: what differs are the
// order of float sums and their rounding.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ckernels.h"

static long passed, failed;

static void compare(const float *own, const float *portable, size_t n, const char *what, size_t a, size_t b) {
  for (size_t i = 0; i < n; i++) {
    const int holds = fabs((double)own[i] - portable[i]) <= 1e-4 * (1 + fabs((double)portable[i]));
    holds ? passed++ : failed++;
    if (!holds && failed <= 20) printf("FAILED %s (%zu, %zu), %zu: %g, not %g\n", what, a, b, i, own[i], portable[i]);
  }
}

/// What an activation gives alone it gives among others.
static void same_bits(const float *own, const float *alone, size_t n, const char *what, size_t a, size_t b) {
  const int holds = memcmp(own, alone, n * sizeof *own) == 0;
  holds ? passed++ : failed++;
  if (!holds && failed <= 20) printf("FAILED %s (%zu, %zu): other bits alone\n", what, a, b);
}

static uint64_t state = 0x9E3779B97F4A7C15u;

static uint64_t random_bits(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state >> 16;
}

static size_t below(size_t n) { return (size_t)(random_bits() % n); }

static void *room(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory) exit(2);
  return memory;
}

static uint8_t *bytes_from(size_t n, uint8_t least) {
  uint8_t *bytes = room(n);
  for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)(least + below(256u - least));
  return bytes;
}

/// Values below 1, one in fifty up to twenty times as large.
static float *values_for(size_t n) {
  float *x = room(n * sizeof(float));
  for (size_t i = 0; i < n; i++) x[i] = ((float)below(2001) - 1000) / (below(50) ? 1000 : 50);
  return x;
}

/// Activations of `columns` values each, split by `k`.
typedef struct {
  float *values;
  int8_t *low, *high;
  uint16_t *blocks, *eights;
  ck_split_activation *splits;
} activations;

static activations make_activations(const ck_kernels *k, size_t tokens, size_t columns, size_t blocks, float large_value) {
  activations x = {
    values_for(tokens * columns), room(64 * tokens * blocks), room(64 * tokens * blocks), room(2 * tokens * blocks), room(16 * tokens * blocks),
    room(tokens * sizeof(ck_split_activation)),
  };
  for (size_t t = 0; t < tokens; t++) {
    x.splits[t] = (ck_split_activation){
      .low = x.low + 64 * t * blocks, .high = x.high + 64 * t * blocks, .large_blocks = x.blocks + t * blocks,
      .high_eights = x.eights + 8 * t * blocks, .blocks = blocks};
    x.splits[t].values = x.values + t * columns;
    k->split_activation(x.values + t * columns, columns, large_value, x.splits + t);
  }
  return x;
}

static void release_activations(activations *x) {
  free(x->values), free(x->low), free(x->high), free(x->blocks), free(x->eights), free(x->splits);
}

typedef struct {
  uint32_t *starts, *rows;
  ck_escape *list;
  float *values;
} escape_memory;

static ck_escapes make_escapes(escape_memory *memory, size_t rows, size_t columns, size_t length) {
  memory->starts = room(4 * (rows + 1));
  memory->starts[0] = 0;
  for (size_t n = 0; n < rows; n++) memory->starts[n + 1] = memory->starts[n] + 4 * (uint32_t)below(4);
  const size_t count = memory->starts[rows];
  memory->list = room(count * sizeof(ck_escape));
  memory->rows = room(count);
  for (size_t n = 0; n < rows; n++) {
    for (uint32_t i = memory->starts[n]; i < memory->starts[n + 1]; i++) {
      memory->list[i] = (ck_escape){(uint16_t)below(columns), (uint16_t)below(3)};
      memory->rows[i / 4] = (uint32_t)n;
    }
  }
  memory->values = values_for(3 * length);
  return (ck_escapes){memory->starts, memory->list, memory->rows, memory->values};
}

static void release_escapes(escape_memory *memory) {
  free(memory->starts), free(memory->rows), free(memory->list), free(memory->values);
}

/// Random codes in the order of `ck_vq_planes`, each below its codebook's size.
static uint8_t *make_planes(size_t rows, size_t blocks, size_t main, size_t rest, size_t *stride) {
  const size_t main_of_four = main <= 64 ? 192 : 256, rest_of_four = rest == 0 ? 0 : rest <= 16 ? 128 : 256;
  const size_t bands = (rows + CK_BAND_ROWS - 1) / CK_BAND_ROWS;
  *stride = 2 * blocks * (main_of_four + rest_of_four);
  uint8_t *codes = bytes_from(bands * *stride, 0);
  for (uint8_t *at = codes; at < codes + bands * *stride; at += main_of_four + rest_of_four) {
    // Where four codes share three bytes, or two one, any byte is a code; with 16 centroids, two bits of each are 0.
    for (size_t i = 0; main == 16 && i < main_of_four; i++) at[i] &= i < 128 ? 0xCF : 0x0F;
    for (size_t i = 0; main > 64 && i < main_of_four; i++) at[i] = (uint8_t)(at[i] % main);
    for (size_t i = 0; rest > 16 && i < rest_of_four; i++) at[main_of_four + i] = (uint8_t)(at[main_of_four + i] % rest);
  }
  return codes;
}

static void planes(const ck_kernels *p, const ck_kernels *k, size_t round) {
  static const size_t lengths[] = {1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20}, mains[] = {16, 64, 100, 128, 200, 256}, rests[] = {0, 16, 64, 100, 256};
  const size_t length = lengths[below(11)], main = mains[below(6)], rest = rests[below(5)];
  const size_t blocks = 1 + below(18), columns = 64 * blocks, rows = 1 + below(40), outputs = rows * length;
  const size_t tokens = 1 + below(round % 8 == 0 ? 530 : 40), groups = tokens / 16;
  size_t stride;
  uint8_t *codes = make_planes(rows, blocks, main, rest, &stride);
  // What both stages add up to often comes back at the other end.
  uint8_t *tables[4];
  for (size_t i = 0; i < 4; i++) tables[i] = bytes_from(256 * length, rest == 0);
  escape_memory memory;
  const ck_escapes escapes = make_escapes(&memory, rows, columns, length);
  ck_vq_planes m = {
    .codes = codes, .band_stride = stride, .columns = columns, .vector_length = (uint32_t)length, .main_count = (uint32_t)main,
    .residual_count = (uint32_t)rest, .main = tables[0], .scale = 0.01f, .escapes = escapes};
  if (rest) {
    m.residual = (const int8_t *)tables[1];
    m.fine_residual = (const int8_t *)tables[3];
  }
  if (rest || k->refines_one_stage) {
    m.fine_columns = 32 * below(2 * blocks + 1);
    m.fine_main = tables[2];
  }
  activations x = make_activations(k, tokens, columns - below(64), blocks, CK_LARGE_VALUE);
  // Escapes read whole rows of values.
  free(x.values);
  x.values = values_for(tokens * columns);
  for (size_t t = 0; t < tokens; t++) x.splits[t].values = x.values + t * columns;
  float *lanes = room((groups + 1) * 16 * columns * sizeof(float));
  for (size_t g = 0; g <= groups; g++) {
    const size_t count = tokens - 16 * g < 16 ? tokens - 16 * g : 16;
    if (count > 0) k->token_lanes(x.values + 16 * g * columns, columns, count, columns, lanes + 16 * g * columns);
  }
  float *own = room(tokens * outputs * sizeof(float)), *alone = room(outputs * sizeof(float)), *portable = room(outputs * sizeof(float));
  void *scratch = room(CK_PLANES_SCRATCH);
  for (size_t i = 0; i < tokens * outputs; i++) own[i] = 1;
  const ck_token_lanes given = {round % 3 ? lanes : NULL, 16 * columns};
  // Activations with lanes need no values of their own.
  const size_t without = given.values && length <= 16 ? 16 * groups : 0;
  for (size_t t = 0; t < without; t++) x.splits[t].values = NULL;
  k->vq_planes_many(&m, 0, rows, x.splits, 1, tokens, given, own, outputs, scratch);
  for (size_t t = 0; t < without; t++) x.splits[t].values = x.values + t * columns;
  for (size_t t = 0; t < tokens; t += 1 + tokens / 5) {
    for (size_t i = 0; i < outputs; i++) portable[i] = 1;
    p->vq_planes_many(&m, 0, rows, x.splits + t, 1, 1, (ck_token_lanes){NULL, 0}, portable, outputs, scratch);
    compare(own + t * outputs, portable, outputs, "vq_planes_many", length, 1000 * main + rest);
    if (main > k->plane_centroids && k->plane_centroids > 0) continue;
    for (size_t i = 0; i < outputs; i++) alone[i] = 1;
    k->vq_planes(&m, 0, rows, x.splits + t, alone);
    compare(alone, portable, outputs, "vq_planes", length, 1000 * main + rest);
    same_bits(own + t * outputs, alone, outputs, "vq_planes_many", length, 1000 * main + rest);
  }
  free(codes), free(tables[0]), free(tables[1]), free(tables[2]), free(tables[3]), free(lanes), free(own), free(alone), free(portable), free(scratch);
  release_escapes(&memory);
  release_activations(&x);
}

static void large_codebooks(const ck_kernels *p, const ck_kernels *k) {
  const size_t length = 1 + below(16), entry = length <= 8 ? 8 : 16, rest_bits = below(2) ? 0 : 1 + below(8);
  const size_t main_bits = 1 + below(16 - (rest_bits > 0)), bits = main_bits + rest_bits;
  const size_t columns = 1 + below(700), blocks = (columns + 63) / 64, rows = 1 + below(12), stride = (columns * bits + 31) / 32 * 4;
  // Sixteen readable bytes follow the last row.
  uint8_t *codes = bytes_from(rows * stride + 16, 0);
  uint8_t *main = bytes_from(entry << main_bits, 1), *rest = bytes_from(entry << rest_bits, 1);
  escape_memory memory;
  ck_vq_bytes m = {
    .codes = codes, .row_stride = stride, .columns = columns, .code_bits = (uint32_t)bits, .main_bits = (uint32_t)main_bits,
    .vector_length = (uint32_t)length, .main = main, .main_scale = 0.01f, .residual_scale = 0.003f,
    .escapes = make_escapes(&memory, rows, columns, length)};
  if (rest_bits) m.residual = rest;
  activations x = make_activations(k, 1, columns, blocks, CK_LARGE_VALUE);
  float *own = room(rows * length * sizeof(float)), *portable = room(rows * length * sizeof(float));
  for (size_t i = 0; i < rows * length; i++) own[i] = portable[i] = 1;
  k->vq_bytes(&m, 0, rows, x.splits, own);
  p->vq_bytes(&m, 0, rows, x.splits, portable);
  compare(own, portable, rows * length, "vq_bytes", length, 100 * main_bits + rest_bits);
  free(codes), free(main), free(rest), free(own), free(portable);
  release_escapes(&memory);
  release_activations(&x);
}

static void dense_bytes(const ck_kernels *p, const ck_kernels *k) {
  const size_t eights = 1 + below(96), blocks = (eights + 7) / 8, rows = 1 + below(50);
  const size_t tokens = 1 + below(below(4) ? 9 : 70);
  uint8_t *bytes = room(64 * ((rows + CK_BAND_ROWS - 1) / CK_BAND_ROWS) * eights);
  float *scales = room(rows * sizeof(float)), *weights = values_for(8 * rows * eights);
  for (size_t r = 0; r < rows; r++) {
    uint8_t *band = bytes + 64 * (r / CK_BAND_ROWS) * eights;
    scales[r] = k->byte_row(weights + 8 * r * eights, eights, band + 8 * (r % CK_BAND_ROWS));
  }
  const ck_byte_matrix w = {bytes, scales, eights};
  activations x = make_activations(k, tokens, 8 * eights - below(8), blocks, below(2) ? 0 : CK_LARGE_VALUE);
  float *own = room(tokens * rows * sizeof(float)), *portable = room(tokens * rows * sizeof(float));
  k->gemv_bytes(&w, 0, rows, x.splits, tokens, own, rows);
  p->gemv_bytes(&w, 0, rows, x.splits, tokens, portable, rows);
  compare(own, portable, tokens * rows, "gemv_bytes", eights, rows);
  for (size_t t = 0; t < tokens; t++) {
    k->gemv_bytes(&w, 0, rows, x.splits + t, 1, portable, rows);
    same_bits(own + t * rows, portable, rows, "gemv_bytes", eights, rows);
  }
  free(bytes), free(scales), free(weights), free(own), free(portable);
  release_activations(&x);
}

static void lanes(const ck_kernels *p, const ck_kernels *k) {
  const size_t n = 1 + below(200);
  float *x = values_for(16 * n), *factors = values_for(n), *own = room(64 * n), *portable = room(64 * n), *rows = room(64 * n);
  float *expected = room(64 * n);
  uint32_t *columns = room(4 * n);
  for (size_t i = 0; i < n; i++) columns[i] = (uint32_t)below(n);
  k->gather_lanes(x, columns, factors, n, own, rows, n);
  p->gather_lanes(x, columns, factors, n, portable, expected, n);
  compare(own, portable, 16 * n, "gather_lanes", n, 0);
  compare(rows, expected, 16 * n, "gather_lanes, rows", n, 0);
  free(x), free(factors), free(own), free(portable), free(rows), free(expected), free(columns);
}

int main(int argc, char **argv) {
  static const char *const names[] = {"portable", "avx2", "avx512", "neon", "avx512vbmi", "neondotprod", "avxvnni", "avx512vnni", "amx"};
  int isa = -1;
  for (int i = 0; argc == 2 && i < (int)(sizeof names / sizeof *names); i++) {
    if (strcmp(argv[1], names[i]) == 0) isa = i;
  }
  const ck_kernels *p = ck_kernels_for(CK_PORTABLE), *k = isa < 0 ? NULL : ck_kernels_for((ck_isa)isa);
  if (!p || !k) {
    fprintf(stderr, "usage: compare_integers avx2|avxvnni|avx512|avx512vnni|avx512vbmi|amx|neon|neondotprod (one this machine can run)\n");
    return 2;
  }
  for (size_t round = 0; round < 400; round++) {
    planes(p, k, round);
    large_codebooks(p, k);
    dense_bytes(p, k);
    lanes(p, k);
  }
  printf("%s, integers: %ld passed, %ld failed\n", k->name, passed, failed);
  return failed > 0;
}
