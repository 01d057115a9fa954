// The hot loops, in C, behind one table that is chosen once at run time.
//
// `portable.c` is the specification of every kernel; the other files override some of its entries.
// All matrices are row-major. "Unaligned" pointers are legal everywhere. No kernel allocates.
// Within one variant a result depends only on the operands, never on how rows are split over threads.

#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__clang__)
#pragma clang assume_nonnull begin
#define CK_NULLABLE _Nullable
#else
#define CK_NULLABLE
#endif

/// How dense numbers are stored. Signed bytes, whose scales are the caller's, are for cached keys and values only.
typedef enum { CK_F32 = 0, CK_F16 = 1, CK_BF16 = 2, CK_I8 = 3 } ck_storage;

/// Instruction sets.
typedef enum {
  CK_PORTABLE = 0, CK_AVX2 = 1, CK_AVX512 = 2, CK_NEON = 3, CK_AVX512_VBMI = 4, CK_NEON_DOTPROD = 5, CK_AVX_VNNI = 6, CK_AVX512_VNNI = 7,
  CK_AMX = 8
} ck_isa;

/// Tells the processor that a thread only waits for another, so that it takes less power and leaves more to a thread beside it.
static inline void ck_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");
#endif
}

/// Asks for `bytes` bytes from `from` on: the processor fetches all their lines at once, where reads that wait for each other would
/// fetch a few.
static inline void ck_prefetch(const void *from, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)from + i);
}

/// How many positions before they are read attention asks for keys and values; the first so many are the caller's to ask for.
#define CK_POSITIONS_AHEAD 16

/// Output columns of one packed panel of a matrix product (see `pack_panel`).
#define CK_PANEL 32

/// Factors of one output that `product_bf16` rounds and packs at a time; an even number.
#define CK_PRODUCT_DEPTH 512

/// One vector-quantized matrix as the matrix-vector kernel reads it.
///
/// Row `n` of codes (one per vector of `vector_length` outputs) starts at `codes + n * row_stride` bytes and
/// holds `columns` codes of `code_bits` bits each, least significant bit first (format section 4). At least
/// 16 readable bytes must follow the last row (the loader guarantees the slack). A code is
/// `main | residual << main_bits`; the residual has `code_bits - main_bits` bits.
/// `table` holds the centroids in float32 with `table_stride` floats each (vector_length rounded up to a
/// multiple of 4, zero-filled); `residual_table` likewise or NULL. With `residual_table == NULL` the whole
/// code indexes `table` (this serves joint main+residual tables too). Tables that start at a multiple of 64 bytes
/// are up to 1.5 times faster: no centroid straddles two cache lines.
typedef struct {
  const uint8_t *codes;
  size_t row_stride;
  size_t columns;
  uint32_t code_bits;
  uint32_t main_bits;
  uint32_t vector_length;
  uint32_t table_stride;
  const float *table;
  const float *CK_NULLABLE residual_table;
} ck_vq_matrix;

/// What bytes cannot say: centroids with an element far beyond the others, which would make the unit of all coarse, are kept
/// clamped, and where they are used the rest is added in float32.
///
/// Row `n` has the entries [starts[n], starts[n + 1]) of `list`; each adds `x[column] * values[entry * vector_length + e]` to
/// output `e` of the row's vector. Every row has a multiple of four entries, the last ones with values of 0, so that they are
/// added without a branch: `rows[i / 4]` is the row of entries `i` to `i + 3`. NULL pointers mean that there are none.
typedef struct { uint16_t column; uint16_t entry; } ck_escape;
typedef struct {
  const uint32_t *CK_NULLABLE starts;
  const ck_escape *CK_NULLABLE list;
  const uint32_t *CK_NULLABLE rows;
  const float *CK_NULLABLE values;
} ck_escapes;

/// Rows whose codes lie together.
#define CK_BAND_ROWS 8

/// A vector-quantized matrix of small codebooks in the order in which the integer kernel reads it: at most 256 centroids
/// in each stage, kept as bytes of one scale, so that a product needs the sums of both stages alone.
///
/// A row is a vector of `vector_length` outputs; CK_BAND_ROWS rows are a band, of which number `b` starts at `codes + b * band_stride`. The
/// last band is filled up with codes of 0. `columns` is a multiple of 64. A block is 8 columns of a band: code `8 i + j` is that of its row `i`
/// and column `j`, so that the sum of a row stays in its lanes. Every four blocks have their main codes, then, with a residual, their residual
/// codes. A code is a byte, with two exceptions. Main codes of four blocks take 192 bytes with up to 64 centroids: the lower six bits of
/// byte `64 i + j` are code `j` of block `i < 3`, the upper two are bits `2 i` and `2 i + 1` of code `j` of block 3. And residual codes of up
/// to 16 centroids are nibbles: of a block's 32 bytes, byte `i` has code `i` in its lower half, `32 + i` in its upper half.
/// Element `e` of a weight with the main code `k` and the residual code `r` is `scale * w`, where `w` is that integer of -128 to 127 which
/// equals `main[e * 256 + k] - 128 + residual[e * 256 + r]` modulo 256; the residual table is NULL without a residual,
/// and no code then names a byte of 0, which would stand for -128.
///
/// In the first `fine_columns` columns, a multiple of 32, `w` is more by a 128th of what the fine tables give in the same way; without a
/// residual only where `refines_one_stage` says so, else there are none. Of every
/// CK_FINE_RUN such columns, the sum of those products with the columns 0 to 3 of all blocks is rounded to a whole integer (halves upwards),
/// and that with the columns 4 to 7.
typedef struct {
  const uint8_t *codes;
  size_t band_stride;
  size_t columns;
  uint32_t vector_length;
  uint32_t main_count;
  uint32_t residual_count;
  const uint8_t *main;
  const int8_t *CK_NULLABLE residual;
  float scale;
  size_t fine_columns;
  const uint8_t *CK_NULLABLE fine_main;
  const int8_t *CK_NULLABLE fine_residual;
  ck_escapes escapes;
} ck_vq_planes;

/// An activation as integers of one scale: a byte for each column, and a second, higher one in the few blocks of 64 columns
/// that hold large values, so that these cost the rest no precision.
///
/// `x[c] = scale * (256 * high[c] + low[c])` to within half a scale, and a whole one more where a low byte would be -128: none is, so that
/// the product of two of them with bytes of -128 fits 16 bits. Only blocks named by `large_blocks` (`large` of them,
/// rising) have a high byte; elsewhere `high` is 0. `sum_low` and `sum_high` are the sums of the bytes. With `is_narrow`,
/// the magnitudes of all integers add up to less than CK_NARROW_SUM, so that a sum of products with bytes, fine ones too, fits 32 bits.
/// `values` are the values themselves. `high_eights` (`eights` of them, rising; room for `8 * blocks`) names those eights of columns
/// whose high bytes are not all 0; without it they are not named, and `vq_planes_many` is not for this activation.
typedef struct {
  const float *values;
  int8_t *low;
  int8_t *high;
  uint16_t *large_blocks;
  uint16_t *CK_NULLABLE high_eights;
  size_t blocks;
  size_t large;
  size_t eights;
  float scale;
  int32_t sum_low;
  int32_t sum_high;
  int32_t is_narrow;
} ck_split_activation;

/// 129 times as much is less than 2^31.
#define CK_NARROW_SUM 16000000

/// For products with codebooks a block is large if it holds a value beyond this many times the root mean square.
///
/// The error that remains is then at most CK_LARGE_VALUE / (127 * sqrt(12)) of the activation in root mean square.
#define CK_LARGE_VALUE 4.0f

/// Packed codes of one part with codebooks of any size as bytes, biased by 128.
///
/// Codes are those of a `ck_vq_matrix`, with the same readable bytes behind the last row. `main` holds a centroid after the other,
/// 8 bytes each for vectors of up to 8 elements, 16 for up to 16 (longer ones are not allowed); `residual` likewise, or NULL.
/// An element stands for its scale times the byte less 128; no byte is 0. `escapes` are as in `ck_vq_planes`.
typedef struct {
  const uint8_t *codes;
  size_t row_stride;
  size_t columns;
  uint32_t code_bits;
  uint32_t main_bits;
  uint32_t vector_length;
  const uint8_t *main;
  const uint8_t *CK_NULLABLE residual;
  float main_scale;
  float residual_scale;
  ck_escapes escapes;
} ck_vq_bytes;

/// Columns whose products with fine bytes are rounded together.
#define CK_FINE_RUN 640

/// What `vq_planes_many` goes through together: columns of four outputs of a band, and activations.
#define CK_TILE_COLUMNS 640
#define CK_TILE_TOKENS 512

/// Bytes that `vq_planes_many` works in: looked-up bytes of 16 rows, sums of eight outputs of each, where they start, and what blocks of
/// activations are large.
enum { CK_PLANES_SCRATCH = 3 * 32 * CK_TILE_COLUMNS + CK_TILE_TOKENS * (8 * 64 + 8) + 4096 + 64 };

/// The values of several activations with a lane for each of 16: value `c` of activation `t` is `values[t / 16 * stride + 16 * c + t % 16]`.
typedef struct {
  const float *CK_NULLABLE values;
  size_t stride;
} ck_token_lanes;

/// A dense matrix as bytes: `w[r, c] = scales[r] * (b - 128)`, of `8 * eights` columns; what pads a row is 128. As with codes, bands of CK_BAND_ROWS
/// rows follow each other, and within one, eight columns of a row after the other: `b` is
/// `bytes[64 * (r / 8 * eights + c / 8) + 8 * (r % 8) + c % 8]`. The last band is whole; its rows that do not exist may hold anything.
typedef struct {
  const uint8_t *bytes;
  const float *scales;
  size_t eights;
} ck_byte_matrix;

/// One step of Adam (Kingma and Ba, 2015): the corrections are 1 / (1 - beta^step).
typedef struct {
  float rate;
  float beta1;
  float beta2;
  float epsilon;
  float mean_correction;
  float square_correction;
  /// Factor of every gradient.
  float gradient_scale;
} ck_adam;

/// One input column of a vector-quantized matrix with unpacked codes: `vectors` codes for `vector_length` outputs each.
///
/// `table` holds the centroids without padding; `residual_table` likewise or NULL. The tables may not overlap.
typedef struct {
  const uint16_t *codes;
  const uint16_t *CK_NULLABLE residual_codes;
  size_t vectors;
  size_t vector_length;
  const float *table;
  const float *CK_NULLABLE residual_table;
} ck_vq_column;

/// A codebook as `search_centroids` reads it: blocks of 16 centroids in the layout of `nearest_centroid`.
///
/// With boxes, which all of the last six or none are for, the centroids are sorted so that neighbours share a block: a
/// binary tree, whose node `k` sends x to node `2 k`, or to `2 k + 1` where `x[axes[k]] >= cuts[k]`, has the root 1 and
/// the blocks for leaves, from node `blocks` on; `blocks` is then a power of two. 16 blocks are a group. Boxes are in sets of 16:
/// 16 floats -margin * (largest |C|^2), then for each dimension 16 lower and 16 upper ends (`ck_bound_codebook`).
typedef struct {
  size_t dimension;
  size_t blocks;
  const float *blocked;
  const float *half_norms;
  /// The centroid at each place, and the place of each centroid.
  const int32_t *CK_NULLABLE order;
  const int32_t *CK_NULLABLE places;
  const uint16_t *CK_NULLABLE axes;
  const float *CK_NULLABLE cuts;
  const float *CK_NULLABLE block_boxes;
  const float *CK_NULLABLE group_boxes;
} ck_codebook;

typedef struct {
  ck_isa isa;
  const char *name;

  // Conversions of `n` values. To 16 bits: round to nearest even; NaN stays NaN (quiet); overflow gives inf.
  void (*f16_to_f32)(const uint16_t *source, float *target, size_t n);
  void (*bf16_to_f32)(const uint16_t *source, float *target, size_t n);
  void (*f32_to_f16)(const float *source, uint16_t *target, size_t n);
  void (*f32_to_bf16)(const float *source, uint16_t *target, size_t n);

  // Dense matrix-vector: y[r] = sum_k w[r, k] * x[k] for `rows` rows of `columns` stored values.
  void (*gemv)(const void *w, ck_storage storage, size_t rows, size_t columns, const float *x, float *y);

  // Matrix-matrix in two steps, so that dense and vector-quantized weights share the product.
  // pack_panel: rows [0, rows) (rows <= CK_PANEL) of `w` (leading dimension `stride` elements), columns
  // [0, columns), to panel[k * CK_PANEL + r] in float32; missing rows are zero.
  void (*pack_panel)(
    const void *w, ck_storage storage, size_t stride, size_t rows, size_t columns, float *panel);
  // gemm_panel: y[t * y_stride + r] (+)= sum_k x[t * x_stride + k] * panel[k * CK_PANEL + r] for t < tokens,
  // r < rows (<= CK_PANEL). With `accumulate` the previous y is the starting value. Each output is one chain
  // of multiply-adds in rising k (fused where the instruction set has it), so the result does not depend on
  // how tokens are grouped.
  void (*gemm_panel)(
    const float *x, size_t x_stride, size_t tokens, const float *panel, size_t columns,
    float *y, size_t y_stride, size_t rows, int accumulate);

  // Codes [0, count) of a packed bit stream whose first code starts at bit `first_bit` of `codes`; each code
  // has 1..32 bits. Reads at most 16 bytes beyond the last code.
  void (*unpack_codes)(
    const uint8_t *codes, size_t first_bit, uint32_t code_bits, size_t count, uint32_t *target);

  // Vector-quantized matrix-vector over vector rows [first, last): adds to
  // y[(n - first) * vector_length + e], e < vector_length, the sum over c of x[c] * Q[n * v + e, c]
  // (Q = table[main] + residual_table[residual]). y is read and written (accumulation), all v entries of each row.
  void (*vq_gemv)(const ck_vq_matrix *m, size_t first, size_t last, const float *x, float *y);

  // The largest codebooks, in each stage, for which `vq_planes` is much faster than `vq_gemv` here, so that building planes pays; 0
  // where it never is.
  uint32_t plane_centroids;
  // Whether fine tables are read for one stage too (portable kernels always do): where it costs little.
  int refines_one_stage;
  // Whether prompts are multiplied faster by `vq_planes_many` than by tiles.
  int prefers_planes_for_prompts;
  // Whether a dense matrix of bytes is multiplied faster than one of 16-bit numbers here.
  int prefers_byte_matrix;
  // The longest vectors for which `vq_bytes` is faster than `vq_gemv` here, for codebooks of more than 256 centroids; 0 where it never is.
  uint32_t byte_vector_length;
  // Fills `split` (whose three arrays of integers hold `blocks` blocks of 64 columns) with n <= 64 * blocks values; what follows them is
  // 0. The scale is NaN if a value is not finite, so that the outputs are no numbers either. A block is large if it holds a
  // value beyond `large_value` times the root mean square: see CK_LARGE_VALUE; with 0 every value has 16 bits.
  void (*split_activation)(const float *x, size_t n, float large_value, ck_split_activation *split);
  // One row of a `ck_byte_matrix` from `eights` times eight values; returns the scale, 1/127 of the largest value, or NaN where a
  // value is not finite. Eight bytes at a time go to `bytes + 64 * i`.
  float (*byte_row)(const float *values, size_t eights, uint8_t *bytes);
  // y[t * y_stride + r - first] = sum over c of w[r, c] * x[t][c] for rows [first, last), the first of them the first of a band, and `tokens`
  // activations of as many columns, in blocks of 64 that end in zeros, each with what it gives alone. At most 65536 columns.
  void (*gemv_bytes)(
    const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, size_t tokens, float *y,
    size_t y_stride);
  // As `vq_gemv` for vector rows [first, last), the first of them the first of a band, from planes and a split activation of as many columns: adds to
  // y[(n - first) * vector_length + e] the sum over c of x[c] * Q[n * vector_length + e, c]. Sums of integers are exact.
  // More than 65536 columns are not allowed.
  void (*vq_planes)(
    const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y);
  // As `vq_planes`, from packed codes. Columns are padded to blocks of 64 in the activation alone.
  void (*vq_bytes)(
    const ck_vq_bytes *m, size_t first, size_t last, const ck_split_activation *x, float *y);
  // As `vq_planes` for `tokens` activations x[t * x_stride], each with exactly what it gives for that one alone, added to
  // y + t * y_stride. `lanes` may have the values of the activations once more; of whole groups of 16, and with vectors of at most 16 elements, they are
  // then read there alone by tables that prefer planes for prompts.
  // `scratch` has room for CK_PLANES_SCRATCH bytes.
  void (*vq_planes_many)(
    const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
    ck_token_lanes lanes, float *y, size_t y_stride, void *scratch);
  // lanes[16 * c + t] = x[t * x_stride + c] for t < tokens <= 16 (0 for the others) and c < n.
  void (*token_lanes)(const float *x, size_t x_stride, size_t tokens, size_t n, float *lanes);
  // As `gather` for 16 activations with a lane each: y[16 * i + t] = x[16 * columns[i] + t] * factors[i], which is written to
  // rows[t * row_stride + i] too. With `columns` of NULL column i is i.
  void (*gather_lanes)(
    const float *x, const uint32_t *CK_NULLABLE columns, const float *CK_NULLABLE factors, size_t n, float *y, float *rows,
    size_t row_stride);

  // Tile dequantization for prompts: vector rows [first, last), columns [c0, c1), to
  // panel[(c - c0) * CK_PANEL + (n - first) * vector_length + e - skip] for entries where that output offset
  // lies in [0, rows); `skip` is the number of leading outputs of vector row `first` that belong to the
  // previous panel. rows <= CK_PANEL. Other panel entries of these columns are set to zero.
  void (*vq_panel)(
    const ck_vq_matrix *m, size_t first, size_t last, size_t skip, size_t rows, size_t c0, size_t c1, float *panel);

  // y[i] = x[i] / sqrt(mean(x^2) + eps) * (weight[i]); sum of squares in double or pairwise float.
  void (*rms_norm)(const float *x, const float *weight, float eps, size_t n, float *y);

  // Rotary embedding in place, halves convention: pairs (x[i], x[i + half]) for each of `heads` heads of
  // `head_dim` values (rotated part is the first 2 * half values of each head); cosine/sine have `half` values.
  void (*rotary)(
    float *x, size_t heads, size_t head_dim, size_t half, const float *cosine, const float *sine);

  // In place: x[i] = exp(x[i] - max) / sum. -inf entries give 0; at least one entry is finite. n >= 1. Relative error of exp <= 2e-7 or so.
  void (*softmax)(float *x, size_t n);

  // y[i] = gate[i] / (1 + exp(-gate[i])) * up[i]. y may alias gate or up.
  void (*silu_multiply)(const float *gate, const float *up, float *y, size_t n);
  // y[i] = gelu(gate[i]) * up[i] by the tanh form: gelu(g) = g / (1 + exp(-2 u)), u = sqrt(2 / pi) (g + 0.044715 g^3).
  // y may alias gate or up.
  void (*gelu_multiply)(const float *gate, const float *up, float *y, size_t n);
  // In place: x[i] = cap * tanh(x[i] / cap), to within 3e-7 * cap. cap > 0.
  void (*soft_cap)(float *x, size_t n, float cap);

  // scores[i * scores_stride + p] = scale * dot(q + i * head_dim, k + p * k_stride) for the queries i that share the keys and
  // p < positions, head_dim values each. A score does not depend on how many queries and positions there are.
  void (*attention_scores)(
    const float *q, size_t queries, const void *k, ck_storage storage, size_t k_stride, size_t positions,
    size_t head_dim, float scale, float *scores, size_t scores_stride);
  // y[i * head_dim + d] = sum_p weights[i * weights_stride + p] * v[p * v_stride + d], d < head_dim; independent of `queries`.
  void (*attention_mix)(
    const float *weights, size_t weights_stride, size_t queries, const void *v, ck_storage storage, size_t v_stride,
    size_t positions, size_t head_dim, float *y);

  float (*dot)(const float *a, const float *b, size_t n);
  // y[i] += a * x[i]
  void (*axpy)(float a, const float *x, float *y, size_t n);
  // y[i] = x[columns[i]] * factors[i] for i < n, factors of 1 where `factors` is NULL; x and y do not overlap. Columns are below 2^31.
  void (*gather)(const float *x, const uint32_t *columns, const float *CK_NULLABLE factors, size_t n, float *y);

  // Nearest centroid. `blocked` is the codebook as `ck_block_codebook` lays it out: blocks of 16 centroids,
  // blocked[(block * dimension + j) * 16 + lane], and half_norms[block * 16 + lane] = |C|^2 / 2 (+inf for
  // padding). For each of `n` vectors (dimension floats each, contiguous): index of the smallest
  // half_norm - dot(x, C) (the lowest index on a tie) and, if wanted, that smallest value.
  // Order of operations per candidate: start from half_norm, then subtract x[j] * C[j], j rising (fused where
  // the instruction set has it). Index 0 and +inf where no score is below +inf.
  void (*nearest_centroid)(
    const float *vectors, size_t n, size_t dimension, const float *blocked, const float *half_norms,
    size_t blocks, int32_t *indices, float *CK_NULLABLE best);
  // For each of `n` vectors the `width` (at least 1, at most the centroids) least scores, rising, of equal ones the lower
  // index first: scores[i * width + w] and indices[i * width + w]. Scores are rounded as by `nearest_centroid`; index 0 and
  // +inf where fewer are below +inf. `hints`, if given, names for each vector a centroid that may be near; it may be `indices`
  // if the width is 1. Blocks are passed over by the boxes of `book`, if it has any; neither boxes nor hints change the result.
  void (*search_centroids)(
    const float *vectors, size_t n, const ck_codebook *book, const int32_t *CK_NULLABLE hints, size_t width,
    int32_t *indices, float *scores);

  // Second moments: h[i * h_stride + j] += sum_t x[t * x_stride + i] * x[t * x_stride + j] for i0 <= i < i1,
  // j0 <= j < j1, t < tokens. Inputs are widened to double, where products of floats are exact; each output is one
  // chain of additions in rising t. So all variants, and all ways to cut tokens, rows and columns, give the same bits.
  void (*second_moment)(
    const float *x, size_t x_stride, size_t tokens, size_t i0, size_t i1, size_t j0, size_t j1, double *h,
    size_t h_stride);

  // Whether `product_bf16` is much faster than a product in float32 here.
  int prefers_bf16;
  // c[i * c_stride + j] = alpha * sum_l A[i, l] * B[l, j] for i < m, j < n, l < k >= 1, added to c with `adding`. A[i, l] is
  // a[i * a_stride + l], or a[l * a_stride + i] if transposed; B[l, j] likewise. Factors are rounded to bfloat16 (nearest
  // even), sums are float32. `scratch` has room for (m + n + 64) * CK_PRODUCT_DEPTH / 2 floats.
  void (*product_bf16)(
    const float *a, size_t a_stride, int a_transposed, const float *b, size_t b_stride, int b_transposed, float alpha,
    float *c, size_t c_stride, size_t m, size_t n, size_t k, int adding, void *scratch);

  // The backward pass. `d...` is the gradient of a loss; what is said to be added to is added to.
  // Of rms_norm: adds to dx[i] and to dweight[i].
  void (*rms_norm_gradient)(
    const float *x, const float *weight, const float *dy, float eps, size_t n, float *dx, float *dweight);
  // Of silu_multiply and gelu_multiply: writes dgate and dup.
  void (*silu_gradient)(const float *gate, const float *up, const float *dy, size_t n, float *dgate, float *dup);
  void (*gelu_gradient)(const float *gate, const float *up, const float *dy, size_t n, float *dgate, float *dup);
  // Of y = softmax(scale * x), in place from dy to dx: scale * y[i] * (dy[i] - sum_j y[j] * dy[j]).
  void (*softmax_gradient)(const float *y, float scale, size_t n, float *dy);
  // Kullback-Leibler divergence sum_i p[i] * log(p[i] / q[i]) of p = softmax(teacher), q = softmax(student) in nats.
  // `student` becomes scale * (q - p), its gradient; `teacher` is overwritten.
  double (*divergence_gradient)(float *teacher, float *student, size_t n, float scale);
  // Moves `value` and its running means of gradients and of their squares by one step.
  void (*adam)(const ck_adam *step, const float *gradient, size_t n, float *mean, float *square, float *value);
  // w[n * v + e] = (table[codes[n] * v + e] + residual_table[residual_codes[n] * v + e]) * scale + shift.
  void (*vq_column)(const ck_vq_column *column, float scale, float shift, float *w);
  // Of vq_column: adds to dtable and dresidual_table (NULL without a residual), writes dscale and dshift.
  void (*vq_column_gradient)(
    const ck_vq_column *column, const float *dw, float scale, float *dtable, float *CK_NULLABLE dresidual_table,
    double *dscale, double *dshift);
} ck_kernels;

/// The best table this machine can run (environment variable VPTQ_ISA = portable|avx2|avxvnni|avx512|avx512vnni|avx512vbmi|amx|neon|neondotprod lowers
/// it).
const ck_kernels *ck_active(void);

/// The table of one instruction set, or NULL where this build or machine lacks it. For tests and benchmarks.
const ck_kernels *CK_NULLABLE ck_kernels_for(ck_isa isa);

/// From so many centroids on, a power of two, `search_centroids` finds the nearest one by boxes faster than `nearest_centroid` goes through
/// all: AVX-512 does that about twice as fast as other instruction sets, and in eight dimensions few boxes can be passed over.
static inline size_t ck_tree_centroids(const ck_kernels *kernels, size_t dimension) {
  const int is_wide = kernels->isa == CK_AVX512 || kernels->isa == CK_AVX512_VNNI || kernels->isa == CK_AVX512_VBMI
    || kernels->isa == CK_AMX;
  return is_wide && dimension >= 8 ? 8192 : 4096;
}

/// How many of `columns` columns, sorted by how much they matter, have fine bytes, in whole blocks of 32: of two stages a sixteenth, or an eighth from
/// 2.5 bits a weight on, where rounding counts beside what quantization lost; there of one stage too, if that costs little.
static inline size_t ck_fine_columns(
  const ck_kernels *kernels, size_t columns, size_t vector_length, size_t code_bits, int has_residual) {
  const int is_refined = 2 * code_bits >= 5 * vector_length;
  if (!has_residual && !(is_refined && kernels->refines_one_stage)) return 0;
  const size_t share = (columns / (is_refined ? 8 : 16) + 16) / 32 * 32;
  return share > 32 ? share : 32;
}

/// Lays a codebook of `count` centroids of `dimension` floats out for `nearest_centroid`.
/// `blocked` has ceil(count / 16) * dimension * 16 floats, `half_norms` ceil(count / 16) * 16.
void ck_block_codebook(const float *centroids, size_t count, size_t dimension, float *blocked, float *half_norms);

/// Gives freed memory that the allocator has kept back to the system, where it can.
void ck_release_free_memory(void);

/// What OpenBLAS calls the kernels that it uses, or NULL where there is no OpenBLAS. Where the library took the processor for one without
/// AVX2 although it has it, others were chosen when the program was loaded, unless OPENBLAS_CORETYPE names some.
const char *CK_NULLABLE ck_openblas_core(void);

/// What a search allows for rounding, relative to the squared norms of vector and centroid.
float ck_search_margin(size_t dimension);

/// Sorts `count` centroids, a power of two of at least 16, into the tree of `ck_codebook`: every node halves its centroids
/// along the axis of their largest variance, down to blocks of 16. `keys` is scratch; it, `order` and `places` have `count`
/// elements, `axes` and `cuts` count / 16.
void ck_sort_codebook(
  const float *centroids, size_t count, size_t dimension, uint64_t *keys, int32_t *order, int32_t *places, uint16_t *axes,
  float *cuts);

/// Boxes around `blocks` blocks of 16 centroids as `ck_block_codebook` lays them out, and around groups of 16 blocks, in
/// ceil(blocks / 16) and ceil(blocks / 256) sets of 16 * (2 * dimension + 1) floats. Boxes that fill up a set are at infinity.
void ck_bound_codebook(
  const float *blocked, const float *half_norms, size_t blocks, size_t dimension, float *block_boxes,
  float *group_boxes);

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#ifdef __cplusplus
}
#endif

#endif
