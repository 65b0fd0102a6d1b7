/* Parts of a model that fine-tuning leaves as they are. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "train/run.h"

/* A part is all tensors with such names that no part before it has. */
typedef struct {
    const char *name;
    const char *texts[3]; /* that a tensor's name has; "encoder." begins it */
} part;

static const part parts[] = {{"embeddings", {"embed_tokens", "embed_positions", "embed_segments"}},
                             {"output-bias", {"output_projection.bias"}},
                             {"output", {"output_projection", "adaptive_softmax"}},
                             {"encoder", {"encoder."}},
                             {"decoder", {"decoder."}}};
enum { EMBEDDINGS, N_PARTS = sizeof parts / sizeof *parts };

/* The part that a tensor is of; N_PARTS: none. */
static int part_of(const char *tensor) {
    for (int i = 0; i < N_PARTS; i++)
        for (int k = 0; k < 3 && parts[i].texts[k]; k++) {
            const char *text = parts[i].texts[k];
            bool begins = text[strlen(text) - 1] == '.';
            if (begins ? strncmp(tensor, text, strlen(text)) == 0 : strstr(tensor, text) != NULL)
                return i;
        }
    return N_PARTS;
}

static rd_status find_part(const char *name, size_t n, int *index) {
    for (*index = 0; *index < N_PARTS; ++*index)
        if (strlen(parts[*index].name) == n && memcmp(parts[*index].name, name, n) == 0)
            return RD_OK;
    return rd_error(RD_ERR_FORMAT,
                    "freeze: no part '%.*s'; there are encoder, decoder, embeddings, output and "
                    "output-bias",
                    (int)(n < 40 ? n : 40), name);
}

/* chosen: [N_PARTS] */
static rd_status read_parts(const char *text, bool *chosen) {
    const char *name;
    size_t n;
    while ((name = rd_next_name(&text, &n))) {
        int index;
        RD_TRY(find_part(name, n, &index));
        chosen[index] = true;
    }
    return RD_OK;
}

static rd_status no_parameters(const char *name) {
    return rd_error(RD_ERR_FORMAT, "freeze: the model has no parameters of the part %s%s", name,
                    strcmp(name, "output") == 0 ? ", or they are those of the embeddings" : "");
}

/* frozen: [parameters.n] */
static rd_status choose(rd_run *run, const bool *chosen, bool *frozen) {
    const rd_parameters *p = &run->model->parameters;
    int64_t n = 0;
    bool there[N_PARTS + 1] = {false};
    for (int64_t i = 0; i < p->n; i++) {
        int index = part_of(p->items[i].name);
        there[index] = true;
        frozen[i] = index < N_PARTS && chosen[index];
        if (!frozen[i]) continue;
        n += rd_parameter_count(&p->items[i]);
    }
    for (int i = 0; i < N_PARTS; i++)
        if (chosen[i] && !there[i]) return no_parameters(parts[i].name);
    if (n == p->total) return rd_error(RD_ERR_FORMAT, "freeze: nothing is left to train");
    return rd_text_printf(&run->notes, "frozen: %s: %lld of %lld parameters stay as they are\n",
                          run->recipe->train.freeze, (long long)n, (long long)p->total);
}

rd_status rd_run_freeze(rd_run *run) {
    const rd_parameters *p = &run->model->parameters;
    bool chosen[N_PARTS] = {false}, exempt = run->recipe->optim.no_decay_bias_norm;
    const char *text = run->recipe->train.freeze;
    if (!text[strspn(text, " ,")])
        return exempt ? rd_optimizer_divide(&run->optimizer, p, true, NULL) : RD_OK;
    RD_TRY(read_parts(text, chosen));
    if (chosen[EMBEDDINGS] && *run->recipe->train.extend_vocab)
        RD_TRY(rd_text_printf(&run->warnings, "freeze: embeddings: those of extend-vocab's symbols "
                                              "stay the mean of the others\n"));
    bool *frozen = rd_calloc((size_t)p->n, sizeof *frozen);
    rd_status status = frozen ? choose(run, chosen, frozen) : RD_ERR_MEMORY;
    if (status == RD_OK) status = rd_optimizer_divide(&run->optimizer, p, exempt, frozen);
    free(frozen);
    return status;
}
