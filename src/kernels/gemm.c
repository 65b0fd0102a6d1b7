#include "kernels/gemm.h"

#ifdef RD_HAVE_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#else
#include <cblas.h>
#endif

#include "base/cpu.h"
#include "base/memory.h"
#include "kernels/matmul.h"

int64_t rd_gemm_rows(int64_t rows) {
    int64_t step = 16;
    while (step * 32 <= rows) step *= 2;
    return (rows + step - 1) / step * step;
}

/* The libraries make code for each shape and copy the operands; they crash, or end the process,
 * when there is no room for that. */
static bool has_room(int64_t m, int64_t n, int64_t k) {
    enum { CODE = 8 << 20 };
    return !rd_memory_is_short(CODE + sizeof(float) * (size_t)(m * k + k * n + m * n));
}

static bool has_bf16(void) {
    static const uint16_t zeros[16 * 16];
    float result[16 * 16];
    return has_room(16, 16, 16) && rd_matmul(true, 16, 16, 16, (rd_matmul_operand){zeros, false},
                                             (rd_matmul_operand){zeros, false}, 0.0f, result);
}

rd_status rd_gemm_choose(rd_precision precision, bool *bf16) {
    *bf16 = precision == RD_PRECISION_BF16 ||
            (precision == RD_PRECISION_AUTO && rd_cpu_bf16_is_fast() && has_bf16());
    if (precision == RD_PRECISION_BF16 && !has_bf16())
        return rd_error(RD_ERR_ARGUMENT,
                        "precision bf16: needs a build with oneDNN 2 and a processor with AVX-512; "
                        "use fp32 or auto");
    return RD_OK;
}

/* By the definition: slow, but it needs no memory. */
static void plain_sgemm(int64_t m, int64_t n, int64_t k, const float *a, bool transpose_a,
                        const float *b, bool transpose_b, float beta, float *c) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            float sum = 0.0f;
            for (int64_t p = 0; p < k; p++)
                sum +=
                    a[transpose_a ? p * m + i : i * k + p] * b[transpose_b ? j * k + p : p * n + j];
            c[i * n + j] = sum + (beta != 0.0f ? beta * c[i * n + j] : 0.0f);
        }
}

/* float32: c: [m, n] = op(a): [m, k] * op(b): [k, n] + beta * c. */
static void sgemm(int64_t m, int64_t n, int64_t k, const float *a, bool transpose_a, const float *b,
                  bool transpose_b, float beta, float *c) {
    int64_t lda = transpose_a ? m : k, ldb = transpose_b ? k : n;
    if (!has_room(m, n, k)) {
        plain_sgemm(m, n, k, a, transpose_a, b, transpose_b, beta, c);
        return;
    }
#ifdef RD_HAVE_ONEDNN
    if (dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1.0f, a, lda, b, ldb,
                   beta, c, n) != dnnl_success)
        plain_sgemm(m, n, k, a, transpose_a, b, transpose_b, beta, c);
#else
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, 1.0f, a, (int)lda,
                b, (int)ldb, beta, c, (int)n);
#endif
}

/* One of m and k counts rows of a batch; padded_m and padded_k are what bfloat16 copies have room
 * for. */
static void multiply(int64_t m, int64_t n, int64_t k, int64_t padded_m, int64_t padded_k,
                     rd_operand a, bool transpose_a, rd_operand b, bool transpose_b, float beta,
                     float *c) {
    if (m == 0 || n == 0 || k == 0) return;
    if (a.bf16 && b.bf16 && has_room(m, n, k) &&
        rd_matmul(true, padded_m, n, padded_k, (rd_matmul_operand){a.bf16, transpose_a},
                  (rd_matmul_operand){b.bf16, transpose_b}, beta, c))
        return;
    sgemm(m, n, k, a.f32, transpose_a, b.f32, transpose_b, beta, c);
}

void rd_gemm_forward(int64_t rows, int64_t n_out, int64_t n_in, rd_operand x, rd_operand w,
                     float beta, float *y) {
    multiply(rows, n_out, n_in, rd_gemm_rows(rows), n_in, x, false, w, true, beta, y);
}

void rd_gemm_backward_data(int64_t rows, int64_t n_out, int64_t n_in, rd_operand dy, rd_operand w,
                           float beta, float *dx) {
    multiply(rows, n_in, n_out, rd_gemm_rows(rows), n_out, dy, false, w, false, beta, dx);
}

void rd_gemm_backward_weights(int64_t rows, int64_t n_out, int64_t n_in, rd_operand dy,
                              rd_operand x, float beta, float *dw) {
    multiply(n_out, n_in, rows, n_out, rd_gemm_rows(rows), dy, true, x, false, beta, dw);
}
