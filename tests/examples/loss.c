/* R-Drop for a model of one's own: a classifier of points with one layer of hidden units and
 * dropout, trained with rd_criterion_classes. The model passes each example twice with independent
 * dropout; the criterion gives the loss and its gradient for both passes, and backpropagation is
 * the model's own. Build it with
 *
 *     cc -std=c17 loss.c -o loss $(pkg-config --cflags --libs rdrop) -lm
 *
 * and run it with R-Drop's weight: loss 1 */
#include <math.h>
#include <rdrop/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 120, INPUTS = 2, HIDDEN = 16, CLASSES = 3, STEPS = 300 };

static float points[N][INPUTS];
static int32_t labels[N];
static uint64_t random_state = 1;

static float uniform(void) { /* 0 to 1 */
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (float)(random_state >> 40) / (float)(1 << 24);
}

/* Three arms of a spiral. */
static void make_data(void) {
    for (int i = 0; i < N; i++) {
        labels[i] = i % CLASSES;
        float radius = 0.2f + uniform(),
              angle = 2.1f * (float)labels[i] + 1.5f * radius + 0.5f * uniform();
        points[i][0] = radius * cosf(angle);
        points[i][1] = radius * sinf(angle);
    }
}

typedef struct {
    float w1[HIDDEN][INPUTS + 1], w2[CLASSES][HIDDEN + 1]; /* the last column is the bias */
} parameters;

static parameters model, gradient;

typedef struct {
    float hidden[N][HIDDEN]; /* after ReLU and dropout */
    float mask[N][HIDDEN];   /* 0, or 1 / the share that is kept */
    float logits[N][CLASSES], dlogits[N][CLASSES];
} pass;

static pass passes[2];

static void forward(pass *p, float dropout) {
    for (int i = 0; i < N; i++) {
        for (int h = 0; h < HIDDEN; h++) {
            float x = model.w1[h][INPUTS];
            for (int k = 0; k < INPUTS; k++) x += model.w1[h][k] * points[i][k];
            p->mask[i][h] = uniform() < dropout ? 0 : 1 / (1 - dropout);
            p->hidden[i][h] = x > 0 ? x * p->mask[i][h] : 0;
        }
        for (int c = 0; c < CLASSES; c++) {
            p->logits[i][c] = model.w2[c][HIDDEN];
            for (int h = 0; h < HIDDEN; h++) p->logits[i][c] += model.w2[c][h] * p->hidden[i][h];
        }
    }
}

/* Adds to the gradient: R-Drop changes nothing here, for each pass has its own dlogits. */
static void backward(const pass *p) {
    for (int i = 0; i < N; i++) {
        float dhidden[HIDDEN] = {0};
        for (int c = 0; c < CLASSES; c++) {
            for (int h = 0; h < HIDDEN; h++) {
                gradient.w2[c][h] += p->dlogits[i][c] * p->hidden[i][h];
                dhidden[h] += p->dlogits[i][c] * model.w2[c][h];
            }
            gradient.w2[c][HIDDEN] += p->dlogits[i][c];
        }
        for (int h = 0; h < HIDDEN; h++) {
            float d = p->hidden[i][h] > 0 ? dhidden[h] * p->mask[i][h] : 0;
            for (int k = 0; k < INPUTS; k++) gradient.w1[h][k] += d * points[i][k];
            gradient.w1[h][INPUTS] += d;
        }
    }
}

/* The sums of the criterion are over all examples: divided by their number, they are means. */
static void descend(float rate) {
    float *w = (float *)&model, *g = (float *)&gradient;
    for (size_t i = 0; i < sizeof model / sizeof *w; i++) w[i] -= rate * g[i] / N;
    memset(&gradient, 0, sizeof gradient);
}

static double accuracy(void) {
    int right = 0;
    forward(&passes[0], 0);
    for (int i = 0; i < N; i++) {
        int best = 0;
        for (int c = 1; c < CLASSES; c++)
            if (passes[0].logits[i][c] > passes[0].logits[i][best]) best = c;
        right += best == labels[i];
    }
    return 100.0 * right / N;
}

int main(int argc, char **argv) {
    rd_class_config config;
    memset(&config, 0, sizeof config);
    config.reg_alpha = argc > 1 ? strtof(argv[1], NULL) : 1;
    make_data();
    float *weights = (float *)&model;
    for (size_t i = 0; i < sizeof model / sizeof *weights; i++) weights[i] = uniform() - 0.5f;
    for (int step = 1; step <= STEPS; step++) {
        rd_criterion_sums sums;
        forward(&passes[0], 0.3f);
        forward(&passes[1], 0.3f);
        if (rd_criterion_classes(&config, N, CLASSES, passes[0].logits[0], passes[1].logits[0],
                                 labels, passes[0].dlogits[0], passes[1].dlogits[0],
                                 &sums) != RD_OK) {
            fprintf(stderr, "%s\n", rd_last_error());
            return 1;
        }
        backward(&passes[0]);
        backward(&passes[1]);
        descend(0.5f);
        if (step == 1 || step % 100 == 0)
            printf("step %d loss %.4f nll %.4f kl %.4f\n", step, sums.loss / N, sums.nll / (2 * N),
                   sums.kl / N);
    }
    printf("accuracy %.1f%%\n", accuracy());
    return 0;
}
