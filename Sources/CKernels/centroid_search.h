// `search_centroids` around the vectors of 16 floats of one instruction set. Included once, after definitions of
//   SEARCH_TARGET    attributes of the functions,
//   search_lanes    16 floats,
//   search_scores(x, dimension, block, half_norms)    half_norms[i] - dot(x, C_i) of a block, rounded as by `nearest_centroid`,
//   search_bounds(x, dimension, boxes)    boxes[i] plus the squared distance of x from box i, one addition per element,
//   search_up_to(lanes, limit)    a bit for each lane that is not above `limit`,
//   search_store(lanes, values).
//
// A block is passed over only where every score in it is certain to be above the worst that is kept, so the result is that
// of a search through all blocks. With |C| and the box's distance D from x, the score s of a centroid as it is rounded has
//   2 s >= D^2 - |x|^2 - margin * (|x|^2 + |C|^2)
// (margin: `ck_search_margin`). The boxes hold -margin * |C|^2; the rest is in the limit.

#define SEARCH_INLINE SEARCH_TARGET static inline __attribute__((always_inline))

/// The least scores so far, rising, of equal ones the lower index first; and what a box's bound may not exceed.
typedef struct {
  int32_t *indices;
  float *scores;
  size_t width;
  float square;
  float margin;
  float limit;
} search_state;

SEARCH_INLINE void search_keep(search_state *state, float score, int32_t index) {
  const size_t last = state->width - 1;
  if (!(score < state->scores[last] || (score == state->scores[last] && index < state->indices[last]))) return;
  size_t place = last;
  for (; place > 0; place--) {
    const float before = state->scores[place - 1];
    if (!(before > score || (before == score && state->indices[place - 1] > index))) break;
    state->scores[place] = before;
    state->indices[place] = state->indices[place - 1];
  }
  state->scores[place] = score;
  state->indices[place] = index;
  const float worst = state->scores[last];
  state->limit = 2 * worst + state->square + state->margin * (state->square + fabsf(worst)) + FLT_MIN;
}

SEARCH_INLINE void search_block(const float *x, const ck_codebook *book, size_t block, search_state *state) {
  const size_t first = 16 * block;
  const search_lanes lanes =
    search_scores(x, book->dimension, book->blocked + first * book->dimension, book->half_norms + first);
  uint32_t candidates = search_up_to(lanes, state->scores[state->width - 1]);
  if (!candidates) return;
  float scores[16];
  search_store(lanes, scores);
  for (; candidates; candidates &= candidates - 1) {
    const int lane = __builtin_ctz(candidates);
    search_keep(state, scores[lane], book->order ? book->order[first + (size_t)lane] : (int32_t)first + lane);
  }
}

/// The blocks of a group that are not in `done` and may hold something to keep.
SEARCH_INLINE void search_group(
  const float *x, const ck_codebook *book, size_t group, uint32_t done, search_state *state) {
  const size_t left = book->blocks - 16 * group;
  const search_lanes lanes =
    search_bounds(x, book->dimension, book->block_boxes + group * (2 * book->dimension + 1) * 16);
  uint32_t open = search_up_to(lanes, state->limit) & ~done;
  if (left < 16) open &= (1u << left) - 1;
  if (!open) return;
  float bounds[16];
  search_store(lanes, bounds);
  for (; open; open &= open - 1) {
    const int block = __builtin_ctz(open);
    // The limit has fallen since.
    if (!(bounds[block] > state->limit)) search_block(x, book, 16 * group + (size_t)block, state);
  }
}

/// The block where x belongs, or that of the hint.
SEARCH_INLINE size_t search_start(const float *x, const ck_codebook *book, const int32_t *hint) {
  if (hint) return (size_t)book->places[*hint] / 16;
  size_t node = 1;
  while (node < book->blocks) node = 2 * node + (x[book->axes[node]] >= book->cuts[node]);
  return node - book->blocks;
}

/// All blocks, of which `first` and the others of its group come first: they bring the limit down.
SEARCH_INLINE void search_tree(const float *x, const ck_codebook *book, size_t first, search_state *state) {
  const size_t home = first / 16, groups = (book->blocks + 15) / 16;
  search_block(x, book, first, state);
  search_group(x, book, home, 1u << first % 16, state);
  for (size_t set = 0; set < groups; set += 16) {
    const search_lanes lanes =
      search_bounds(x, book->dimension, book->group_boxes + set / 16 * (2 * book->dimension + 1) * 16);
    uint32_t open = search_up_to(lanes, state->limit);
    if (groups - set < 16) open &= (1u << (groups - set)) - 1;
    if (home / 16 == set / 16) open &= ~(1u << home % 16);
    for (; open; open &= open - 1) search_group(x, book, set + (size_t)__builtin_ctz(open), 0, state);
  }
}

SEARCH_TARGET static void search_centroids(
  const float *vectors, size_t n, const ck_codebook *book, const int32_t *hints, size_t width, int32_t *indices,
  float *scores) {
  for (size_t i = 0; i < n; i++) {
    const float *x = vectors + i * book->dimension;
    search_state state = {
      .indices = indices + i * width, .scores = scores + i * width, .width = width,
      .margin = ck_search_margin(book->dimension), .limit = INFINITY,
    };
    for (size_t j = 0; j < book->dimension; j++) state.square += x[j] * x[j];
    const size_t first = book->order ? search_start(x, book, hints ? hints + i : NULL) : 0;
    for (size_t w = 0; w < width; w++) state.indices[w] = 0, state.scores[w] = INFINITY;
    if (book->order) {
      search_tree(x, book, first, &state);
    } else {
      for (size_t block = 0; block < book->blocks; block++) search_block(x, book, block, &state);
    }
  }
}
