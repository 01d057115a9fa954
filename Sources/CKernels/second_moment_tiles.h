// `second_moment` around the register tile of one instruction set. Included once, after definitions of
//   SECOND_MOMENT_TARGET    attributes of the functions,
//   SECOND_MOMENT_ROWS, SECOND_MOMENT_COLUMNS    the size of the register tile,
//   second_moment_tile(rows, columns, tokens, h, h_stride)    which adds to a whole tile of h the products of
//   rows[t * SECOND_MOMENT_ROWS + i] and columns[t * SECOND_MOMENT_COLUMNS + j], t rising.
//
// Inputs are widened once into panels that the caches hold: strips of all rows of a chunk (second level) and one
// strip of columns (first level), which pass over one another while their results stay in registers.

enum {
  SECOND_MOMENT_TOKENS = 128,
  SECOND_MOMENT_CHUNK = 48,
  SECOND_MOMENT_STRIPS = SECOND_MOMENT_CHUNK / SECOND_MOMENT_ROWS,
};

/// panel[t * width + c] = x[t * x_stride + c] for c < present, zero up to `width`. The neighbours to the right are
/// fetched ahead: they are the next strip.
SECOND_MOMENT_TARGET static inline __attribute__((always_inline)) void second_moment_pack(
  const float *x, size_t x_stride, size_t tokens, size_t present, size_t width, double *panel) {
  for (size_t t = 0; t < tokens; t++) {
    const float *line = x + t * x_stride;
    double *target = panel + t * width;
    if (present >= width) {
      __builtin_prefetch(line + width, 0, 2);
      __builtin_prefetch(line + width + 16, 0, 2);
      for (size_t c = 0; c < width; c++) target[c] = line[c];
    } else {
      memset(target, 0, width * sizeof(double));
      for (size_t c = 0; c < present; c++) target[c] = line[c];
    }
  }
}

/// One register tile, of which `rows` x `columns` results exist.
SECOND_MOMENT_TARGET static inline __attribute__((always_inline)) void second_moment_part(
  const double *row_panel, const double *column_panel, size_t tokens, size_t rows, size_t columns, double *h,
  size_t h_stride) {
  if (rows >= SECOND_MOMENT_ROWS && columns >= SECOND_MOMENT_COLUMNS) {
    second_moment_tile(row_panel, column_panel, tokens, h, h_stride);
    return;
  }
  if (rows > SECOND_MOMENT_ROWS) rows = SECOND_MOMENT_ROWS;
  if (columns > SECOND_MOMENT_COLUMNS) columns = SECOND_MOMENT_COLUMNS;
  double tile[SECOND_MOMENT_ROWS * SECOND_MOMENT_COLUMNS] = {0};
  for (size_t i = 0; i < rows; i++) {
    memcpy(tile + i * SECOND_MOMENT_COLUMNS, h + i * h_stride, columns * sizeof(double));
  }
  second_moment_tile(row_panel, column_panel, tokens, tile, SECOND_MOMENT_COLUMNS);
  for (size_t i = 0; i < rows; i++) {
    memcpy(h + i * h_stride, tile + i * SECOND_MOMENT_COLUMNS, columns * sizeof(double));
  }
}

SECOND_MOMENT_TARGET static void second_moment(
  const float *x, size_t x_stride, size_t tokens, size_t i0, size_t i1, size_t j0, size_t j1, double *h,
  size_t h_stride) {
  _Alignas(64) double rows[SECOND_MOMENT_STRIPS][SECOND_MOMENT_TOKENS * SECOND_MOMENT_ROWS];
  _Alignas(64) double columns[SECOND_MOMENT_TOKENS * SECOND_MOMENT_COLUMNS];
  for (size_t chunk = i0; chunk < i1; chunk += SECOND_MOMENT_CHUNK) {
    const size_t end = i1 - chunk < SECOND_MOMENT_CHUNK ? i1 : chunk + SECOND_MOMENT_CHUNK;
    for (size_t t = 0; t < tokens; t += SECOND_MOMENT_TOKENS) {
      const size_t count = tokens - t < SECOND_MOMENT_TOKENS ? tokens - t : SECOND_MOMENT_TOKENS;
      const float *lines = x + t * x_stride;
      for (size_t i = chunk, strip = 0; i < end; i += SECOND_MOMENT_ROWS, strip++) {
        second_moment_pack(lines + i, x_stride, count, end - i, SECOND_MOMENT_ROWS, rows[strip]);
      }
      for (size_t j = j0; j < j1; j += SECOND_MOMENT_COLUMNS) {
        second_moment_pack(lines + j, x_stride, count, j1 - j, SECOND_MOMENT_COLUMNS, columns);
        for (size_t i = chunk, strip = 0; i < end; i += SECOND_MOMENT_ROWS, strip++) {
          second_moment_part(rows[strip], columns, count, end - i, j1 - j, h + i * h_stride + j, h_stride);
        }
      }
    }
  }
}
