#include "ops/gemm.h"

#ifdef RD_HAVE_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#else
#include <cblas.h>
#endif

#include "base/cpu.h"
#include "base/parallel.h"
#include "ops/cpu/matmul.h"

int64_t rd_gemm_rows(int64_t rows) {
    int64_t step = 16;
    while (step * 32 <= rows) step *= 2;
    return (rows + step - 1) / step * step;
}

static bool has_bf16(void) {
    static const uint16_t zeros[16 * 16];
    uint16_t result[16 * 16] = {0};
    rd_matmul_operand x = {zeros, true, false};
    return rd_matmul_has_room(3 * 16 * 16) &&
           rd_matmul(16, 16, 16, x, x, 0.0f, (rd_matmul_operand){result, true, false});
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

static float element(rd_activations x, int64_t i) {
    if (x.bf16) return rd_bf16_to_f32(x.bf16[i]);
    return x.f32 ? x.f32[i] : 0.0f; /* an operand has one form at least */
}

/* By the definition: slow, but it needs no memory. */
static void plain_gemm(int64_t m, int64_t n, int64_t k, rd_activations a, bool transpose_a,
                       rd_activations b, bool transpose_b, float beta, rd_activations c) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            float sum = beta != 0.0f ? beta * element(c, i * n + j) : 0.0f;
            for (int64_t p = 0; p < k; p++)
                sum += element(a, transpose_a ? p * m + i : i * k + p) *
                       element(b, transpose_b ? j * k + p : p * n + j);
            if (c.bf16)
                c.bf16[i * n + j] = rd_f32_to_bf16(sum);
            else
                c.f32[i * n + j] = sum;
        }
}

/* float32: c: [m, n] = op(a): [m, k] * op(b): [k, n] + beta * c. */
static bool sgemm(int64_t m, int64_t n, int64_t k, const float *a, bool transpose_a, const float *b,
                  bool transpose_b, float beta, float *c) {
    int64_t lda = transpose_a ? m : k, ldb = transpose_b ? k : n;
#ifdef RD_HAVE_ONEDNN
    rd_settle_threads();
    return dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1.0f, a, lda, b,
                      ldb, beta, c, n) == dnnl_success;
#else
    cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
                transpose_b ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, 1.0f, a, (int)lda,
                b, (int)ldb, beta, c, (int)n);
    return true;
#endif
}

/* One of m and k counts rows of a batch; padded_m and padded_k are the rows that bfloat16 operands
 * have room for. */
static void multiply(int64_t m, int64_t n, int64_t k, int64_t padded_m, int64_t padded_k,
                     rd_activations a, bool transpose_a, rd_activations b, bool transpose_b,
                     float beta, rd_activations c) {
    if (m == 0 || n == 0 || k == 0) return;
    bool done = false;
    if (rd_matmul_has_room(m * k + k * n + m * n)) {
        if (a.bf16 && b.bf16)
            done = rd_matmul(padded_m, n, padded_k, (rd_matmul_operand){a.bf16, true, transpose_a},
                             (rd_matmul_operand){b.bf16, true, transpose_b}, beta,
                             (rd_matmul_operand){c.bf16 ? (void *)c.bf16 : c.f32, c.bf16, false});
        else if (a.f32 && b.f32)
            done = sgemm(m, n, k, a.f32, transpose_a, b.f32, transpose_b, beta, c.f32);
    }
    if (!done) plain_gemm(m, n, k, a, transpose_a, b, transpose_b, beta, c);
}

void rd_gemm_forward(int64_t rows, int64_t n_out, int64_t n_in, rd_activations x, rd_activations w,
                     float beta, rd_activations y) {
    multiply(rows, n_out, n_in, rd_gemm_rows(rows), n_in, x, false, w, true, beta, y);
}

void rd_gemm_backward_data(int64_t rows, int64_t n_out, int64_t n_in, rd_activations dy,
                           rd_activations w, float beta, rd_activations dx) {
    multiply(rows, n_in, n_out, rd_gemm_rows(rows), n_out, dy, false, w, false, beta, dx);
}

void rd_gemm_backward_weights(int64_t rows, int64_t n_out, int64_t n_in, rd_activations dy,
                              rd_activations x, float beta, float *dw) {
    multiply(n_out, n_in, rows, n_out, rd_gemm_rows(rows), dy, true, x, false, beta,
             (rd_activations){.f32 = dw});
}
