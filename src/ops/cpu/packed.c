/* Few rows are multiplied here: called for one row, oneDNN takes ten times as long as the product
 * itself. Many rows are left to it if it has code for this layout. */
#include "ops/packed.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/parallel.h"
#include "ops/cpu/kernels.h"
#include "ops/cpu/packed_onednn.h"

enum { WORD = 4 /* bytes */ };

struct rd_packed {
    int64_t n_out, n_in, n_words; /* n_words hold a row of W */
    rd_precision precision;
    uint32_t *panels; /* rd_panels_product */
    /* int8 only. y = row scale * (scale * sum - offset). Where inputs have 128 added, the offset is
     * that times scale * (sum of the row of W), and otherwise 0. */
    float *scales, *offsets;  /* [n_out] */
    rd_packed_onednn *onednn; /* NULL: all rows are multiplied here */
};

/* The rounding is that of activations, which are stored with 128 added. */
void rd_quantize_weights(int8_t *rounded, float *scales, const float *w, int64_t n_out,
                         int64_t n_in) {
    uint8_t *shifted = (uint8_t *)rounded;
    rd_cpu_kernels()->quantize_rows(shifted, scales, w, n_out, n_in);
    for (int64_t i = 0; i < n_out * n_in; i++) rounded[i] = (int8_t)((int)shifted[i] - 128);
}

static int64_t size_of_element(rd_precision precision) {
    return precision == RD_PRECISION_INT8 ? 1 : precision == RD_PRECISION_BF16 ? 2 : 4;
}

static const rd_kernels *kernels_for(rd_precision precision) {
    return precision == RD_PRECISION_INT8 ? rd_int8_kernels() : rd_cpu_kernels();
}

/* rows: [n_out] of row_bytes each, to panels. */
static void lay_out(rd_packed *p, const void *rows, int64_t row_bytes) {
    const int64_t width = kernels_for(p->precision)->panel;
    for (int64_t first = 0; first < p->n_out; first += width) {
        uint32_t *panel = p->panels + rd_panels_size(first, p->n_words);
        int64_t columns = p->n_out - first < width ? p->n_out - first : width;
        for (int64_t k = 0; k < p->n_words; k++) {
            int64_t bytes = row_bytes - k * WORD < WORD ? row_bytes - k * WORD : WORD;
            for (int64_t c = 0; c < columns; c++)
                memcpy(panel + k * width + c,
                       (const char *)rows + (first + c) * row_bytes + k * WORD, (size_t)bytes);
        }
    }
}

static rd_status fill_bf16(rd_packed *p, const float *w) {
    uint16_t *rounded = rd_malloc((size_t)(p->n_out * p->n_in), sizeof *rounded);
    if (!rounded) return RD_ERR_MEMORY;
    rd_cpu_kernels()->to_bf16(rounded, w, p->n_out * p->n_in);
    lay_out(p, rounded, p->n_in * (int64_t)sizeof *rounded);
    free(rounded);
    return RD_OK;
}

static rd_status fill_int8(rd_packed *p, const float *w) {
    const float added = rd_int8_kernels()->signs_apart ? 0.0f : 128.0f;
    p->scales = rd_malloc((size_t)p->n_out, sizeof *p->scales);
    p->offsets = rd_malloc((size_t)p->n_out, sizeof *p->offsets);
    int8_t *rounded = rd_malloc((size_t)(p->n_out * p->n_in), sizeof *rounded);
    rd_status status = p->scales && p->offsets && rounded ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK) {
        rd_quantize_weights(rounded, p->scales, w, p->n_out, p->n_in);
        lay_out(p, rounded, p->n_in);
    }
    for (int64_t r = 0; status == RD_OK && r < p->n_out; r++) {
        int32_t sum = 0;
        for (int64_t i = 0; i < p->n_in; i++) sum += rounded[r * p->n_in + i];
        p->offsets[r] = added * p->scales[r] * (float)sum;
    }
    free(rounded);
    return status;
}

/* Threads share W by RD_MOST_PANEL rows: how many such shares there are. */
static int64_t n_shares(const rd_packed *p) {
    return (p->n_out + RD_MOST_PANEL - 1) / RD_MOST_PANEL;
}

static rd_status fill(rd_packed *p, const float *w) {
    p->panels = rd_calloc((size_t)rd_panels_size(n_shares(p) * RD_MOST_PANEL, p->n_words), WORD);
    if (!p->panels) return RD_ERR_MEMORY;
    if (p->precision == RD_PRECISION_INT8) return fill_int8(p, w);
    if (p->precision == RD_PRECISION_BF16) return fill_bf16(p, w);
    lay_out(p, w, p->n_in * (int64_t)sizeof *w);
    return RD_OK;
}

/* It takes panels of 64 and, in 8 bits, numbers with 128 added, as AVX-512's kernels; rows without
 * gaps between them; and its 8 bits are faster than those here only in AMX's tiles. */
static rd_status find_onednn(rd_packed *p) {
    if (kernels_for(p->precision)->panel != RD_MOST_PANEL) return RD_OK;
    if (p->n_words * WORD != p->n_in * size_of_element(p->precision)) return RD_OK;
    if (p->precision == RD_PRECISION_INT8 && !rd_cpu_has_int8_tiles()) return RD_OK;
    return rd_packed_onednn_new(&p->onednn, p->precision, p->n_out, p->n_in, p->panels);
}

rd_status rd_packed_new(rd_packed **packed, rd_precision chosen, int64_t n_out, int64_t n_in,
                        const float *w) {
    int64_t bytes = n_in * size_of_element(chosen);
    *packed = rd_calloc(1, sizeof **packed);
    if (!*packed) return RD_ERR_MEMORY;
    **packed = (rd_packed){
        .n_out = n_out, .n_in = n_in, .n_words = (bytes + WORD - 1) / WORD, .precision = chosen};
    rd_status status = fill(*packed, w);
    if (status == RD_OK) status = find_onednn(*packed);
    if (status == RD_OK) return RD_OK;
    rd_packed_free(*packed);
    *packed = NULL;
    return status;
}

void rd_packed_free(rd_packed *p) {
    if (!p) return;
    rd_packed_onednn_free(p->onednn);
    free(p->panels);
    free(p->scales);
    free(p->offsets);
    free(p);
}

rd_precision rd_packed_precision(const rd_packed *p) {
    return p ? p->precision : RD_PRECISION_FP32;
}

/* *operand: [n_words] of int8, as panels_int8 reads it. */
static rd_status set_signs_apart(rd_arena *arena, int64_t n_words, const void **operand) {
    const rd_kernels *ops = rd_int8_kernels();
    if (!ops->signs_apart) return RD_OK;
    uint32_t *split = rd_arena_alloc(arena, (size_t)n_words, 2 * WORD);
    if (!split) return RD_ERR_MEMORY;
    ops->signs_apart(split, *operand, n_words);
    *operand = split;
    return RD_OK;
}

/* x: [rows, n_in] as products read it: *operand: [rows, n_words], of int8 perhaps two words each.
 * row_scales: [rows], of int8. */
static rd_status round_rows(const rd_packed *p, rd_arena *arena, int64_t rows, const float *x,
                            const void **operand, float *row_scales) {
    *operand = x;
    if (p->precision == RD_PRECISION_FP32) return RD_OK;
    int64_t stride = p->n_words * WORD, used = p->n_in * size_of_element(p->precision);
    char *rounded = rd_arena_alloc(arena, (size_t)(rows * stride), 1);
    if (!rounded) return RD_ERR_MEMORY;
    int64_t n = stride == used ? rows : 1; /* at a time */
    for (int64_t r = 0; r < rows; r += n, x += n * p->n_in) {
        char *row = rounded + r * stride;
        if (p->precision == RD_PRECISION_BF16)
            rd_cpu_kernels()->to_bf16((uint16_t *)(void *)row, x, n * p->n_in);
        else
            rd_cpu_kernels()->quantize_rows((uint8_t *)row, row_scales + r, x, n, p->n_in);
        if (stride > used) memset(row + used, 0, (size_t)(stride - used));
    }
    *operand = rounded;
    if (p->precision == RD_PRECISION_BF16) return RD_OK;
    return set_signs_apart(arena, rows * p->n_words, operand);
}

typedef struct {
    const rd_packed *packed;
    rd_panels_product whole;
} panels_work;

/* Shares [begin, end). */
static void multiply_shares(const void *self, int thread, int64_t begin, int64_t end) {
    const rd_packed *p = ((const panels_work *)self)->packed;
    const rd_kernels *ops = kernels_for(p->precision);
    rd_panels_product part = ((const panels_work *)self)->whole;
    const int64_t first = begin * RD_MOST_PANEL, last = end * RD_MOST_PANEL;
    (void)thread;
    if (begin >= end) return;
    part.panels += rd_panels_size(first, p->n_words);
    part.y += first;
    if (part.bias) part.bias += first;
    if (part.row_scales) part.scales += first, part.offsets += first;
    part.n_out = (last < p->n_out ? last : p->n_out) - first;
    if (p->precision == RD_PRECISION_INT8)
        ops->panels_int8(&part);
    else if (p->precision == RD_PRECISION_BF16)
        ops->panels_bf16(&part);
    else
        ops->panels_f32(&part);
}

/* Words of weights times rows. */
static int64_t work_of(const rd_packed *p, int64_t rows) {
    return rows * p->n_out * p->n_words;
}

/* Threads share work that takes much longer than waking them. */
static void multiply_here(const rd_packed *p, int64_t rows, const void *x, const float *row_scales,
                          const float *bias, float *y) {
    enum { MUCH = 1 << 19 };
    const panels_work work = {p,
                              {.rows = rows,
                               .n_out = p->n_out,
                               .n_words = p->n_words,
                               .x = x,
                               .panels = p->panels,
                               .y = y,
                               .stride_y = p->n_out,
                               .bias = bias,
                               .row_scales = p->scales ? row_scales : NULL,
                               .scales = p->scales,
                               .offsets = p->offsets}};
    if (work_of(p, rows) < MUCH)
        multiply_shares(&work, 0, 0, n_shares(p));
    else
        rd_over_rows(n_shares(p), multiply_shares, &work);
}

/* Whether rows are multiplied here. If there are faster instructions than those of panels.h, only
 * products that take less time than oneDNN's start are. */
static bool is_little(const rd_packed *p, int64_t rows) {
    enum { FEW_ROWS = 16, LITTLE = 1 << 16 };
    if (!p->onednn || rows == 1) return true;
    return p->precision == RD_PRECISION_FP32 ? rows < FEW_ROWS : work_of(p, rows) <= LITTLE;
}

/* The first of the rows; *n: how many. */
static rd_status multiply_piece(const rd_packed *p, rd_arena *arena, int64_t rows, int64_t *n,
                                const float *x, const float *bias, float *y) {
    float row_scales[RD_PACKED_MOST_ROWS];
    const void *operand;
    bool here = is_little(p, rows);
    *n = rows < RD_PACKED_MOST_ROWS ? rows : RD_PACKED_MOST_ROWS;
    if (!here) *n = rd_packed_onednn_rows(*n);
    RD_TRY(round_rows(p, arena, *n, x, &operand, row_scales));
    if (here) {
        multiply_here(p, *n, operand, row_scales, bias, y);
        return RD_OK;
    }
    RD_TRY(rd_packed_onednn_multiply(p->onednn, arena, *n, operand, y));
    if (p->precision == RD_PRECISION_INT8)
        rd_cpu_kernels()->dequantize_rows(y, row_scales, p->scales, p->offsets, bias, *n, p->n_out);
    else if (bias)
        rd_cpu_kernels()->add_bias(y, bias, *n, p->n_out);
    return RD_OK;
}

rd_status rd_packed_multiply(const rd_packed *p, rd_arena *arena, int64_t rows, const float *x,
                             const float *bias, float *y) {
    for (int64_t done = 0, n; done < rows; done += n) {
        rd_arena_mark mark = rd_arena_save(arena);
        RD_TRY(multiply_piece(p, arena, rows - done, &n, x + done * p->n_in, bias,
                              y + done * p->n_out));
        rd_arena_restore(arena, mark);
    }
    return RD_OK;
}

bool rd_packed_has_int8(void) {
    return rd_int8_kernels() != NULL;
}

rd_status rd_packed_choose(rd_precision precision, rd_precision *chosen) {
    *chosen = precision;
    if ((int)precision < RD_PRECISION_AUTO || precision > RD_PRECISION_INT8)
        return rd_error(RD_ERR_ARGUMENT, "no such precision: %d", (int)precision);
    if (precision == RD_PRECISION_AUTO)
        *chosen = rd_packed_onednn_is_there() && rd_cpu_bf16_is_fast() ? RD_PRECISION_BF16
                                                                       : RD_PRECISION_FP32;
    if (precision == RD_PRECISION_BF16 && rd_cpu_isa() != RD_ISA_AVX512)
        return rd_error(RD_ERR_ARGUMENT,
                        "precision bf16: needs a processor with AVX-512; use fp32 or auto");
    if (precision == RD_PRECISION_INT8 && !rd_packed_has_int8())
        return rd_error(RD_ERR_ARGUMENT,
                        "precision int8: needs a processor with AVX2; use fp32 or auto");
    return RD_OK;
}
