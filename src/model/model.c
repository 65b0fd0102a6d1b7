/* A model's life: built of a configuration, filled with values, shared by workers, freed. */
#include <stdlib.h>

#include "model/transformer.h"

static bool wants_sinusoid(const rd_stack_config *s) {
    return s->layers > 0 && !s->learned_pos;
}

/* A model with its tensors registered and no memory for them yet. */
static rd_status outline(rd_model *model, const rd_model_config *config) {
    model->config = *config;
    RD_TRY(rd_model_check(config));
    return rd_model_add_layers(model);
}

rd_status rd_model_register(rd_parameters *p, const rd_model_config *config) {
    rd_model *model = rd_calloc(1, sizeof *model);
    if (!model) return RD_ERR_MEMORY;
    rd_status status = outline(model, config);
    if (status == RD_OK) { /* the tensors outlive the layers that were to read them */
        *p = model->parameters;
        p->n_views = 0;
        model->parameters = (rd_parameters){0};
    }
    rd_model_free(model);
    return status;
}

static void bind_positions(rd_model *model) {
    const rd_model_config *c = &model->config;
    if (wants_sinusoid(&c->encoder)) model->encoder.embedding.positions.value = model->sinusoid;
    if (wants_sinusoid(&c->decoder)) model->decoder.embedding.positions.value = model->sinusoid;
}

/* With `path`, the file the parameters will be read from, nothing is allocated that such a file
 * could not fill. */
static rd_status fill(rd_model *model, const char *path) {
    const rd_model_config *c = &model->config;
    rd_parameters *p = &model->parameters;
    if (path) RD_TRY(rd_parameters_check_size(p, path));
    RD_TRY(path ? rd_parameters_allocate_unset(p) : rd_parameters_allocate(p));
    if (wants_sinusoid(&c->encoder) || wants_sinusoid(&c->decoder)) {
        int64_t n = rd_position_table_rows(c);
        model->sinusoid = rd_malloc((size_t)(n * c->d_model), sizeof(float));
        if (!model->sinusoid) return RD_ERR_MEMORY;
        rd_sinusoidal_positions(model->sinusoid, n, c->d_model, c->position_layout);
        bind_positions(model);
    }
    rd_parameters_bind(p);
    return RD_OK;
}

static rd_status model_build(rd_model **out, const rd_model_config *config, const char *path) {
    *out = NULL;
    rd_model *model = rd_calloc(1, sizeof *model);
    if (!model) return RD_ERR_MEMORY;
    rd_status status = outline(model, config);
    if (status == RD_OK) status = fill(model, path);
    if (status == RD_OK)
        *out = model;
    else
        rd_model_free(model);
    return status;
}

rd_status rd_model_new(rd_model **model, const rd_model_config *config, uint64_t seed) {
    RD_TRY(model_build(model, config, NULL));
    rd_parameters_initialise(&(*model)->parameters, seed);
    return RD_OK;
}

/* Frees a model that could not be loaded. */
static rd_status loaded(rd_model **model, rd_status status) {
    if (status == RD_OK) return RD_OK;
    rd_model_free(*model);
    *model = NULL;
    return status;
}

rd_status rd_model_load(rd_model **model, const rd_model_config *config, const char *path) {
    RD_TRY(model_build(model, config, path));
    rd_parameters *p = &(*model)->parameters;
    return loaded(model, rd_parameters_load(p, p->values, path));
}

rd_status rd_model_load_packed(rd_model **model, const rd_model_config *config, const char *path,
                               rd_precision precision) {
    RD_TRY(model_build(model, config, path));
    return loaded(model, rd_model_read_packed(*model, path, precision));
}

rd_status rd_model_save(const rd_model *model, const char *path) {
    if (model->n_packed > 0)
        return rd_error(RD_ERR_ARGUMENT,
                        "%s: a model loaded by rd_model_load_packed has no float32 "
                        "weights to save; load it by rd_model_load",
                        path);
    return rd_parameters_save(&model->parameters, model->parameters.values, NULL, path);
}

void rd_model_free(rd_model *model) {
    if (!model) return;
    for (int64_t i = 0; i < model->n_packed; i++) rd_packed_free(model->packed[i]);
    free(model->packed);
    if (model->borrows) {
        model->parameters.values = NULL;
        model->parameters.bf16 = NULL;
        model->sinusoid = NULL;
    }
    rd_parameters_free(&model->parameters);
    free(model->encoder.layers);
    free(model->decoder.layers);
    free(model->sinusoid);
    free(model);
}

const rd_model_config *rd_model_get_config(const rd_model *model) {
    return &model->config;
}

int64_t rd_model_n_parameters(const rd_model *model) {
    return model->parameters.total;
}

rd_status rd_model_prepare_training(rd_model *model, bool bf16) {
    RD_TRY(rd_parameters_allocate_grads(&model->parameters));
    if (bf16) RD_TRY(rd_parameters_refresh_bf16(&model->parameters));
    rd_parameters_bind(&model->parameters);
    return RD_OK;
}

static rd_status borrow(rd_model *model, const rd_model *first) {
    RD_TRY(outline(model, &first->config));
    model->parameters.values = first->parameters.values;
    model->parameters.bf16 = first->parameters.bf16;
    model->sinusoid = first->sinusoid;
    bind_positions(model);
    RD_TRY(rd_parameters_allocate_grads(&model->parameters));
    rd_parameters_bind(&model->parameters);
    return RD_OK;
}

rd_status rd_model_share(rd_model **out, rd_model *first) {
    rd_model *model = rd_calloc(1, sizeof *model);
    *out = model;
    if (!model) return RD_ERR_MEMORY;
    model->borrows = true;
    rd_status status = borrow(model, first);
    if (status == RD_OK) return RD_OK;
    rd_model_free(model);
    *out = NULL;
    return status;
}
