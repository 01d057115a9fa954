// The inner loop of the AVX-512 `vq_gemv`, included once per vector width. The includer defines
//   VQ_NAME    the function's name,           VQ_VECTOR  the register type of one centroid,
//   VQ_ZERO()  a vector of zeros,             VQ_SET(a)  a vector of equal values,
//   VQ_LOAD(p) the centroid at address p,     VQ_FMADD(a, b, c), VQ_ADD(a, b),
//   VQ_ADD_TO(p, lanes, a)  p[i] += a[i] in the lanes of a bit mask.

/// Adds the products of `rows` (1 or 4) vector rows from `first` on to y. Every row has two chains of multiply-adds:
/// even and odd columns of a single-stage matrix, main and residual centroids of a two-stage one. So eight chains run
/// at once, and a row's result is the same alone and in a group.
AVX512_INLINE void VQ_NAME(
  int rows, int residual, const ck_vq_matrix *m, size_t first, size_t offset, __mmask16 lanes, const float *x,
  float *y) {
  const char *table = (const char *)(m->table + offset);
  const char *rest = residual ? (const char *)(m->residual_table + offset) : table;
  uint32_t main_at[4][CODE_BLOCK + BANK_SKEW], rest_at[4][CODE_BLOCK + BANK_SKEW];
  VQ_VECTOR sums[4][2];
  for (int r = 0; r < rows; r++) sums[r][0] = sums[r][1] = VQ_ZERO();
  for (size_t c0 = 0; c0 < m->columns; c0 += CODE_BLOCK) {
    const size_t width = m->columns - c0 < CODE_BLOCK ? m->columns - c0 : CODE_BLOCK;
    for (int r = 0; r < rows; r++) {
      unpack_offsets(residual, m, first + (size_t)r, c0, width, main_at[r], rest_at[r]);
    }
    size_t c = 0;
    if (residual) {
      for (; c < width; c++) {
        const VQ_VECTOR factor = VQ_SET(x[c0 + c]);
        for (int r = 0; r < rows; r++) {
          sums[r][0] = VQ_FMADD(factor, VQ_LOAD(table + main_at[r][c]), sums[r][0]);
          sums[r][1] = VQ_FMADD(factor, VQ_LOAD(rest + rest_at[r][c]), sums[r][1]);
        }
      }
    } else {
      for (; c + 2 <= width; c += 2) {
        const VQ_VECTOR even = VQ_SET(x[c0 + c]), odd = VQ_SET(x[c0 + c + 1]);
        for (int r = 0; r < rows; r++) {
          sums[r][0] = VQ_FMADD(even, VQ_LOAD(table + main_at[r][c]), sums[r][0]);
          sums[r][1] = VQ_FMADD(odd, VQ_LOAD(table + main_at[r][c + 1]), sums[r][1]);
        }
      }
      if (c < width) {
        const VQ_VECTOR even = VQ_SET(x[c0 + c]);
        for (int r = 0; r < rows; r++) {
          sums[r][0] = VQ_FMADD(even, VQ_LOAD(table + main_at[r][c]), sums[r][0]);
        }
      }
    }
  }
  for (int r = 0; r < rows; r++) {
    VQ_ADD_TO(y + (size_t)r * m->vector_length + offset, lanes, VQ_ADD(sums[r][0], sums[r][1]));
  }
}

#undef VQ_NAME
#undef VQ_VECTOR
#undef VQ_ZERO
#undef VQ_SET
#undef VQ_LOAD
#undef VQ_FMADD
#undef VQ_ADD
#undef VQ_ADD_TO
