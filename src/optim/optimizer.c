#include "optim/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ops/ops.h"

/* fairseq sets the rate after each update, for the next one: update k has the schedule's value
 * after k - 1 updates, the very first warmup-init-lr. Its fixed schedule alone warms up from the
 * first. */
double rd_learning_rate(const rd_optim_config *c, int64_t update) {
    double done = (double)(c->lr_scheduler == RD_LR_FIXED ? update : update - 1);
    double warmup = (double)c->warmup_updates, total = (double)c->total_num_update;
    if (done < warmup) return c->warmup_init_lr + (c->lr - c->warmup_init_lr) * done / warmup;
    double progress = total > warmup ? fmin((done - warmup) / (total - warmup), 1.0) : 1.0;
    double range = c->lr - c->end_learning_rate, start = fmax(warmup, 1.0);
    switch (c->lr_scheduler) {
    case RD_LR_INVERSE_SQRT: /* without warmup fairseq divides by zero; here it decays from 1 */
        return c->lr * sqrt(start / fmax(done, start));
    case RD_LR_POLYNOMIAL_DECAY:
        return c->end_learning_rate + range * pow(1.0 - progress, c->power);
    case RD_LR_COSINE:
        return c->end_learning_rate + range * 0.5 * (1.0 + cos(3.14159265358979 * progress));
    default:
        return c->lr;
    }
}

rd_status rd_optimizer_new(rd_optimizer *optimizer, int64_t n, const float *values, bool with_ema) {
    *optimizer = (rd_optimizer){.n = n};
    optimizer->m = rd_calloc((size_t)n, sizeof(float));
    optimizer->v = rd_calloc((size_t)n, sizeof(float));
    if (with_ema) optimizer->ema = rd_malloc((size_t)n, sizeof(float));
    if (!optimizer->m || !optimizer->v || (with_ema && !optimizer->ema)) {
        rd_optimizer_free(optimizer);
        return RD_ERR_MEMORY;
    }
    if (with_ema) memcpy(optimizer->ema, values, sizeof(float) * (size_t)n);
    return RD_OK;
}

void rd_optimizer_free(rd_optimizer *optimizer) {
    free(optimizer->m);
    free(optimizer->v);
    free(optimizer->ema);
    *optimizer = (rd_optimizer){0};
}

double rd_gradient_norm(const float *grads, int64_t n, double scale) {
    return sqrt(rd_op_sum_of_squares(grads, n)) * scale;
}

void rd_optimizer_step(rd_optimizer *optimizer, const rd_optim_config *c, int64_t update,
                       double scale, double norm, float *values, float *grads, double ema_decay) {
    double lr = rd_learning_rate(c, update), t = (double)update;
    double step = lr * sqrt(1.0 - pow(c->adam_beta2, t)) / (1.0 - pow(c->adam_beta1, t));
    if (c->clip_norm > 0.0 && norm > c->clip_norm) scale *= c->clip_norm / (norm + 1e-6);
    double l2 = c->decoupled_weight_decay ? 0.0 : c->weight_decay;
    double decay = c->decoupled_weight_decay ? 1.0 - lr * c->weight_decay : 1.0;
    rd_adam adam = {.beta1 = (float)c->adam_beta1,
                    .beta2 = (float)c->adam_beta2,
                    .eps = (float)c->adam_eps,
                    .step = (float)step,
                    .grad_scale = (float)scale,
                    .l2 = (float)l2,
                    .decay = (float)decay};
    rd_op_adam(values, grads, optimizer->m, optimizer->v, optimizer->n, &adam);
    if (optimizer->ema)
        rd_op_average(optimizer->ema, values, optimizer->n, (float)(1.0 - ema_decay));
}
