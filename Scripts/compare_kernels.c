// Times products of one activation with 4096 x 4096 weights beside ggml's, by turns; Scripts/compare-kernels builds and starts it.
//
// Both sides multiply what a model would: the activation comes in float32 and is brought to the kernel's own form within the
// time. Of every shape there are several matrices that take turns, so that weights come from memory. Codes are random, and one in
// a hundred of ours has an escape; ggml quantizes 64 rows of Gaussian weights, which are repeated.
//
// Prints a Markdown table: weights per nanosecond, the median of the rounds, and the ratio to three peers of the same round.

#include "ckernels.h"
#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "ggml.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { N = 4096, MATRICES = 4, ROUNDS = 21, MOST_ITEMS = 40 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t state = 88172645463325252ull;

static uint64_t next_random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static float gaussian(void) {
  float sum = 0;
  for (int i = 0; i < 12; i++) sum += (float)(next_random() >> 40) / 16777216.0f;
  return sum - 6;
}

static void *pages(size_t bytes) {
  const size_t huge = 2 << 20, whole = (bytes + huge) / huge * huge;
  void *memory = aligned_alloc(huge, whole);
  if (!memory) abort();
#ifdef MADV_HUGEPAGE
  madvise(memory, whole, MADV_HUGEPAGE);
#endif
  return memory;
}

// Two threads: the second spins between the matrices of one of our items, as both sides' pools do, and sleeps while ggml's
// threads work.

typedef void (*half_work)(void *item, int matrix, int part, int parts);

static struct {
  atomic_int ticket, done, is_awake;
  pthread_mutex_t mutex;
  pthread_cond_t change;
  half_work work;
  void *item;
  int matrix;
} second = {.mutex = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static void *second_thread(void *unused) {
  int seen = 0;
  (void)unused;
  for (;;) {
    pthread_mutex_lock(&second.mutex);
    while (!atomic_load(&second.is_awake)) pthread_cond_wait(&second.change, &second.mutex);
    pthread_mutex_unlock(&second.mutex);
    while (atomic_load_explicit(&second.is_awake, memory_order_relaxed)) {
      if (atomic_load_explicit(&second.ticket, memory_order_acquire) == seen) continue;
      seen++;
      second.work(second.item, second.matrix, 1, 2);
      atomic_store_explicit(&second.done, seen, memory_order_release);
    }
  }
  return NULL;
}

static void set_awake(int is_awake) {
  pthread_mutex_lock(&second.mutex);
  atomic_store(&second.is_awake, is_awake);
  pthread_cond_signal(&second.change);
  pthread_mutex_unlock(&second.mutex);
}

static void in_threads(int threads, half_work work, void *item, int matrix) {
  if (threads == 1) {
    work(item, matrix, 0, 1);
    return;
  }
  second.work = work;
  second.item = item;
  second.matrix = matrix;
  const int ticket = atomic_load(&second.ticket) + 1;
  atomic_store_explicit(&second.ticket, ticket, memory_order_release);
  work(item, matrix, 0, 2);
  while (atomic_load_explicit(&second.done, memory_order_acquire) != ticket) {}
}

// Ours

typedef struct {
  const ck_kernels *kernels;
  size_t rows, v;
  ck_vq_planes planes[MATRICES];
  ck_vq_bytes packed[MATRICES];
  int is_packed;
  ck_split_activation x;
  float *y;
} our_item;

static float activation[N];

static void our_work(void *pointer, int matrix, int part, int parts) {
  our_item *item = pointer;
  // Tasks begin with whole bands.
  const size_t middle = item->rows / 2 / CK_BAND_ROWS * CK_BAND_ROWS;
  const size_t first = part == 0 ? 0 : middle, last = parts == 1 || part == 1 ? item->rows : middle;
  float *y = item->y + first * item->v;
  memset(y, 0, (last - first) * item->v * 4);
  if (item->is_packed) item->kernels->vq_bytes(item->packed + matrix, first, last, &item->x, y);
  else item->kernels->vq_planes(item->planes + matrix, first, last, &item->x, y);
}

static void run_ours(void *pointer, int threads) {
  our_item *item = pointer;
  for (int m = 0; m < MATRICES; m++) {
    item->kernels->split_activation(activation, N, CK_LARGE_VALUE, &item->x);
    in_threads(threads, our_work, item, m);
  }
}

static ck_escapes escapes(size_t rows, size_t v) {
  const size_t entries = 4, per_row = N / 100;
  uint32_t *starts = malloc((rows + 1) * sizeof *starts);
  ck_escape *list = malloc(rows * per_row * sizeof *list);
  float *values = calloc(entries * v, sizeof *values);
  uint32_t *row_of_four = malloc(rows * per_row / 4 * sizeof *row_of_four);
  for (size_t n = 0; n <= rows; n++) starts[n] = (uint32_t)(n * per_row);
  for (size_t i = 0; i < rows * per_row / 4; i++) row_of_four[i] = (uint32_t)(4 * i / per_row);
  for (size_t i = 0; i < rows * per_row; i++) {
    list[i] = (ck_escape){(uint16_t)(i % per_row * 100 + next_random() % 100), (uint16_t)(i % entries)};
  }
  return (ck_escapes){starts, list, row_of_four, values};
}

static int log2_of(size_t k) {
  int bits = 0;
  while ((1u << bits) < k) bits++;
  return bits;
}

/// A shape, as planes where its codebooks are small enough, else packed.
static our_item *make_ours(const ck_kernels *kernels, size_t v, size_t k, size_t r) {
  our_item *item = calloc(1, sizeof *item);
  item->kernels = kernels;
  item->v = v;
  item->rows = (N + v - 1) / v;
  item->is_packed = k > kernels->plane_centroids || r > kernels->plane_centroids;
  item->y = malloc(item->rows * v * 4);
  item->x = (ck_split_activation){
    activation, aligned_alloc(64, N), aligned_alloc(64, N), calloc(N / 64, 2), calloc(N / 8, 2), N / 64, 0, 0, 0, 0, 0, 0};
  if (item->is_packed) {
    const int bits = log2_of(k) + (r ? log2_of(r) : 0);
    const size_t stride = (size_t)N * (size_t)bits / 8, padded = v > 8 ? 16 : 8, count = item->rows * stride;
    uint8_t *table = pages((k + r) * padded);
    for (size_t i = 0; i < (k + r) * padded; i++) table[i] = (uint8_t)next_random();
    const ck_escapes own = escapes(item->rows, v);
    for (int m = 0; m < MATRICES; m++) {
      uint8_t *codes = pages(count + 64);
      for (size_t i = 0; i < count; i++) codes[i] = (uint8_t)next_random();
      item->packed[m] = (ck_vq_bytes){
        .codes = codes, .row_stride = stride, .columns = N, .code_bits = (uint32_t)bits, .main_bits = (uint32_t)log2_of(k),
        .vector_length = (uint32_t)v, .main = table, .residual = r ? table + k * padded : NULL, .main_scale = 0.01f,
        .residual_scale = 0.003f, .escapes = own};
    }
    return item;
  }
  const size_t rest = r == 0 ? 0 : r <= 16 ? N / 2 : N, stride = CK_BAND_ROWS * ((k <= 64 ? N / 4 * 3 : N) + rest);
  const size_t count = (item->rows + CK_BAND_ROWS - 1) / CK_BAND_ROWS * stride;
  uint8_t *tables = pages(2 * 256 * v);
  for (size_t i = 0; i < 2 * 256 * v; i++) tables[i] = (uint8_t)(r ? next_random() : 1 + next_random() % 255);
  const ck_escapes own = escapes(item->rows, v);
  for (int m = 0; m < MATRICES; m++) {
    uint8_t *codes = pages(count + 64);
    for (size_t i = 0; i < count; i++) codes[i] = (uint8_t)(k == 128 && r == 0 ? next_random() & 127 : next_random());
    item->planes[m] = (ck_vq_planes){
      .codes = codes, .band_stride = stride, .columns = N, .vector_length = (uint32_t)v, .main_count = (uint32_t)k,
      .residual_count = (uint32_t)r, .main = tables,
      .residual = r ? (const int8_t *)tables + 256 * v : NULL, .scale = 0.01f,
      .fine_columns = ck_fine_columns(kernels, N, v, (size_t)(log2_of(k) + (r ? log2_of(r) : 0)), r > 0),
      .fine_main = tables, .fine_residual = (const int8_t *)tables + 256 * v, .escapes = own};
  }
  return item;
}

// ggml's

typedef struct {
  ggml_backend_t backend;
  struct ggml_cgraph *graphs[MATRICES];
} ggml_item;

static void run_ggml(void *pointer, int threads) {
  ggml_item *item = pointer;
  ggml_backend_cpu_set_n_threads(item->backend, threads);
  for (int m = 0; m < MATRICES; m++) ggml_backend_graph_compute(item->backend, item->graphs[m]);
}

/// NULL where the processor has no such kernel.
static ggml_item *make_ggml(ggml_backend_t backend, enum ggml_type type, int is_repacked) {
  ggml_backend_buffer_type_t buffers = ggml_backend_get_default_buffer_type(backend);
  ggml_backend_dev_t device = ggml_backend_get_device(backend);
  if (is_repacked) {
    buffers = NULL;
    ggml_backend_dev_get_extra_bufts_t extra = (ggml_backend_dev_get_extra_bufts_t)ggml_backend_reg_get_proc_address(
      ggml_backend_dev_backend_reg(device), "ggml_backend_dev_get_extra_bufts");
    for (ggml_backend_buffer_type_t *own = extra ? extra(device) : NULL; own && *own; own++) {
      if (strcmp(ggml_backend_buft_name(*own), "CPU_REPACK") == 0) buffers = *own;
    }
    if (!buffers) return NULL;
  }
  ggml_item *item = calloc(1, sizeof *item);
  item->backend = backend;
  const struct ggml_init_params parameters = {64 * ggml_tensor_overhead() + 8 * ggml_graph_overhead(), NULL, true};
  struct ggml_context *weights = ggml_init(parameters), *rest = ggml_init(parameters);
  struct ggml_tensor *w[MATRICES];
  for (int m = 0; m < MATRICES; m++) w[m] = ggml_new_tensor_2d(weights, type, N, N);
  if (!ggml_backend_alloc_ctx_tensors_from_buft(weights, buffers)) return NULL;
  struct ggml_tensor *x = ggml_new_tensor_2d(rest, GGML_TYPE_F32, N, 1);
  for (int m = 0; m < MATRICES; m++) {
    struct ggml_tensor *y = ggml_mul_mat(rest, w[m], x);
    if (is_repacked && (!w[m]->extra || !ggml_backend_dev_supports_op(device, y))) return NULL;
    item->graphs[m] = ggml_new_graph(rest);
    ggml_build_forward_expand(item->graphs[m], y);
  }
  ggml_backend_alloc_ctx_tensors(rest, backend);
  ggml_backend_tensor_set(x, activation, 0, sizeof activation);
  enum { DISTINCT = 64 };
  const size_t row = ggml_row_size(type, N);
  float *values = malloc((size_t)DISTINCT * N * 4), *importance = malloc(N * 4);
  uint8_t *quantized = malloc(N * row);
  for (size_t i = 0; i < (size_t)DISTINCT * N; i++) values[i] = gaussian();
  for (size_t i = 0; i < N; i++) importance[i] = 1;
  ggml_quantize_chunk(type, values, quantized, 0, DISTINCT, N, importance);
  for (size_t n = DISTINCT; n < N; n += DISTINCT) memcpy(quantized + n * row, quantized, DISTINCT * row);
  for (int m = 0; m < MATRICES; m++) ggml_backend_tensor_set(w[m], quantized, 0, N * row);
  free(values);
  free(importance);
  free(quantized);
  return item;
}

// The table

typedef struct {
  char name[48];
  double bits;
  void (*run)(void *item, int threads);
  void *item;
  double seconds[ROUNDS];
} timed_item;

static timed_item items[MOST_ITEMS];
static int item_count;

static void add(const char *name, double bits, void (*run)(void *, int), void *item) {
  if (!item || item_count == MOST_ITEMS) return;
  timed_item *own = items + item_count++;
  snprintf(own->name, sizeof own->name, "%s", name);
  own->bits = bits;
  own->run = run;
  own->item = item;
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(const double *values) {
  double sorted[ROUNDS];
  memcpy(sorted, values, sizeof sorted);
  qsort(sorted, ROUNDS, sizeof *sorted, compare);
  return sorted[ROUNDS / 2];
}

/// The median of the ratios of the rounds, or NAN without that peer.
static double ratio(const timed_item *own, const char *peer) {
  for (int p = 0; p < item_count; p++) {
    if (strcmp(items[p].name, peer) != 0) continue;
    double ratios[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) ratios[i] = items[p].seconds[i] / own->seconds[i];
    return median(ratios);
  }
  return NAN;
}

static void print_ratio(double value) {
  if (isnan(value)) printf(" |");
  else printf(" %.2f |", value);
}

static void table(int threads) {
  for (int i = 0; i < ROUNDS; i++) {
    fprintf(stderr, "%d thread%s, round %d of %d\n", threads, threads == 1 ? "" : "s", i + 1, ROUNDS);
    for (int k = 0; k < item_count; k++) {
      timed_item *own = items + (k + i) % item_count;
      if (threads > 1 && own->run == run_ours) set_awake(1);
      own->run(own->item, threads);
      const double start = now();
      own->run(own->item, threads);
      own->seconds[i] = now() - start;
      if (threads > 1) set_awake(0);
    }
  }
  printf(
    "\n| %d thread%s | bits | weights/ns | over IQ1_S | over IQ2_XXS | over Q2_K repacked | over IQ3_XXS |\n"
    "| --- | --- | --- | --- | --- | --- | --- |\n",
    threads, threads == 1 ? "" : "s");
  for (int k = 0; k < item_count; k++) {
    const timed_item *own = items + k;
    printf("| %s | %.2f | %.1f |", own->name, own->bits, MATRICES * 1e-9 * N * N / median(own->seconds));
    print_ratio(ratio(own, "ggml IQ1_S"));
    print_ratio(ratio(own, "ggml IQ2_XXS"));
    print_ratio(ratio(own, "ggml Q2_K repacked"));
    print_ratio(ratio(own, "ggml IQ3_XXS"));
    printf("\n");
  }
}

static void say_nothing(enum ggml_log_level level, const char *text, void *data) {
  (void)level;
  (void)text;
  (void)data;
}

int main(int count, char **arguments) {
  ggml_log_set(say_nothing, NULL);
  const ck_kernels *kernels = ck_active();
  for (int i = 0; i < N; i++) activation[i] = gaussian();
  ggml_backend_t backend = ggml_backend_cpu_init();
  fprintf(stderr, "making the matrices\n");
  const enum ggml_type types[] = {
    GGML_TYPE_IQ1_S, GGML_TYPE_IQ2_XXS, GGML_TYPE_IQ2_XS, GGML_TYPE_Q2_K, GGML_TYPE_IQ3_XXS, GGML_TYPE_Q3_K,
    GGML_TYPE_Q4_0, GGML_TYPE_Q4_K, GGML_TYPE_F16,
  };
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    for (int is_repacked = 0; is_repacked < 2; is_repacked++) {
      char name[48];
      const char *type = ggml_type_name(types[i]);
      size_t at = (size_t)snprintf(name, sizeof name, "ggml ");
      for (; *type && at + 12 < sizeof name; type++) name[at++] = *type >= 'a' && *type <= 'z' ? *type - 32 : *type;
      snprintf(name + at, sizeof name - at, "%s", is_repacked ? " repacked" : "");
      add(name, 8.0 * (double)ggml_row_size(types[i], N) / N, run_ggml, make_ggml(backend, types[i], is_repacked));
    }
  }
  const size_t shapes[][3] = {
    {4, 64, 0}, {3, 64, 0}, {4, 128, 0}, {4, 256, 0}, {8, 128, 64}, {8, 128, 128}, {8, 256, 64}, {8, 256, 256}, {4, 64, 64}, {4, 256, 16},
    {2, 16, 0}, {4, 16, 16},
    {8, 4096, 0}, {6, 4096, 0}, {8, 65536, 0}, {8, 65536, 256},
  };
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const size_t v = shapes[i][0], k = shapes[i][1], r = shapes[i][2];
    char name[48];
    snprintf(name, sizeof name, "`v%zu-k%zu%s", v, k, r ? "" : "`");
    if (r) snprintf(name + strlen(name), sizeof name - strlen(name), "-%zu`", r);
    add(name, (log2_of(k) + (r ? log2_of(r) : 0)) / (double)v, run_ours, make_ours(kernels, v, k, r));
  }
  pthread_t thread;
  const int most = count > 1 ? atoi(arguments[1]) : 2;
  if (most > 1 && pthread_create(&thread, NULL, second_thread, NULL) != 0) return 1;
  printf("kernels: %s; 4096 x 4096, %d matrices by turns, %d rounds\n", kernels->name, MATRICES, ROUNDS);
  for (int threads = 1; threads <= most; threads++) table(threads);
  return 0;
}
