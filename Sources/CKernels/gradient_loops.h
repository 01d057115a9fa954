// The loops of the backward pass and of Adam, in plain C on vectors of 16 floats that the compiler breaks down for one
// instruction set. Included once, after a definition of
//   GRADIENT_TARGET    attributes of the functions.

// Vectors pass only between functions that are inlined, so their calling convention does not matter.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpsabi"

typedef float gradient_vector __attribute__((vector_size(64)));
typedef int32_t gradient_integers __attribute__((vector_size(64)));

enum { GRADIENT_LANES = 16 };

#define GRADIENT_INLINE GRADIENT_TARGET static inline __attribute__((always_inline))

GRADIENT_INLINE gradient_vector gradient_load(const float *p) {
  gradient_vector value;
  memcpy(&value, p, sizeof value);
  return value;
}

/// The first `count` (< 16) values, and `rest` in the other lanes.
GRADIENT_INLINE gradient_vector gradient_load_some(const float *p, size_t count, float rest) {
  float lanes[GRADIENT_LANES];
  for (size_t i = 0; i < GRADIENT_LANES; i++) lanes[i] = rest;
  memcpy(lanes, p, count * sizeof *p);
  return gradient_load(lanes);
}

GRADIENT_INLINE void gradient_store(float *p, gradient_vector value) { memcpy(p, &value, sizeof value); }

GRADIENT_INLINE void gradient_store_some(float *p, size_t count, gradient_vector value) {
  float lanes[GRADIENT_LANES];
  gradient_store(lanes, value);
  memcpy(p, lanes, count * sizeof *p);
}

GRADIENT_INLINE double gradient_total(gradient_vector value) {
  double sum = 0;
  for (int i = 0; i < GRADIENT_LANES; i++) sum += value[i];
  return sum;
}

/// exp(x) = 2^n exp(r), n = round(x / ln 2), exp(r) by a polynomial of degree 7 (Cephes expf); x is kept in [-87, 88].
GRADIENT_INLINE gradient_vector gradient_exp(gradient_vector x) {
  x = __builtin_elementwise_min(__builtin_elementwise_max(x, (gradient_vector){} - 87), (gradient_vector){} + 88);
  // Adding 1.5 * 2^23 rounds to the nearest integer.
  const gradient_vector n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;
  const gradient_vector r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  gradient_vector p = (gradient_vector){} + 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const gradient_integers power = (__builtin_convertvector(n, gradient_integers) + 127) << 23;
  gradient_vector scale;
  memcpy(&scale, &power, sizeof scale);
  return p * scale;
}

GRADIENT_INLINE gradient_vector gradient_sigmoid(gradient_vector x) { return 1.0f / (1.0f + gradient_exp(-x)); }

/// Runs BODY with `lanes` = min(16, n - i) for each 16 values of [0, n).
#define GRADIENT_LOOP(i, n, lanes) \
  for (size_t i = 0, lanes = 0; i < (n) && (lanes = (n) - i < GRADIENT_LANES ? (n) - i : GRADIENT_LANES, 1); \
       i += GRADIENT_LANES)
#define GRADIENT_LOAD(p, i, lanes, rest) \
  ((lanes) == GRADIENT_LANES ? gradient_load((p) + (i)) : gradient_load_some((p) + (i), lanes, rest))
#define GRADIENT_STORE(p, i, lanes, value) \
  do { \
    if ((lanes) == GRADIENT_LANES) gradient_store((p) + (i), value); \
    else gradient_store_some((p) + (i), lanes, value); \
  } while (0)

GRADIENT_TARGET static void rms_norm_gradient(
  const float *x, const float *weight, const float *dy, float eps, size_t n, float *dx, float *dweight) {
  double squares = 0, product = 0;
  for (size_t first = 0; first < n; first += 1024) {
    const size_t end = n - first < 1024 ? n : first + 1024;
    gradient_vector s = {}, p = {};
    GRADIENT_LOOP(i, end - first, lanes) {
      const gradient_vector value = GRADIENT_LOAD(x + first, i, lanes, 0);
      s += value * value;
      p += value * GRADIENT_LOAD(dy + first, i, lanes, 0) * GRADIENT_LOAD(weight + first, i, lanes, 0);
    }
    squares += gradient_total(s);
    product += gradient_total(p);
  }
  const double inverse = 1 / sqrt(squares / (double)n + (double)eps);
  const float r = (float)inverse;
  const float back = (float)(product * inverse * inverse * inverse / (double)n);
  GRADIENT_LOOP(i, n, lanes) {
    const gradient_vector value = GRADIENT_LOAD(x, i, lanes, 0), d = GRADIENT_LOAD(dy, i, lanes, 0);
    const gradient_vector step = d * GRADIENT_LOAD(weight, i, lanes, 0) * r - value * back;
    GRADIENT_STORE(dx, i, lanes, GRADIENT_LOAD(dx, i, lanes, 0) + step);
    GRADIENT_STORE(dweight, i, lanes, GRADIENT_LOAD(dweight, i, lanes, 0) + d * value * r);
  }
}

GRADIENT_TARGET static void silu_gradient(
  const float *gate, const float *up, const float *dy, size_t n, float *dgate, float *dup) {
  GRADIENT_LOOP(i, n, lanes) {
    const gradient_vector g = GRADIENT_LOAD(gate, i, lanes, 0), d = GRADIENT_LOAD(dy, i, lanes, 0);
    const gradient_vector s = gradient_sigmoid(g), y = g * s;
    const gradient_vector slope = s + y * (1.0f - s);
    const gradient_vector u = GRADIENT_LOAD(up, i, lanes, 0);
    GRADIENT_STORE(dgate, i, lanes, d * u * slope);
    GRADIENT_STORE(dup, i, lanes, d * y);
  }
}

GRADIENT_TARGET static void gelu_gradient(
  const float *gate, const float *up, const float *dy, size_t n, float *dgate, float *dup) {
  const float c = 2 * 0.797884561f;
  GRADIENT_LOOP(i, n, lanes) {
    const gradient_vector g = GRADIENT_LOAD(gate, i, lanes, 0), d = GRADIENT_LOAD(dy, i, lanes, 0);
    const gradient_vector s = gradient_sigmoid(c * g * (1.0f + 0.044715f * (g * g))), y = g * s;
    const gradient_vector slope = s + y * (1.0f - s) * (c * (1.0f + 3 * 0.044715f * (g * g)));
    const gradient_vector u = GRADIENT_LOAD(up, i, lanes, 0);
    GRADIENT_STORE(dgate, i, lanes, d * u * slope);
    GRADIENT_STORE(dup, i, lanes, d * y);
  }
}

GRADIENT_TARGET static void softmax_gradient(const float *y, float scale, size_t n, float *dy) {
  gradient_vector sum = {};
  GRADIENT_LOOP(i, n, lanes) { sum += GRADIENT_LOAD(y, i, lanes, 0) * GRADIENT_LOAD(dy, i, lanes, 0); }
  const float mean = (float)gradient_total(sum);
  GRADIENT_LOOP(i, n, lanes) {
    const gradient_vector d = GRADIENT_LOAD(dy, i, lanes, 0) - mean;
    GRADIENT_STORE(dy, i, lanes, GRADIENT_LOAD(y, i, lanes, 0) * d * scale);
  }
}

GRADIENT_INLINE float gradient_largest(const float *x, size_t n) {
  gradient_vector largest = (gradient_vector){} - INFINITY;
  GRADIENT_LOOP(i, n, lanes) { largest = __builtin_elementwise_max(largest, GRADIENT_LOAD(x, i, lanes, -INFINITY)); }
  float result = largest[0];
  for (int i = 1; i < GRADIENT_LANES; i++) result = largest[i] > result ? largest[i] : result;
  return result;
}

GRADIENT_TARGET static double divergence_gradient(float *teacher, float *student, size_t n, float scale) {
  const float teacher_origin = gradient_largest(teacher, n), student_origin = gradient_largest(student, n);
  double teacher_sum = 0, student_sum = 0, difference = 0;
  for (size_t first = 0; first < n; first += 1024) {
    const size_t end = n - first < 1024 ? n : first + 1024;
    float *const ts = teacher + first, *const ss = student + first;
    gradient_vector a = {}, b = {}, c = {};
    GRADIENT_LOOP(i, end - first, lanes) {
      const gradient_vector t = GRADIENT_LOAD(ts, i, lanes, teacher_origin) - teacher_origin;
      const gradient_vector s = GRADIENT_LOAD(ss, i, lanes, student_origin) - student_origin;
      gradient_vector et = gradient_exp(t), es = gradient_exp(s);
      if (lanes < GRADIENT_LANES) {
        for (size_t lane = lanes; lane < GRADIENT_LANES; lane++) et[lane] = es[lane] = 0;
      }
      a += et;
      b += es;
      c += et * (t - s);
      GRADIENT_STORE(ts, i, lanes, et);
      GRADIENT_STORE(ss, i, lanes, es);
    }
    teacher_sum += gradient_total(a);
    student_sum += gradient_total(b);
    difference += gradient_total(c);
  }
  const float t_factor = (float)(scale / teacher_sum), s_factor = (float)(scale / student_sum);
  GRADIENT_LOOP(i, n, lanes) {
    const gradient_vector p = GRADIENT_LOAD(teacher, i, lanes, 0), q = GRADIENT_LOAD(student, i, lanes, 0);
    GRADIENT_STORE(student, i, lanes, q * s_factor - p * t_factor);
  }
  return difference / teacher_sum - log(teacher_sum) + log(student_sum);
}

GRADIENT_TARGET static void adam(
  const ck_adam *step, const float *gradient, size_t n, float *mean, float *square, float *value) {
  GRADIENT_LOOP(i, n, lanes) {
    const gradient_vector g = GRADIENT_LOAD(gradient, i, lanes, 0) * step->gradient_scale;
    gradient_vector m = GRADIENT_LOAD(mean, i, lanes, 0), s = GRADIENT_LOAD(square, i, lanes, 0);
    m += (1 - step->beta1) * (g - m);
    s += (1 - step->beta2) * (g * g - s);
    const gradient_vector root = __builtin_elementwise_sqrt(s * step->square_correction) + step->epsilon;
    const gradient_vector change = step->rate * (m * step->mean_correction) / root;
    GRADIENT_STORE(mean, i, lanes, m);
    GRADIENT_STORE(square, i, lanes, s);
    GRADIENT_STORE(value, i, lanes, GRADIENT_LOAD(value, i, lanes, 0) - change);
  }
}

/// `vq_column` for one vector length that the compiler knows (or any).
GRADIENT_INLINE void gradient_decode(
  const ck_vq_column *column, size_t length, float scale, float shift, float *w) {
  for (size_t n = 0; n < column->vectors; n++) {
    const float *main = column->table + column->codes[n] * length;
    float *target = w + n * length;
    if (column->residual_table) {
      const float *residual = column->residual_table + column->residual_codes[n] * length;
      for (size_t e = 0; e < length; e++) target[e] = (main[e] + residual[e]) * scale + shift;
    } else {
      for (size_t e = 0; e < length; e++) target[e] = main[e] * scale + shift;
    }
  }
}

GRADIENT_TARGET static void vq_column(const ck_vq_column *column, float scale, float shift, float *w) {
  switch (column->vector_length) {
    case 4: gradient_decode(column, 4, scale, shift, w); break;
    case 8: gradient_decode(column, 8, scale, shift, w); break;
    default: gradient_decode(column, column->vector_length, scale, shift, w);
  }
}

/// `vq_column_gradient` for one vector length; sums of at most 64 vectors are kept in float.
GRADIENT_INLINE void gradient_scatter(
  const ck_vq_column *column, size_t length, const float *dw, float scale, float *dtable, float *dresidual_table,
  double *dscale, double *dshift) {
  double scale_sum = 0, shift_sum = 0;
  for (size_t first = 0; first < column->vectors; first += 64) {
    const size_t end = column->vectors - first < 64 ? column->vectors : first + 64;
    float products[8] = {0}, sums[8] = {0};
    for (size_t n = first; n < end; n++) {
      const float *main = column->table + column->codes[n] * length;
      float *dmain = dtable + column->codes[n] * length;
      const float *d = dw + n * length;
      if (column->residual_table) {
        const float *residual = column->residual_table + column->residual_codes[n] * length;
        float *dresidual = dresidual_table + column->residual_codes[n] * length;
        for (size_t e = 0; e < length; e++) {
          const float change = d[e] * scale;
          products[e % 8] += d[e] * (main[e] + residual[e]);
          sums[e % 8] += d[e];
          dmain[e] += change;
          dresidual[e] += change;
        }
      } else {
        for (size_t e = 0; e < length; e++) {
          products[e % 8] += d[e] * main[e];
          sums[e % 8] += d[e];
          dmain[e] += d[e] * scale;
        }
      }
    }
    for (int e = 0; e < 8; e++) {
      scale_sum += products[e];
      shift_sum += sums[e];
    }
  }
  *dscale = scale_sum;
  *dshift = shift_sum;
}

GRADIENT_TARGET static void vq_column_gradient(
  const ck_vq_column *column, const float *dw, float scale, float *dtable, float *dresidual_table, double *dscale,
  double *dshift) {
  switch (column->vector_length) {
    case 4: gradient_scatter(column, 4, dw, scale, dtable, dresidual_table, dscale, dshift); break;
    case 8: gradient_scatter(column, 8, dw, scale, dtable, dresidual_table, dscale, dshift); break;
    default: gradient_scatter(column, column->vector_length, dw, scale, dtable, dresidual_table, dscale, dshift);
  }
}

#pragma clang diagnostic pop
