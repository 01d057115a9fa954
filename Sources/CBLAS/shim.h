// OpenBLAS as Debian packages it: the CBLAS interface, and the Fortran LAPACK symbols, for which
// Debian's openblas ships no header.
#include <cblas.h>

void spotrf_(const char *uplo, const int *n, float *a, const int *lda, int *info);
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void dpotri_(const char *uplo, const int *n, double *a, const int *lda, int *info);
