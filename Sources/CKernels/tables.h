// The tables that `dispatch.c` chooses from. A table function gives NULL where its instruction set was not compiled in.

#ifndef CKERNELS_TABLES_H
#define CKERNELS_TABLES_H

#include "ckernels.h"

extern const ck_kernels ck_portable_table;

/// Bytes of one stored number.
static inline size_t ck_storage_size(ck_storage storage) {
  return storage == CK_F32 ? sizeof(float) : storage == CK_I8 ? 1 : sizeof(uint16_t);
}

static inline const void *ck_element(const void *w, ck_storage storage, size_t k) {
  return (const char *)w + k * ck_storage_size(storage);
}

/// Asks for the row of one head that will be read some positions after `p`: such rows are short and far apart.
static inline void ck_prefetch_position(
  const void *rows, ck_storage storage, size_t stride, size_t p, size_t positions, size_t head_dim) {
  if (p + CK_POSITIONS_AHEAD >= positions) return;
  ck_prefetch(ck_element(rows, storage, (p + CK_POSITIONS_AHEAD) * stride), head_dim * ck_storage_size(storage));
}

/// How far ahead of what is read in order memory is asked for more, in bytes: for the second-level cache, which can wait for more lines than the
/// first-level one, so that memory is kept busy; nearer, for the first-level one.
enum { CK_FAR_AHEAD = 16384, CK_NEAR_AHEAD = 4096 };

/// Asks for `bytes` bytes to come to the second-level cache; of few at a time, since a processor waits for no more than some.
static inline void ck_ask_second_level(const void *from, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)from + i, 0, 2);
}

/// Asks for what follows the `bytes` bytes from `from` on, which are read in order.
static inline void ck_ask_ahead(const uint8_t *from, size_t bytes) {
  ck_ask_second_level(from + CK_FAR_AHEAD, bytes);
  ck_prefetch(from + CK_NEAR_AHEAD, bytes);
}

const ck_kernels *ck_avx2_table(void);
const ck_kernels *ck_avxvnni_table(void);
const ck_kernels *ck_avx512_table(void);
const ck_kernels *ck_avx512vnni_table(void);
const ck_kernels *ck_avx512_vbmi_table(void);
const ck_kernels *ck_amx_table(void);
const ck_kernels *ck_neon_table(void);
const ck_kernels *ck_neon_dotprod_table(void);

// Portable kernels that other tables keep.
void ck_portable_split_activation(const float *x, size_t n, float large_value, ck_split_activation *split);
void ck_portable_gather(const float *x, const uint32_t *columns, const float *factors, size_t n, float *y);
float ck_portable_byte_row(const float *values, size_t eights, uint8_t *bytes);
void ck_portable_gemv_bytes(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, size_t tokens, float *y,
  size_t y_stride);
/// As `vq_planes`, without escapes.
void ck_portable_planes_sums(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y);
void ck_portable_vq_planes(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y);
void ck_avx2_split_activation(const float *x, size_t n, float large_value, ck_split_activation *split);
float ck_avx2_byte_row(const float *values, size_t eights, uint8_t *bytes);
void ck_avx2_gemv_bytes(
  const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, size_t tokens, float *y,
  size_t y_stride);
void ck_avx2_vq_planes(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y);
void ck_avx2_vq_planes_many(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  ck_token_lanes lanes, float *y, size_t y_stride, void *scratch);
void ck_avx2_vq_bytes(
  const ck_vq_bytes *m, size_t first, size_t last, const ck_split_activation *x, float *y);
void ck_portable_vq_bytes(
  const ck_vq_bytes *m, size_t first, size_t last, const ck_split_activation *x, float *y);
void ck_portable_vq_planes_many(
  const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens,
  ck_token_lanes lanes, float *y, size_t y_stride, void *scratch);
void ck_portable_token_lanes(const float *x, size_t x_stride, size_t tokens, size_t n, float *lanes);
void ck_portable_gather_lanes(
  const float *x, const uint32_t *columns, const float *factors, size_t n, float *y, float *rows, size_t row_stride);
// Adds the escapes of rows [first, last).
void ck_add_escapes(
  const ck_escapes *escapes, size_t vector_length, size_t first, size_t last, const float *x, float *y);
void ck_portable_product_bf16(
  const float *a, size_t a_stride, int a_transposed, const float *b, size_t b_stride, int b_transposed, float alpha,
  float *c, size_t c_stride, size_t m, size_t n, size_t k, int adding, void *scratch);

// A kernel that needs more than its table's instruction set.
void ck_avx512_product_bf16(
  const float *a, size_t a_stride, int a_transposed, const float *b, size_t b_stride, int b_transposed, float alpha,
  float *c, size_t c_stride, size_t m, size_t n, size_t k, int adding, void *scratch);

#endif
