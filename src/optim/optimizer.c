#include "optim/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ops/ops.h"

static const double PI = 3.14159265358979323846;

/* fairseq's cosine with restarts, its logarithms included: updates after the warmup. */
static double restarting_cosine(const rd_optim_config *c, double updates) {
    double period = (double)c->lr_period_updates, mult = c->t_mult, i, into;
    if (mult == 1.0) {
        i = floor(updates / period);
        into = updates - i * period;
    } else {
        i = floor(log(1.0 - updates / period * (1.0 - mult)) / log(mult));
        into = updates - (1.0 - pow(mult, i)) / (1.0 - mult) * period;
        period *= pow(mult, i);
    }
    double low = c->end_learning_rate * pow(c->lr_shrink, i), high = c->lr * pow(c->lr_shrink, i);
    return low + 0.5 * (high - low) * (1.0 + cos(PI * into / period));
}

/* fairseq sets the rate after each update, for the next one: update k has the schedule's value
 * after k - 1 updates, the very first warmup-init-lr. Only its fixed schedule warms up from the
 * first update. */
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
        if (warmup > 0 && done <= warmup) return c->lr;
        if (done >= total) return c->end_learning_rate;
        return c->end_learning_rate + range * pow(1.0 - progress, c->power);
    case RD_LR_COSINE:
        if (c->lr_period_updates > 0) return restarting_cosine(c, done - warmup);
        return c->end_learning_rate + range * 0.5 * (1.0 + cos(PI * progress));
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

rd_status rd_optimizer_divide(rd_optimizer *optimizer, const rd_parameters *parameters,
                              bool exempt_vectors, const bool *frozen) {
    optimizer->ranges = rd_malloc((size_t)parameters->n, sizeof *optimizer->ranges);
    if (!optimizer->ranges) return RD_ERR_MEMORY;
    rd_optim_range *last = NULL;
    optimizer->n_ranges = 0;
    for (int64_t i = 0; i < parameters->n; i++) {
        const rd_parameter *item = &parameters->items[i];
        bool decays = item->shape[1] > 0 || !exempt_vectors, stays = frozen && frozen[i];
        optimizer->freezes |= stays;
        if (!last || last->decays != decays || last->frozen != stays) {
            last = &optimizer->ranges[optimizer->n_ranges++];
            *last = (rd_optim_range){.begin = item->offset, .decays = decays, .frozen = stays};
        }
        last->n += rd_parameter_count(item);
    }
    return RD_OK;
}

void rd_optimizer_drop_frozen(const rd_optimizer *optimizer, float *grads) {
    for (int64_t i = 0; i < optimizer->n_ranges; i++) {
        const rd_optim_range *range = &optimizer->ranges[i];
        if (range->frozen) memset(grads + range->begin, 0, sizeof *grads * (size_t)range->n);
    }
}

void rd_optimizer_free(rd_optimizer *optimizer) {
    free(optimizer->ranges);
    free(optimizer->m);
    free(optimizer->v);
    free(optimizer->ema);
    *optimizer = (rd_optimizer){0};
}

double rd_gradient_norm(const float *grads, int64_t n, double scale) {
    return sqrt(rd_op_sum_of_squares(grads, n)) * scale;
}

/* The settings of an update, except weight decay, which not all weights have. */
typedef struct {
    const rd_optim_config *c;
    double lr, lr_before, scale;
    double adam_step, adam_eps;
} stepping;

static void adam(const stepping *s, double l2, double decay, float *p, float *g, float *m, float *v,
                 int64_t n) {
    rd_adam adam = {.beta1 = (float)s->c->adam_beta1,
                    .beta2 = (float)s->c->adam_beta2,
                    .eps = (float)s->adam_eps,
                    .step = (float)s->adam_step,
                    .grad_scale = (float)s->scale,
                    .l2 = (float)l2,
                    .decay = (float)decay};
    rd_op_adam(p, g, m, v, n, &adam);
}

/* fairseq's NAG keeps m in units of the rate of its update, and corrects it when that changes. */
static void momentum(const stepping *s, double l2, double decay, float *p, float *g, float *m,
                     int64_t n) {
    double mu = s->c->momentum, lr = s->lr, correct = s->lr_before > 0.0 ? lr / s->lr_before : lr;
    rd_momentum sgd = {.from_m = (float)(-lr * mu), .from_g = (float)-lr, .keep = (float)mu};
    rd_momentum nag = {.from_m = (float)(mu * mu * correct),
                       .from_g = (float)(-(1.0 + mu) * lr),
                       .keep = (float)(mu * correct)};
    rd_momentum step = s->c->kind == RD_NAG ? nag : sgd;
    step.add = s->c->kind == RD_NAG ? (float)-lr : 1.0f;
    step.grad_scale = (float)s->scale;
    step.l2 = (float)l2;
    step.decay = (float)decay;
    rd_op_momentum(p, g, m, n, &step);
}

/* at: where the optimizer has the state of the range. */
static void step_range(const rd_optimizer *optimizer, const stepping *s,
                       const rd_optim_range *range, int64_t at, float *values, float *grads) {
    double wd = range->decays ? s->c->weight_decay : 0.0;
    double l2 = s->c->decoupled_weight_decay ? 0.0 : wd;
    double decay = s->c->decoupled_weight_decay ? 1.0 - s->lr * wd : 1.0;
    float *p = values + range->begin, *g = grads + range->begin, *m = optimizer->m + at;
    if (s->c->kind == RD_ADAM)
        adam(s, l2, decay, p, g, m, optimizer->v + at, range->n);
    else
        momentum(s, l2, decay, p, g, m, range->n);
}

/* The part of a range that lies in begin .. end. */
static rd_optim_range common_part(const rd_optim_range *range, int64_t begin, int64_t end) {
    rd_optim_range part = *range;
    int64_t range_end = range->begin + range->n;
    if (part.begin < begin) part.begin = begin;
    if (range_end > end) range_end = end;
    part.n = range_end > part.begin ? range_end - part.begin : 0;
    return part;
}

void rd_optimizer_step(rd_optimizer *optimizer, const rd_optim_config *c, int64_t update,
                       double scale, double norm, rd_slice slice, float *values, float *grads,
                       double ema_decay) {
    int64_t begin = slice.begin, n = slice.n;
    double lr = rd_learning_rate(c, update), t = (double)update;
    if (c->clip_norm > 0.0 && norm > c->clip_norm) scale *= c->clip_norm / (norm + 1e-6);
    stepping s = {.c = c,
                  .lr = lr,
                  .lr_before = update > 1 ? rd_learning_rate(c, update - 1) : lr,
                  .scale = scale};
    double correction = sqrt(1.0 - pow(c->adam_beta2, t));
    s.adam_step = lr * correction / (1.0 - pow(c->adam_beta1, t));
    s.adam_eps = c->adam_eps_last ? c->adam_eps * correction : c->adam_eps;
    const rd_optim_range all = {.begin = begin, .n = n, .decays = true};
    bool whole = !optimizer->ranges || (c->weight_decay == 0.0 && !optimizer->freezes);
    for (int64_t i = 0; i < (whole ? 1 : optimizer->n_ranges); i++) {
        rd_optim_range part = whole ? all : common_part(&optimizer->ranges[i], begin, begin + n);
        if (part.n > 0 && !part.frozen)
            step_range(optimizer, &s, &part, slice.at + part.begin - begin, values, grads);
    }
    if (optimizer->ema) {
        /* As TensorFlow and Marian do: the first weights, drawn at random, are soon forgotten. */
        double decay = fmin(ema_decay, (1.0 + t) / (10.0 + t));
        rd_op_average(optimizer->ema + slice.at, values + begin, n, (float)(1.0 - decay));
    }
}
