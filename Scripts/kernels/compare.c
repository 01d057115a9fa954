// Compares every kernel of one instruction set with the portable one:  compare neon|avx2|avxvnni|avx512|avx512vnni|avx512vbmi|amx
// (integer products: compare_integers.c)
//
// Odd sizes, starts off any alignment, every code width and vector length, with and without residual codebook.
// Conversions, packing and unpacking must agree to the bit with the portable kernels; chains of fused multiply-adds
// (panel products, centroid scores), which the portable kernels round twice, with the same chain of `fmaf` below;
// sums of free order to a few units in the last place of their absolute terms.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ckernels.h"

static int passed, failed;

static void check(int holds, const char *what, size_t a, size_t b, size_t c) {
  holds ? passed++ : failed++;
  if (!holds && failed <= 40) printf("FAILED %s (%zu, %zu, %zu)\n", what, a, b, c);
}

// Inputs

static uint64_t state = 0x9E3779B97F4A7C15u;

static uint64_t random_bits(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static float random_float(void) { return (float)(int32_t)(random_bits() >> 32) * 0x1p-30f; }

/// A buffer of `n` bytes that starts `odd` bytes off a 64-byte boundary, with a guard behind it, unless a sanitizer stands guard.
#ifndef GUARD_BYTES
#define GUARD_BYTES 64
#endif
enum { GUARD = GUARD_BYTES };

static void *buffer(size_t n, size_t odd) {
  void *memory = NULL;
  if (posix_memalign(&memory, 64, n + odd + GUARD) != 0) exit(2);
  uint8_t *bytes = memory;
  memset(bytes, 0xA5, n + odd + GUARD);
  return bytes + odd;
}

static void release(void *bytes) { free((void *)((uintptr_t)bytes / 64 * 64)); }

static int guard_intact(const void *start, size_t n) {
  for (size_t i = 0; i < GUARD; i++) {
    if (((const uint8_t *)start)[n + i] != 0xA5) return 0;
  }
  return 1;
}

static float *floats(size_t n, size_t odd) {
  float *x = buffer(n * sizeof(float), 4 * (odd % 4));
  for (size_t i = 0; i < n; i++) x[i] = random_float();
  return x;
}

static float *copy(const float *x, size_t n, size_t odd) {
  float *y = buffer(n * sizeof(float), 4 * (odd % 4));
  memcpy(y, x, n * sizeof(float));
  return y;
}

static int same_bits(const void *a, const void *b, size_t bytes) {
  return memcmp(a, b, bytes) == 0 && guard_intact(a, bytes) && guard_intact(b, bytes);
}

static int near(float a, float b, double bound) { return fabs((double)a - b) <= bound || a == b; }

static int all_near(const float *a, const float *b, size_t n, double relative, double absolute) {
  for (size_t i = 0; i < n; i++) {
    if (!near(a[i], b[i], relative * fabs(a[i]) + absolute)) return 0;
  }
  return guard_intact(a, n * sizeof(float)) && guard_intact(b, n * sizeof(float));
}

static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 257, 1031};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

// Conversions

static void widening(const ck_kernels *p, const ck_kernels *k, ck_storage storage) {
  enum { N = 65536 };
  static uint16_t source[N];
  static float expected[N], actual[N];
  for (int i = 0; i < N; i++) source[i] = (uint16_t)i;
  (storage == CK_F16 ? p->f16_to_f32 : p->bf16_to_f32)(source, expected, N);
  (storage == CK_F16 ? k->f16_to_f32 : k->bf16_to_f32)(source, actual, N);
  size_t wrong = 0;
  for (int i = 0; i < N; i++) {
    wrong += memcmp(expected + i, actual + i, 4) != 0;
  }
  check(wrong == 0, storage == CK_F16 ? "f16_to_f32" : "bf16_to_f32", N, wrong, 0);
}

static void narrowing(const ck_kernels *p, const ck_kernels *k, ck_storage storage) {
  enum { N = 1 << 18 };
  static float source[N];
  static uint16_t expected[N], actual[N];
  for (uint32_t i = 0; i < N; i++) {
    // Every upper half, with lower bits around the ties of both formats; then random bits.
    static const uint16_t low[3] = {0x0000, 0x8000, 0x1000};
    const uint32_t bits = i < 3 * 65536 ? i % 65536 << 16 | low[i / 65536] : (uint32_t)(random_bits() >> 32);
    memcpy(source + i, &bits, 4);
  }
  (storage == CK_F16 ? p->f32_to_f16 : p->f32_to_bf16)(source, expected, N);
  (storage == CK_F16 ? k->f32_to_f16 : k->f32_to_bf16)(source, actual, N);
  size_t wrong = 0;
  for (int i = 0; i < N; i++) {
    wrong += actual[i] != expected[i];
  }
  check(wrong == 0, storage == CK_F16 ? "f32_to_f16" : "f32_to_bf16", N, wrong, 0);
}

static void conversion_tails(const ck_kernels *p, const ck_kernels *k) {
  for (size_t s = 0; s < SIZES; s++) {
    const size_t n = sizes[s];
    for (int storage = CK_F16; storage <= CK_BF16; storage++) {
      float *x = floats(n, s), *a = buffer(n * 4, 4), *b = buffer(n * 4, 12);
      uint16_t *u = buffer(n * 2, 2), *v = buffer(n * 2, 6);
      (storage == CK_F16 ? p->f32_to_f16 : p->f32_to_bf16)(x, u, n);
      (storage == CK_F16 ? k->f32_to_f16 : k->f32_to_bf16)(x, v, n);
      check(same_bits(u, v, n * 2), "narrowing tail", n, storage, 0);
      (storage == CK_F16 ? p->f16_to_f32 : p->bf16_to_f32)(u, a, n);
      (storage == CK_F16 ? k->f16_to_f32 : k->bf16_to_f32)(u, b, n);
      check(same_bits(a, b, n * 4), "widening tail", n, storage, 0);
      release(x), release(a), release(b), release(u), release(v);
    }
  }
}

// Dense products

/// `n` random numbers as stored in `storage`.
static void *stored(const ck_kernels *p, size_t n, ck_storage storage) {
  float *x = floats(n, 1);
  if (storage == CK_F32) return x;
  uint16_t *halves = buffer(n * 2, 2);
  (storage == CK_F16 ? p->f32_to_f16 : p->f32_to_bf16)(x, halves, n);
  release(x);
  return halves;
}

static void dense_vector(const ck_kernels *p, const ck_kernels *k, size_t rows, size_t columns, ck_storage storage) {
  char *w = stored(p, rows * columns, storage);
  float *x = floats(columns, 3), *a = floats(rows, 1), *b = floats(rows, 2);
  p->gemv(w, storage, rows, columns, x, a);
  k->gemv(w, storage, rows, columns, x, b);
  check(all_near(a, b, rows, 1e-6, 4e-6 * sqrt((double)columns)), "gemv", rows, columns, storage);
  int alone = 1;
  const size_t width = storage == CK_F32 ? 4 : 2;
  for (size_t r = 0; r < rows; r++) {
    float y;
    k->gemv(w + r * columns * width, storage, 1, columns, x, &y);
    alone &= y == b[r];
  }
  check(alone, "gemv, rows alone", rows, columns, storage);
  release(w), release(x), release(a), release(b);
}

/// The panel product as the header defines it.
static void fused_panel(
  const float *x, size_t x_stride, size_t tokens, const float *panel, size_t columns, float *y, size_t y_stride,
  size_t rows, int accumulate) {
  for (size_t t = 0; t < tokens; t++) {
    for (size_t r = 0; r < rows; r++) {
      float sum = accumulate ? y[t * y_stride + r] : 0;
      for (size_t k = 0; k < columns; k++) sum = fmaf(x[t * x_stride + k], panel[k * CK_PANEL + r], sum);
      y[t * y_stride + r] = sum;
    }
  }
}

static void dense_panel(const ck_kernels *p, const ck_kernels *k, size_t rows, size_t columns, ck_storage storage) {
  const size_t stride = columns + 3, n = columns * CK_PANEL;
  void *w = stored(p, rows * stride, storage);
  float *a = floats(n, 1), *b = floats(n, 2);
  p->pack_panel(w, storage, stride, rows, columns, a);
  k->pack_panel(w, storage, stride, rows, columns, b);
  check(same_bits(a, b, n * 4), "pack_panel", rows, columns, storage);
  for (size_t tokens = 1; tokens <= 14; tokens++) {
    const size_t x_stride = columns + 1, y_stride = rows + tokens % 3, m = tokens * y_stride;
    float *x = floats(tokens * x_stride, tokens);
    for (int accumulate = 0; accumulate <= 1; accumulate++) {
      float *y = floats(m, 1), *z = copy(y, m, 3), *s = copy(y, m, 2), *u = copy(y, m, 2);
      fused_panel(x, x_stride, tokens, a, columns, y, y_stride, rows, accumulate);
      p->gemm_panel(x, x_stride, tokens, a, columns, u, y_stride, rows, accumulate);
      k->gemm_panel(x, x_stride, tokens, a, columns, z, y_stride, rows, accumulate);
      check(same_bits(y, z, m * 4), accumulate ? "gemm_panel, adding" : "gemm_panel", rows, columns, tokens);
      const int close = all_near(u, z, m, 1e-6, 4e-6 * sqrt((double)columns));
      check(close, "gemm_panel, portable", rows, columns, tokens);
      for (size_t t = 0; t < tokens; t++) {
        k->gemm_panel(x + t * x_stride, x_stride, 1, a, columns, s + t * y_stride, y_stride, rows, accumulate);
      }
      check(same_bits(z, s, m * 4), "gemm_panel, tokens alone", rows, columns, tokens);
      release(y), release(z), release(s), release(u);
    }
    release(x);
  }
  release(w), release(a), release(b);
}

static void dense(const ck_kernels *p, const ck_kernels *k) {
  static const size_t rows[] = {1, 2, 3, 4, 5, 7, 8, 13, 31, 32};
  for (int storage = CK_F32; storage <= CK_BF16; storage++) {
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
      for (size_t s = 0; s < SIZES; s++) {
        dense_vector(p, k, rows[r], sizes[s], storage);
        if (storage == CK_F32 || s % 3 == 0) dense_panel(p, k, rows[r], sizes[s], storage);
      }
    }
  }
}

// Vector-quantized products

static void put_code(uint8_t *codes, size_t bit, uint32_t bits, uint32_t code) {
  for (uint32_t i = 0; i < bits; i++, bit++) {
    codes[bit / 8] = (uint8_t)((codes[bit / 8] & ~(1u << bit % 8)) | (code >> i & 1) << bit % 8);
  }
}

static void code_streams(const ck_kernels *p, const ck_kernels *k) {
  for (uint32_t bits = 1; bits <= 32; bits++) {
    for (size_t first = 0; first < 19; first++) {
      for (size_t s = 0; s < SIZES - 1; s++) {
        const size_t n = sizes[s], length = (first + n * bits + 7) / 8 + 16;
        uint8_t *codes = buffer(length, first * 3 % 16);
        for (size_t i = 0; i < length; i++) codes[i] = (uint8_t)random_bits();
        uint32_t *a = buffer(n * 4, 4), *b = buffer(n * 4, 8);
        p->unpack_codes(codes, first, bits, n, a);
        k->unpack_codes(codes, first, bits, n, b);
        check(same_bits(a, b, n * 4), "unpack_codes", bits, first, n);
        release(codes), release(a), release(b);
      }
    }
  }
}

static float *codebook(size_t count, size_t length, size_t stride) {
  float *table = floats(count * stride, length);
  for (size_t i = 0; i < count * stride; i++) {
    if (i % stride >= length) table[i] = 0;
  }
  return table;
}

static void vq_matrix(
  const ck_kernels *p, const ck_kernels *k, uint32_t length, uint32_t main_bits, uint32_t residual_bits,
  size_t rows, size_t columns) {
  const uint32_t stride = (length + 3) / 4 * 4, bits = main_bits + residual_bits;
  const uint32_t main_count = 1u << (main_bits < 10 ? main_bits : 10);
  const uint32_t residual_count = 1u << (residual_bits < 10 ? residual_bits : 10);
  const size_t row_stride = (columns * bits + 7) / 8 + rows % 3, bytes = rows * row_stride + 16;
  uint8_t *codes = buffer(bytes, length % 16);
  memset(codes, 0, bytes);
  for (size_t n = 0; n < rows; n++) {
    for (size_t c = 0; c < columns; c++) {
      const uint32_t main = random_bits() % main_count, rest = random_bits() % residual_count;
      put_code(codes + n * row_stride, c * bits, bits, residual_bits ? main | rest << main_bits : main);
    }
  }
  float *table = codebook(main_count, length, stride), *residual = codebook(residual_count, length, stride);
  const ck_vq_matrix m = {
    codes, row_stride, columns, bits, residual_bits ? main_bits : bits, length, stride, table,
    residual_bits ? residual : NULL};

  const size_t outputs = rows * length;
  float *x = floats(columns, 1), *a = floats(outputs, 2), *b = copy(a, outputs, 3), *s = copy(a, outputs, 1);
  p->vq_gemv(&m, 0, rows, x, a);
  k->vq_gemv(&m, 0, rows, x, b);
  check(all_near(a, b, outputs, 1e-6, 8e-6 * sqrt((double)columns)), "vq_gemv", length, bits, residual_bits);
  for (size_t n = 0; n < rows; n++) k->vq_gemv(&m, n, n + 1, x, s + n * length);
  check(same_bits(b, s, outputs * 4), "vq_gemv, rows alone", length, bits, residual_bits);

  // Panels of 32 outputs as the caller cuts them: vectors may straddle two panels.
  for (size_t o = 0; o < outputs; o += CK_PANEL) {
    const size_t width = outputs - o < CK_PANEL ? outputs - o : CK_PANEL;
    const size_t first = o / length, last = (o + width + length - 1) / length;
    const size_t c0 = columns / 3, n = (columns - c0) * CK_PANEL;
    float *u = floats(n, 1), *v = floats(n, 3);
    p->vq_panel(&m, first, last, o - first * length, width, c0, columns, u);
    k->vq_panel(&m, first, last, o - first * length, width, c0, columns, v);
    check(same_bits(u, v, n * 4), "vq_panel", length, bits, width);
    release(u), release(v);
  }
  release(codes), release(table), release(residual), release(x), release(a), release(b), release(s);
}

static void vector_quantized(const ck_kernels *p, const ck_kernels *k) {
  static const size_t columns[] = {1, 7, 64, 301, 515};
  for (uint32_t length = 1; length <= 16; length++) {
    for (uint32_t bits = 1; bits <= 32; bits++) {
      const size_t rows = 1 + (length * 5 + bits) % 9, width = columns[(length + bits) % 5];
      vq_matrix(p, k, length, bits, 0, rows, width);
      if (bits > 1) vq_matrix(p, k, length, (bits + 1) / 2, bits / 2, rows, width);
    }
  }
  for (uint32_t length = 17; length <= 40; length += 5) {
    vq_matrix(p, k, length, 12, 0, 5, 77);
    vq_matrix(p, k, length, 8, 4, 6, 77);
  }
}

// Transformer pieces

static void vectors(const ck_kernels *p, const ck_kernels *k, size_t n, size_t odd) {
  float *x = floats(n, odd), *w = floats(n, odd + 1), *a = copy(w, n, odd + 2), *b = copy(w, n, odd + 3);
  p->rms_norm(x, w, 1e-5f, n, a);
  k->rms_norm(x, w, 1e-5f, n, b);
  check(all_near(a, b, n, 1e-6, 0), "rms_norm", n, odd, 0);

  check(near(p->dot(x, w, n), k->dot(x, w, n), 4e-6 * sqrt((double)n)), "dot", n, odd, 0);
  memcpy(a, w, n * 4);
  memcpy(b, w, n * 4);
  p->axpy(0.7f, x, a, n);
  k->axpy(0.7f, x, b, n);
  check(all_near(a, b, n, 1e-6, 4e-7), "axpy", n, odd, 0);

  for (size_t i = 0; i < n; i++) x[i] *= i % 7 == 6 ? 60 : 8;
  p->silu_multiply(x, w, a, n);
  k->silu_multiply(x, w, b, n);
  check(all_near(a, b, n, 1e-6, 1e-37), "silu_multiply", n, odd, 0);
  memcpy(b, x, n * 4);
  k->silu_multiply(b, w, b, n);
  check(all_near(a, b, n, 1e-6, 1e-37), "silu_multiply in place", n, odd, 0);
  p->gelu_multiply(x, w, a, n);
  k->gelu_multiply(x, w, b, n);
  check(all_near(a, b, n, 2e-6, 1e-7), "gelu_multiply", n, odd, 0);
  memcpy(a, x, n * sizeof(float));
  memcpy(b, x, n * sizeof(float));
  p->soft_cap(a, n, 30);
  k->soft_cap(b, n, 30);
  check(all_near(a, b, n, 0, 1e-5), "soft_cap", n, odd, 0);

  for (size_t i = 1; i < n; i += 5) x[i] = -INFINITY;
  memcpy(a, x, n * 4);
  memcpy(b, x, n * 4);
  p->softmax(a, n);
  k->softmax(b, n);
  check(all_near(a, b, n, 1e-6, 1e-37), "softmax", n, odd, 0);
  int zeros = 1;
  for (size_t i = 1; i < n; i += 5) zeros &= b[i] == 0;
  check(zeros, "softmax of -inf", n, odd, 0);
  release(x), release(w), release(a), release(b);
}

static void heads(const ck_kernels *p, const ck_kernels *k, size_t half, size_t count) {
  const size_t dim = 2 * half + half % 3, n = dim * count;
  float *x = floats(n, 1), *y = copy(x, n, 2), *cosine = floats(half, 3), *sine = floats(half, 1);
  p->rotary(x, count, dim, half, cosine, sine);
  k->rotary(y, count, dim, half, cosine, sine);
  check(all_near(x, y, n, 1e-6, 2e-6), "rotary", half, count, 0);

  release(x), release(y), release(cosine), release(sine);
}

/// `count` positions of `dim` values, one stride apart, stored in each way, met by several queries.
static void attention(const ck_kernels *p, const ck_kernels *k, size_t dim, size_t count) {
  const size_t stride = dim + 3, n = stride * count;
  static const ck_storage storages[] = {CK_F32, CK_F16, CK_BF16, CK_I8};
  for (size_t s = 0; s < 4; s++) {
    float *numbers = floats(n, 2);
    const size_t size = storages[s] == CK_F32 ? 4 : storages[s] == CK_I8 ? 1 : 2;
    char *keys = malloc(n * size + 1);
    if (storages[s] == CK_F32) memcpy(keys, numbers, n * size);
    else if (storages[s] == CK_F16) p->f32_to_f16(numbers, (uint16_t *)keys, n);
    else if (storages[s] == CK_BF16) p->f32_to_bf16(numbers, (uint16_t *)keys, n);
    else for (size_t i = 0; i < n; i++) keys[i] = (char)(signed char)(60 * numbers[i]);
    const double unit = storages[s] == CK_I8 ? 100 : 1;
    for (size_t queries = 1; queries <= 6; queries++) {
      float *q = floats(queries * dim, 1), *a = floats(queries * count, 1), *b = floats(queries * count, 3);
      p->attention_scores(q, queries, keys, storages[s], stride, count, dim, 0.3f, a, count);
      k->attention_scores(q, queries, keys, storages[s], stride, count, dim, 0.3f, b, count);
      check(all_near(a, b, queries * count, 1e-6, 4e-6 * unit * sqrt((double)dim)), "attention_scores", dim, count, s);
      float *u = floats(queries * dim, 1), *v = floats(queries * dim, 2), *w = floats(dim, 2);
      int alone = 1;
      for (size_t i = 0; i < queries; i++) {
        for (size_t t = 0; t < count; t++) {
          float one;
          k->attention_scores(
            q + i * dim, 1, keys + t * stride * size, storages[s], stride, 1, dim, 0.3f, &one, 1);
          alone &= one == b[i * count + t];
        }
      }
      check(alone, "attention_scores, alone", dim, count, s);
      for (size_t i = 0; i < queries * count; i++) a[i] = sinf((float)i);
      p->attention_mix(a, count, queries, keys, storages[s], stride, count, dim, u);
      k->attention_mix(a, count, queries, keys, storages[s], stride, count, dim, v);
      check(
        all_near(u, v, queries * dim, 1e-6, 1e-5 * unit * sqrt((double)(dim * count))), "attention_mix", dim, count, s);
      k->attention_mix(a + (queries - 1) * count, count, 1, keys, storages[s], stride, count, dim, w);
      check(!memcmp(w, v + (queries - 1) * dim, dim * sizeof *w), "attention_mix, alone", dim, count, s);
      release(q), release(a), release(b), release(u), release(v), release(w);
    }
    free(keys);
    release(numbers);
  }
}

// Nearest centroids

static float fused_score(const float *x, size_t dimension, const float *blocked, float half_norm, size_t i) {
  float score = half_norm;
  for (size_t j = 0; j < dimension; j++) score = fmaf(-x[j], blocked[(i / 16 * dimension + j) * 16 + i % 16], score);
  return score;
}

static void centroids(const ck_kernels *p, const ck_kernels *k, size_t dimension, size_t count, size_t n, int coarse) {
  const size_t blocks = (count + 15) / 16, padded = blocks * 16;
  float *table = floats(count * dimension, 1), *x = floats(n * dimension, 3);
  // Coarse values give exact ties.
  for (size_t i = 0; coarse && i < count * dimension; i++) table[i] = roundf(table[i]);
  for (size_t i = 0; coarse && i < n * dimension; i++) x[i] = roundf(x[i]);
  float *blocked = floats(padded * dimension, 1), *half_norms = floats(padded, 2);
  ck_block_codebook(table, count, dimension, blocked, half_norms);
  int32_t *i = buffer(n * 4, 4), *j = buffer(n * 4, 8);
  float *a = floats(n, 1), *b = floats(n, 2), *s = floats(padded, 1), *t = floats(padded, 3), *u = floats(padded, 2);
  for (size_t v = 0; v < n; v++) {
    for (size_t c = 0; c < padded; c++) {
      const float score = fused_score(x + v * dimension, dimension, blocked, half_norms[c], c);
      if (v == 0) s[c] = score;
      if (c == 0 || score < a[v]) a[v] = score, i[v] = (int32_t)c;
    }
  }
  k->nearest_centroid(x, n, dimension, blocked, half_norms, blocks, j, b);
  check(same_bits(i, j, n * 4), "nearest_centroid", dimension, count, n);
  check(same_bits(a, b, n * 4), "nearest_centroid, best", dimension, count, n);
  k->nearest_centroid(x, n, dimension, blocked, half_norms, blocks, j, NULL);
  check(same_bits(i, j, n * 4), "nearest_centroid, no best", dimension, count, n);
  // All centroids, by score: their scores put back in order are the chain's. Then by boxes, which must change nothing.
  const ck_codebook all = {.dimension = dimension, .blocks = blocks, .blocked = blocked, .half_norms = half_norms};
  int32_t *o = buffer(count * 4, 4), *q = buffer(padded * 4, 8);
  k->search_centroids(x, 1, &all, NULL, count, o, t);
  for (size_t c = 0; c < padded; c++) u[c < count ? o[c] : (int32_t)c] = c < count ? t[c] : s[c];
  check(same_bits(s, u, padded * 4), "search_centroids", dimension, count, n);
  if ((blocks & (blocks - 1)) == 0) {
    for (size_t c = 0; c < padded; c++) q[c] = (int32_t)c;
    const size_t set = 16 * (2 * dimension + 1);
    float *boxes = floats((blocks + 15) / 16 * set, 1), *groups = floats((blocks + 255) / 256 * set, 2);
    float *cuts = floats(blocks, 3);
    uint16_t *axes = buffer(blocks * 2, 2);
    memset(axes, 0, blocks * 2);
    ck_bound_codebook(blocked, half_norms, blocks, dimension, boxes, groups);
    const ck_codebook tree = {
      .dimension = dimension, .blocks = blocks, .blocked = blocked, .half_norms = half_norms, .order = q, .places = q,
      .axes = axes, .cuts = cuts, .block_boxes = boxes, .group_boxes = groups,
    };
    k->search_centroids(x, n, &tree, NULL, 1, j, b);
    check(same_bits(i, j, n * 4), "search_centroids, boxes", dimension, count, n);
    check(same_bits(a, b, n * 4), "search_centroids, boxes, scores", dimension, count, n);
    release(boxes), release(groups), release(cuts), release(axes);
  }
  release(o), release(q);
  p->nearest_centroid(x, n, dimension, blocked, half_norms, blocks, j, b);
  check(all_near(a, b, n, 1e-6, 4e-6 * (double)dimension), "nearest_centroid, portable", dimension, count, n);
  check(!coarse || same_bits(i, j, n * 4), "nearest_centroid, portable ties", dimension, count, n);
  release(table), release(x), release(blocked), release(half_norms);
  release(i), release(j), release(a), release(b), release(s), release(t), release(u);
}

/// Products of floats are exact in double and every element is one chain, so all kernels agree to the bit.
static void moments(const ck_kernels *p, const ck_kernels *k, size_t tokens, size_t n, size_t row, size_t column) {
  const size_t stride = n + tokens % 5;
  float *x = floats(tokens * stride, n);
  double *a = buffer(n * n * sizeof(double), 0), *b = buffer(n * n * sizeof(double), 0);
  for (size_t i = 0; i < n * n; i++) a[i] = b[i] = (double)random_float();
  p->second_moment(x, stride, tokens, row, n, column, n, a, n);
  k->second_moment(x, stride, tokens, row, n, column, n, b, n);
  check(same_bits(a, b, n * n * sizeof(double)), "second_moment", tokens, n, row);
  release(x), release(a), release(b);
}

/// Loops of free order, so near, relative to the terms, which are at most a few units.
static void gradients(const ck_kernels *p, const ck_kernels *k, size_t n, size_t odd) {
  float *x = floats(n, odd), *w = floats(n, odd + 1), *d = floats(n, odd + 2);
  float *a = floats(n, odd + 3), *b = copy(a, n, odd), *e = floats(n, odd), *f = copy(e, n, odd + 1);
  p->rms_norm_gradient(x, w, d, 1e-5f, n, a, e);
  k->rms_norm_gradient(x, w, d, 1e-5f, n, b, f);
  check(all_near(a, b, n, 1e-5, 1e-5) && all_near(e, f, n, 1e-5, 1e-5), "rms_norm_gradient", n, odd, 0);
  p->silu_gradient(x, w, d, n, a, e);
  k->silu_gradient(x, w, d, n, b, f);
  check(all_near(a, b, n, 1e-5, 1e-6) && all_near(e, f, n, 1e-5, 1e-6), "silu_gradient", n, odd, 0);
  p->gelu_gradient(x, w, d, n, a, e);
  k->gelu_gradient(x, w, d, n, b, f);
  check(all_near(a, b, n, 1e-5, 1e-6) && all_near(e, f, n, 1e-5, 1e-6), "gelu_gradient", n, odd, 0);
  p->softmax_gradient(x, 0.5f, n, a);
  k->softmax_gradient(x, 0.5f, n, b);
  check(all_near(a, b, n, 1e-5, 1e-6 * (double)n), "softmax_gradient", n, odd, 0);
  const double one = p->divergence_gradient(a, e, n, 0.5f), two = k->divergence_gradient(b, f, n, 0.5f);
  check(all_near(e, f, n, 1e-5, 1e-6) && fabs(one - two) < 1e-4, "divergence_gradient", n, odd, 0);
  const ck_adam step = {0.01f, 0.9f, 0.95f, 1e-8f, 10, 20, 0.5f};
  release(a), release(b);
  a = floats(n, odd), b = copy(a, n, odd + 1);
  float *m = floats(n, odd), *o = copy(m, n, odd + 1), *s = floats(n, odd + 2), *t;
  for (size_t i = 0; i < n; i++) s[i] = fabsf(s[i]);
  t = copy(s, n, odd);
  p->adam(&step, d, n, m, s, a);
  k->adam(&step, d, n, o, t, b);
  check(all_near(m, o, n, 1e-5, 1e-6) && all_near(s, t, n, 1e-5, 1e-6), "adam", n, odd, 0);
  check(all_near(a, b, n, 1e-5, 1e-6), "adam, values", n, odd, 0);
  release(x), release(w), release(d), release(a), release(b), release(e), release(f);
  release(m), release(o), release(s), release(t);
}

/// Main and residual codes of one column, for vectors of `length`.
static void columns(const ck_kernels *p, const ck_kernels *k, size_t length, int has_residual) {
  enum { VECTORS = 70, CENTROIDS = 9 };
  uint16_t codes[VECTORS], residual_codes[VECTORS];
  for (size_t i = 0; i < VECTORS; i++) {
    codes[i] = (uint16_t)(random_bits() >> 33) % CENTROIDS;
    residual_codes[i] = (uint16_t)(random_bits() >> 33) % CENTROIDS;
  }
  const size_t table = CENTROIDS * length, n = VECTORS * length;
  float *main = floats(table, 1), *residual = floats(table, 2), *d = floats(n, 3), *a = floats(n, 0), *b = floats(n, 1);
  const ck_vq_column column = {
    codes, has_residual ? residual_codes : NULL, VECTORS, length, main, has_residual ? residual : NULL};
  p->vq_column(&column, 1.5f, 0.25f, a);
  k->vq_column(&column, 1.5f, 0.25f, b);
  check(all_near(a, b, n, 1e-6, 1e-6), "vq_column", length, (size_t)has_residual, 0);
  float *s = floats(table, 0), *t = copy(s, table, 1), *u = floats(table, 2), *v = copy(u, table, 3);
  double sums[4];
  p->vq_column_gradient(&column, d, 1.5f, s, has_residual ? u : NULL, sums, sums + 1);
  k->vq_column_gradient(&column, d, 1.5f, t, has_residual ? v : NULL, sums + 2, sums + 3);
  check(all_near(s, t, table, 1e-5, 1e-5) && all_near(u, v, table, 1e-5, 1e-5), "vq_column_gradient", length, 0, 0);
  check(
    fabs(sums[0] - sums[2]) < 1e-3 && fabs(sums[1] - sums[3]) < 1e-3, "vq_column_gradient, sums", length, 0, 0);
  release(main), release(residual), release(d), release(a), release(b);
  release(s), release(t), release(u), release(v);
}

/// alpha A B of factors rounded to bfloat16, of matrices and transposes, written or added.
static void rounded_products(const ck_kernels *p, const ck_kernels *k, size_t m, size_t n, size_t depth) {
  for (int form = 0; form < 8; form++) {
    const int is_left = form & 1, is_right = form >> 1 & 1, is_adding = form >> 2;
    const size_t a_rows = is_left ? depth : m, a_columns = is_left ? m : depth;
    const size_t b_rows = is_right ? n : depth, b_columns = is_right ? depth : n;
    const size_t a_stride = a_columns + form, b_stride = b_columns + 3, c_stride = n + 1, c_count = (m - 1) * c_stride + n;
    float *a = floats((a_rows - 1) * a_stride + a_columns, m), *b = floats((b_rows - 1) * b_stride + b_columns, n);
    float *expected = floats(c_count, 1), *actual = copy(expected, c_count, 2);
    float *scratch = buffer((m + n + 64) * CK_PRODUCT_DEPTH / 2 * sizeof(float), 4);
    p->product_bf16(a, a_stride, is_left, b, b_stride, is_right, 0.5f, expected, c_stride, m, n, depth, is_adding, scratch);
    k->product_bf16(a, a_stride, is_left, b, b_stride, is_right, 0.5f, actual, c_stride, m, n, depth, is_adding, scratch);
    size_t wrong = 0;
    for (size_t i = 0; i < c_count; i++) {
      // What lies between rows of results stays as it was.
      const double bound = i % c_stride == n ? 0 : 2e-6 * (double)depth + 1e-6;
      wrong += !near(expected[i], actual[i], bound);
    }
    check(
      wrong == 0 && guard_intact(actual, c_count * sizeof(float))
        && guard_intact(scratch, (m + n + 64) * CK_PRODUCT_DEPTH / 2 * sizeof(float)),
      "product_bf16", m * 1000 + n, depth, (size_t)form);
    release(a);
    release(b);
    release(expected);
    release(actual);
    release(scratch);
  }
}

int main(int argc, char **argv) {
  static const char *const names[] = {"portable", "avx2", "avx512", "neon", "avx512vbmi", "neondotprod", "avxvnni", "avx512vnni", "amx"};
  int isa = -1;
  for (int i = 0; argc == 2 && i < (int)(sizeof names / sizeof *names); i++) {
    if (strcmp(argv[1], names[i]) == 0) isa = i;
  }
  const ck_kernels *p = ck_kernels_for(CK_PORTABLE);
  const ck_kernels *k = isa < 0 ? NULL : ck_kernels_for((ck_isa)isa);
  if (!p || !k) {
    fprintf(stderr, "usage: compare avx2|avxvnni|avx512|avx512vnni|avx512vbmi|amx|neon|neondotprod (one this machine can run)\n");
    return 2;
  }
  for (int storage = CK_F16; storage <= CK_BF16; storage++) {
    widening(p, k, storage);
    narrowing(p, k, storage);
  }
  conversion_tails(p, k);
  dense(p, k);
  code_streams(p, k);
  vector_quantized(p, k);
  for (size_t s = 0; s < SIZES; s++) {
    for (size_t odd = 0; odd < 4; odd++) vectors(p, k, sizes[s], odd);
    if (sizes[s] > 257) continue;
    for (size_t count = 1; count <= 9; count++) {
      heads(p, k, sizes[s], count);
      attention(p, k, sizes[s], count);
    }
  }
  for (size_t dimension = 1; dimension <= 17; dimension++) {
    for (size_t s = 0; s < SIZES; s++) {
      centroids(p, k, dimension, sizes[s], 1 + (s + dimension) % 9, 0);
      centroids(p, k, dimension, sizes[s], 1 + (s + dimension) % 9, 1);
    }
  }
  for (size_t s = 0; s < SIZES; s++) {
    if (sizes[s] > 257) continue;
    for (size_t tokens = 0; tokens <= 70; tokens += 7) moments(p, k, tokens, sizes[s], sizes[s] / 3, sizes[s] / 2);
  }
  for (size_t s = 0; s < SIZES; s++) {
    for (size_t odd = 0; odd < 4; odd++) gradients(p, k, sizes[s], odd);
  }
  static const size_t sides[] = {1, 5, 16, 17, 32, 33, 50}, depths[] = {1, 2, 31, 32, 33, 257, CK_PRODUCT_DEPTH, CK_PRODUCT_DEPTH + 1, 1000};
  for (size_t i = 0; i < 7; i++) {
    for (size_t d = 0; d < 9; d++) rounded_products(p, k, sides[i], sides[(i + d) % 7], depths[d]);
  }
  for (size_t length = 1; length <= 17; length++) {
    for (int has_residual = 0; has_residual < 2; has_residual++) columns(p, k, length, has_residual);
  }
  printf("%s: %d passed, %d failed\n", k->name, passed, failed);
  return failed != 0;
}
