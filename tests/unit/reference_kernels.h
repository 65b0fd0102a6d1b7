/* The operations of ops/cpu/kernels.h as their definitions read: double precision, one loop after
 * the other, nothing fused. Arguments are those of the table's entries; results are double. */
#ifndef RD_TESTS_REFERENCE_KERNELS_H
#define RD_TESTS_REFERENCE_KERNELS_H

#include "ops/cpu/kernels.h"

/* scale: [width] of 0 or 1 / (1 - rate) for one row: element i has 16 of the 64 bits that four
 * neighbours share. */
void reference_dropout(const rd_dropout *dropout, int64_t row, int64_t width, float *scale);

void reference_embed(double *out, int64_t first_row, int64_t rows, int64_t width,
                     const int32_t *tokens, const int32_t *positions, const float *table,
                     const float *position_table, float scale, const rd_dropout *dropout);

void reference_apply_dropout(double *out, const float *x, int64_t first_row, int64_t rows,
                             int64_t width, const rd_dropout *dropout);

void reference_activation(double *out, const float *h, const float *bias, int64_t first_row,
                          int64_t rows, int64_t width, rd_activation act,
                          const rd_dropout *dropout);
void reference_activation_backward(double *dh, const float *dout, const float *h, const float *bias,
                                   double *dbias, int64_t first_row, int64_t rows, int64_t width,
                                   rd_activation act, const rd_dropout *dropout);

/* Unlike the entry, always writes sum. */
void reference_residual_norm(double *sum, double *y, double *mean, double *rstd, const float *x,
                             const float *h, const float *bias, const float *gain,
                             const float *shift, float eps, int64_t first_row, int64_t rows,
                             int64_t width, const rd_dropout *dropout);
/* dx, dgain, dshift accumulate; mean and rstd are computed anew from sum. */
void reference_norm_backward(double *dx, const float *dy, const float *sum, const float *gain,
                             double *dgain, double *dshift, int64_t rows, int64_t width);

void reference_column_sums(double *out, const double *x, int64_t rows, int64_t width);

/* out: [n_queries, head_dim], lse: [n_queries], without strides. */
void reference_attention(const rd_attention_head *head, double *out, double *lse);
/* d_q: [n_queries, head_dim]; d_k, d_v: [n_keys, head_dim]. */
void reference_attention_backward(const rd_attention_head *head, double *d_q, double *d_k,
                                  double *d_v);

void reference_log_softmax(double *log_probs, const float *logits, int64_t vocab);

#endif
