// NEON: kernels of other files that its tables have.

#ifndef CKERNELS_ARM_NEON_TABLE_H
#define CKERNELS_ARM_NEON_TABLE_H

#include "ckernels.h"

void ck_neon_split_activation(const float *x, size_t n, float large_value, ck_split_activation *split);
float ck_neon_byte_row(const float *values, size_t eights, uint8_t *bytes);
void ck_neon_token_lanes(const float *x, size_t x_stride, size_t tokens, size_t n, float *lanes);
void ck_neon_gather_lanes(
  const float *x, const uint32_t *columns, const float *factors, size_t n, float *y, float *rows, size_t row_stride);
void ck_neon_vq_bytes(const ck_vq_bytes *m, size_t first, size_t last, const ck_split_activation *x, float *y);

// The kernels that multiply bytes, made by `arm_neon_planes.h` for the base architecture, and with instructions for dot products.
#define NEON_PRODUCTS(name) \
  void ck_neon_##name##_gemv_bytes( \
    const ck_byte_matrix *w, size_t first, size_t last, const ck_split_activation *x, size_t tokens, float *y, \
    size_t y_stride); \
  void ck_neon_##name##_vq_planes( \
    const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, float *y); \
  void ck_neon_##name##_vq_planes_many( \
    const ck_vq_planes *m, size_t first, size_t last, const ck_split_activation *x, size_t x_stride, size_t tokens, \
    ck_token_lanes lanes, float *y, size_t y_stride, void *scratch);
NEON_PRODUCTS(base)
NEON_PRODUCTS(dotprod)
#undef NEON_PRODUCTS

#endif
