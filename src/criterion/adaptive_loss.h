/* The loss of tokens over an adaptive softmax. */
#ifndef RD_CRITERION_ADAPTIVE_LOSS_H
#define RD_CRITERION_ADAPTIVE_LOSS_H

#include "criterion/counted.h"

/* As rd_token_loss. With P the distribution over the whole vocabulary (layers/adaptive.h), of V
 * words, cross-entropy and label smoothing are those of P: with eps > 0, eps / V on every word. The
 * KL is by self->adaptive_kl
 *     exact    that of P: KL(head) + sum_i P_head(band i) KL(tail i)
 *     cluster  that of R-Drop's authors: KL(head), and KL(tail i) where the target is in band i
 * Memory is a chunk of rows times a band's words. */
rd_status rd_adaptive_loss(const rd_criterion *self, const rd_step *step,
                           const rd_adaptive_softmax *softmax, const rd_counted *counted,
                           const rd_output *out, rd_criterion_sums *sums);

#endif
