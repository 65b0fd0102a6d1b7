#include "kernels/gemm.h"

#ifdef RD_HAVE_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#else
#include <cblas.h>
#endif

static void sgemm(char transpose_a, char transpose_b, int64_t m, int64_t n, int64_t k,
                  const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                  int64_t ldc) {
    if (m == 0 || n == 0) return;
#ifdef RD_HAVE_ONEDNN
    dnnl_sgemm(transpose_a, transpose_b, m, n, k, 1.0f, a, lda, b, ldb, beta, c, ldc);
#else
    cblas_sgemm(CblasRowMajor, transpose_a == 'T' ? CblasTrans : CblasNoTrans,
                transpose_b == 'T' ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, 1.0f, a,
                (int)lda, b, (int)ldb, beta, c, (int)ldc);
#endif
}

void rd_gemm_forward(int64_t rows, int64_t n_out, int64_t n_in, const float *x, const float *w,
                     float beta, float *y) {
    sgemm('N', 'T', rows, n_out, n_in, x, n_in, w, n_in, beta, y, n_out);
}

void rd_gemm_backward_data(int64_t rows, int64_t n_out, int64_t n_in, const float *dy,
                           const float *w, float beta, float *dx) {
    sgemm('N', 'N', rows, n_in, n_out, dy, n_out, w, n_in, beta, dx, n_in);
}

void rd_gemm_backward_weights(int64_t rows, int64_t n_out, int64_t n_in, const float *dy,
                              const float *x, float beta, float *dw) {
    sgemm('T', 'N', n_out, n_in, rows, dy, n_out, x, n_in, beta, dw, n_in);
}
