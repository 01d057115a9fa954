// Included by each table's file: attention for any number of queries and each storage, from its loops for up to four queries:
// `score_rows`, which takes one key or ATTENTION_KEYS(queries), and `mix_queries`.

ATTENTION_INLINE void score_queries(
  int queries, const float *q, const void *k, ck_storage storage, size_t k_stride, size_t positions, size_t head_dim,
  float scale, float *scores, size_t scores_stride) {
  const int rows = ATTENTION_KEYS(queries);
  size_t p = 0;
  for (; p + (size_t)rows <= positions; p += (size_t)rows) {
    const void *keys = ck_element(k, storage, p * k_stride);
    for (size_t r = 0; r < (size_t)rows; r++) ck_prefetch_position(k, storage, k_stride, p + r, positions, head_dim);
    score_rows(queries, rows, q, keys, storage, k_stride, head_dim, scale, scores + p, scores_stride);
  }
  for (; p < positions; p++) {
    const void *key = ck_element(k, storage, p * k_stride);
    score_rows(queries, 1, q, key, storage, k_stride, head_dim, scale, scores + p, scores_stride);
  }
}

ATTENTION_INLINE void scores_of(
  const float *q, size_t queries, const void *k, ck_storage storage, size_t k_stride, size_t positions,
  size_t head_dim, float scale, float *scores, size_t scores_stride) {
  for (; queries > 0; queries -= queries < 4 ? queries : 4) {
    switch (queries) {
      case 1: score_queries(1, q, k, storage, k_stride, positions, head_dim, scale, scores, scores_stride); break;
      case 2: score_queries(2, q, k, storage, k_stride, positions, head_dim, scale, scores, scores_stride); break;
      case 3: score_queries(3, q, k, storage, k_stride, positions, head_dim, scale, scores, scores_stride); break;
      default: score_queries(4, q, k, storage, k_stride, positions, head_dim, scale, scores, scores_stride);
    }
    q += 4 * head_dim;
    scores += 4 * scores_stride;
  }
}

ATTENTION static void attention_scores(
  const float *q, size_t queries, const void *k, ck_storage storage, size_t k_stride, size_t positions,
  size_t head_dim, float scale, float *scores, size_t scores_stride) {
  switch (storage) {
    case CK_F16: scores_of(q, queries, k, CK_F16, k_stride, positions, head_dim, scale, scores, scores_stride); break;
    case CK_BF16: scores_of(q, queries, k, CK_BF16, k_stride, positions, head_dim, scale, scores, scores_stride); break;
    case CK_I8: scores_of(q, queries, k, CK_I8, k_stride, positions, head_dim, scale, scores, scores_stride); break;
    default: scores_of(q, queries, k, CK_F32, k_stride, positions, head_dim, scale, scores, scores_stride);
  }
}

ATTENTION_INLINE void mixtures_of(
  const float *weights, size_t weights_stride, size_t queries, const void *v, ck_storage storage, size_t v_stride,
  size_t positions, size_t head_dim, float *y) {
  for (; queries > 0; queries -= queries < 4 ? queries : 4) {
    switch (queries) {
      case 1: mix_queries(1, weights, weights_stride, v, storage, v_stride, positions, head_dim, y); break;
      case 2: mix_queries(2, weights, weights_stride, v, storage, v_stride, positions, head_dim, y); break;
      case 3: mix_queries(3, weights, weights_stride, v, storage, v_stride, positions, head_dim, y); break;
      default: mix_queries(4, weights, weights_stride, v, storage, v_stride, positions, head_dim, y);
    }
    weights += 4 * weights_stride;
    y += 4 * head_dim;
  }
}

ATTENTION static void attention_mix(
  const float *weights, size_t weights_stride, size_t queries, const void *v, ck_storage storage, size_t v_stride,
  size_t positions, size_t head_dim, float *y) {
  switch (storage) {
    case CK_F16: mixtures_of(weights, weights_stride, queries, v, CK_F16, v_stride, positions, head_dim, y); break;
    case CK_BF16: mixtures_of(weights, weights_stride, queries, v, CK_BF16, v_stride, positions, head_dim, y); break;
    case CK_I8: mixtures_of(weights, weights_stride, queries, v, CK_I8, v_stride, positions, head_dim, y); break;
    default: mixtures_of(weights, weights_stride, queries, v, CK_F32, v_stride, positions, head_dim, y);
  }
}

#undef ATTENTION
#undef ATTENTION_INLINE
#undef ATTENTION_KEYS
