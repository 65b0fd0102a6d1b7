/* Weights of the model that a training starts from: checked against the data, and copied. Optimizer
 * and schedule start anew. */
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/text.h"
#include "data/vocab_extend.h"
#include "recipe/model_dir.h"
#include "recipe/recipe_keys.h"
#include "train/run.h"

static bool of_pictures(const rd_run *run) {
    return run->recipe->model.picture.size > 0;
}

/* Pieces of both sides: of the model that training starts from, and of the data. */
typedef struct {
    int32_t start[2], own[2];
} piece_counts;

/* The model's pieces, then those of extend-vocab. */
static rd_status check_extended(const rd_run *run, const rd_tokenizer *own,
                                const rd_tokenizer *start, const char *side) {
    int32_t n = rd_tokenizer_size(start), more = rd_count_symbols(run->recipe->train.extend_vocab);
    bool same = rd_tokenizer_size(own) == n + more;
    for (int32_t id = 0; same && id < n; id++) {
        const char *a = rd_tokenizer_piece(own, id), *b = rd_tokenizer_piece(start, id);
        same = a && b ? strcmp(a, b) == 0 : a == b;
    }
    if (same) return RD_OK;
    return rd_error(RD_ERR_FORMAT,
                    "%s: its %s vocabulary has %d pieces, but the model's %d and the %d of "
                    "extend-vocab are expected; run rdrop-preprocess again",
                    run->data_dir, side, (int)rd_tokenizer_size(own), (int)n, (int)more);
}

static rd_status check_side(const rd_run *run, const rd_tokenizer *own, const rd_tokenizer *start,
                            const char *side, const char *directory) {
    return *run->recipe->train.extend_vocab
               ? check_extended(run, own, start, side)
               : rd_vocabularies_same(own, start, side, run->data_dir, directory);
}

/* Weights are of pieces, so the data must be of the same. */
static rd_status check_vocabularies(const rd_run *run, const char *directory,
                                    piece_counts *counts) {
    rd_tokenizer *source, *target, *own_source = NULL, *own_target = NULL;
    *counts = (piece_counts){.start = {0}};
    if (of_pictures(run)) return RD_OK; /* classes are the head's */
    RD_TRY(rd_vocabularies_open(directory, RD_VOCABULARY_ANY, &source, &target));
    rd_status status = rd_vocabularies_open(run->data_dir, rd_recipe_vocabulary_kind(run->recipe),
                                            &own_source, &own_target);
    if (status == RD_OK) status = check_side(run, own_source, source, "source", directory);
    if (status == RD_OK) status = check_side(run, own_target, target, "target", directory);
    if (status == RD_OK)
        *counts = (piece_counts){{rd_tokenizer_size(source), rd_tokenizer_size(target)},
                                 {rd_tokenizer_size(own_source), rd_tokenizer_size(own_target)}};
    rd_vocabularies_close(own_source, own_target);
    rd_vocabularies_close(source, target);
    return status;
}

static bool is_head(const char *tensor) {
    return strncmp(tensor, "classification_head.", 20) == 0 || strstr(tensor, ".lm_head.") ||
           strstr(tensor, ".output_projection.");
}

/* The layer before, BERT's pooler, is of the encoder. */
static bool is_of_classes(const char *tensor) {
    return strncmp(tensor, "classification_head.out_proj.", 29) == 0;
}

static bool is_of_pieces(const char *tensor) {
    return strstr(tensor, ".embed_tokens.") || strstr(tensor, ".output_projection.");
}

/* Rows of new pieces, from start to own: the mean of the others; a bias of 0. */
static void begin_rows(float *values, int64_t width, int32_t start, int32_t own) {
    if (width == 0) {
        for (int32_t id = start; id < own; id++) values[id] = 0.0f;
        return;
    }
    for (int64_t i = 0; i < width; i++) {
        double sum = 0;
        for (int32_t id = 0; id < start; id++) sum += (double)values[id * width + i];
        for (int32_t id = start; id < own; id++) values[id * width + i] = (float)(sum / start);
    }
}

static void begin_pieces(const rd_run *run, const piece_counts *counts) {
    const rd_parameters *p = &run->model->parameters;
    for (int64_t k = 0; *run->recipe->train.extend_vocab && k < p->n; k++) {
        const rd_parameter *item = &p->items[k];
        int side = strncmp(item->name, "encoder.", 8) == 0 ? 0 : 1;
        if (is_of_pieces(item->name))
            begin_rows(p->values + item->offset, item->shape[1], counts->start[side],
                       counts->own[side]);
    }
}

/* Of pictures of another size. */
static rd_status resize_positions(rd_run *run, const rd_parameter *item, const float *from,
                                  const rd_model_config *start) {
    const rd_picture_shape *own = &run->recipe->model.picture;
    if (own->stem_layers > 0)
        return rd_error(RD_ERR_FORMAT, "picture-size: the positions after a stem of convolutions "
                                       "are of its own size only");
    RD_TRY(rd_text_printf(&run->warnings,
                          "positions are resized from pictures of %d pixels to %d\n",
                          (int)start->picture.size, (int)own->size));
    return rd_positions_resize(run->model->parameters.values + item->offset, own->size / own->patch,
                               from, start->picture.size / own->patch, own->class_tokens,
                               item->shape[1], run->recipe->train.position_interpolation);
}

/* Copies the tensors that both models have. A head of another shape, or a layer of other classes,
 * stays as it was drawn, with a message. */
static rd_status copy_values(rd_run *run, const rd_parameters *start, const rd_model_dir *from_dir,
                             bool other_classes) {
    rd_parameters *p = &run->model->parameters;
    const char *path = from_dir->path;
    for (int64_t i = 0; i < p->n; i++) {
        const rd_parameter *item = &p->items[i], *from = rd_parameters_find(start, item->name);
        bool anew = is_of_classes(item->name) && other_classes;
        if (from && of_pictures(run) && from->shape[0] != item->shape[0] &&
            strcmp(item->name, "encoder.embed_positions.weight") == 0)
            RD_TRY(resize_positions(run, item, start->values + from->offset,
                                    &from_dir->recipe->model));
        else if (!anew && from && from->shape[1] == item->shape[1] &&
                 (from->shape[0] == item->shape[0] ||
                  (is_of_pieces(item->name) && from->shape[0] < item->shape[0])))
            memcpy(p->values + item->offset, start->values + from->offset,
                   sizeof *p->values * (size_t)rd_parameter_count(from));
        else if (!is_head(item->name))
            return rd_error(RD_ERR_FORMAT, "%s: its model has no %s of this shape", path,
                            item->name);
        else if (item->shape[1] > 0) /* a matrix, and its bias with it */
            RD_TRY(rd_text_printf(&run->warnings, "%s starts anew: %s has none of this shape%s\n",
                                  item->name, path, anew ? " and these classes" : ""));
    }
    return RD_OK;
}

/* A pre-trained model with another head than the run's. */
static rd_status load_other(rd_run *run, const rd_model_dir *start, bool other_classes) {
    rd_parameters other = {0};
    rd_status status = rd_model_register(&other, &start->recipe->model);
    if (status == RD_OK) status = rd_parameters_allocate_unset(&other);
    if (status == RD_OK) status = rd_model_dir_load_values(start, &other, other.values);
    if (status == RD_OK) status = copy_values(run, &other, start, other_classes);
    rd_parameters_free(&other);
    return status;
}

/* Whether both have classes, and not the same in the same order: a head's rows are theirs. */
static rd_status has_other_classes(const rd_run *run, const rd_model_dir *start, bool *other) {
    *other = false;
    if (run->recipe->model.head != RD_HEAD_CLASSES || start->recipe->model.head != RD_HEAD_CLASSES)
        return RD_OK;
    return rd_run_has_other_labels(run, start->path, other);
}

static bool has_same_tensors(const rd_run *run, const rd_recipe *start) {
    const rd_model_config *a = &run->recipe->model, *b = &start->model;
    if (of_pictures(run) && a->picture.size != b->picture.size) return false;
    if (a->src_vocab != b->src_vocab || a->tgt_vocab != b->tgt_vocab) return false;
    if ((a->pooling == RD_POOL_ATTENTION) != (b->pooling == RD_POOL_ATTENTION)) return false;
    return a->head == b->head && a->num_classes == b->num_classes &&
           a->head_transform == b->head_transform;
}

static rd_status add_name(rd_text *list, bool wanted, const char *name) {
    return wanted ? rd_text_printf(list, "%s%s", list->length ? ", " : "", name) : RD_OK;
}

/* Where fine-tuning a MarianMT or BART model differs from PyTorch's programs. */
static rd_status note_differences(rd_run *run) {
    const rd_recipe *r = run->recipe;
    const rd_model_config *c = &r->model;
    bool marian = c->position_layout == RD_POSITIONS_HF_MARIAN;
    bool bart = c->layernorm_embedding && c->prepend_bos && c->decoder.layers > 0;
    bool bias = c->output_bias && c->decoder.layers > 0 && !strstr(r->train.freeze, "output-bias");
    rd_text list = {0};
    if (!marian && !bart) return RD_OK;
    rd_status status =
        add_name(&list, r->optim.kind == RD_ADAM && !r->optim.adam_eps_last, "adam-eps-last: true");
    if (status == RD_OK) status = add_name(&list, !r->train.padding_idx, "padding-idx: true");
    if (status == RD_OK) status = add_name(&list, bias, "freeze: output-bias");
    if (status == RD_OK && list.length)
        status = rd_text_printf(&run->notes, "PyTorch's programs would train with %s\n", list.data);
    rd_text_free(&list);
    return status;
}

static rd_status warn_of_interpolation(rd_run *run, const rd_recipe *start) {
    if (!of_pictures(run) || run->recipe->model.picture.size != start->model.picture.size ||
        !rd_recipe_is_written(run->recipe, "position-interpolation"))
        return RD_OK;
    return rd_text_printf(&run->warnings, "position-interpolation has no effect without another "
                                          "picture-size than the model's\n");
}

static rd_status load_start(rd_run *run, const rd_model_dir *start) {
    rd_parameters *p = &run->model->parameters;
    piece_counts counts;
    bool other_classes;
    RD_TRY(check_vocabularies(run, start->path, &counts));
    RD_TRY(has_other_classes(run, start, &other_classes));
    RD_TRY(warn_of_interpolation(run, start->recipe));
    RD_TRY(has_same_tensors(run, start->recipe) && !other_classes
               ? rd_model_dir_load_values(start, p, p->values)
               : load_other(run, start, other_classes));
    begin_pieces(run, &counts);
    RD_TRY(note_differences(run));
    run->start_checksum = rd_crc32(0, p->values, sizeof *p->values * (size_t)p->total);
    return RD_OK;
}

rd_status rd_run_load_start(rd_run *run) {
    const char *path = run->recipe->train.finetune_from_model;
    if (!*path) return RD_OK;
    rd_model_dir start;
    rd_status status = rd_model_dir_read(&start, path);
    if (status == RD_OK) status = load_start(run, &start);
    if (status != RD_OK) rd_error_prefix(status, "finetune-from-model");
    rd_model_dir_close(&start);
    return status;
}
