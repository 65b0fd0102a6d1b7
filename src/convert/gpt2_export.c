/* Model directories of GPT-2's architecture to Hugging Face directories. */
#include "base/file.h"
#include "convert/export.h"
#include "convert/gpt2.h"
#include "convert/hf.h"
#include "data/vocab_files.h"

/* Registers the file's tensors under their names: thirds once. */
static rd_status add_tensors(const rd_model *model, rd_parameters *out) {
    for (int64_t i = 0; i < model->parameters.n; i++) {
        const rd_parameter *item = &model->parameters.items[i];
        const rd_places places = rd_gpt2_places_of(&model->config, item->name);
        const rd_place *place = &places.items[0];
        int64_t shape[2];
        rd_place_shape(place, item->shape[0], item->shape[1], shape);
        if (place->part == 0)
            RD_TRY(rd_parameters_add(out, NULL, rd_init_constant(0.0), shape[0], shape[1], "%s",
                                     place->name));
    }
    return rd_parameters_allocate_unset(out);
}

static rd_status write_weights(const rd_exporter *e) {
    rd_parameters out = {0};
    const rd_parameters *p = &e->model->parameters;
    rd_status status = add_tensors(e->model, &out);
    for (int64_t i = 0; status == RD_OK && i < p->n; i++) {
        const rd_parameter *item = &p->items[i];
        const rd_places places = rd_gpt2_places_of(&e->model->config, item->name);
        const rd_place *place = &places.items[0];
        rd_place_copy(place, item->shape[0], item->shape[1], p->values + item->offset,
                      out.values + rd_parameters_find(&out, place->name)->offset, true);
    }
    if (status == RD_OK) status = rd_export_save(e, &out, out.values);
    rd_parameters_free(&out);
    return status;
}

/* Positions count from 0 there. Tables that count from pad + 1 begin with rows of no use. */
static rd_status check_positions(const char *from, const rd_model_config *c) {
    if (rd_position(c, 0) == 0) return RD_OK;
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s: cannot be exported as GPT-2, whose positions count from 0; this model's "
                    "count from pad + 1 (train with position-layout: marian)",
                    from);
}

static rd_status write_search(const rd_exporter *e) {
    const rd_hf_generation search = {.to = e->to, .recipe = e->recipe, .pad = -1};
    if (e->warnings) RD_TRY(rd_hf_warn_of_search(e->from, e->recipe, e->warnings));
    return rd_hf_write_generation_config(&search);
}

/* What the files have no place for. */
static rd_status warn(const rd_exporter *e) {
    const rd_data_config *d = &e->recipe->data;
    if (!e->warnings) return RD_OK;
    if (d->line_end == RD_LINE_END_EOS)
        RD_TRY(
            rd_text_printf(e->warnings,
                           "%s: its lines end with the end-of-text token, where GPT-2's end with a "
                           "newline; the files do not say so\n",
                           e->from));
    if (d->tokens_per_sample > 0 && d->tokens_per_sample < e->recipe->model.max_target_positions)
        RD_TRY(rd_text_printf(
            e->warnings,
            "%s: it was trained on %d tokens at once, of %d positions; the files do "
            "not say so\n",
            e->from, (int)d->tokens_per_sample, (int)e->recipe->model.max_target_positions));
    return RD_OK;
}

rd_status rd_export_gpt2(const rd_exporter *e) {
    bool json;
    RD_TRY(rd_has_file(e->from, "vocab.json", &json));
    if (!json) RD_TRY(rd_has_file(e->from, "tokenizer.json", &json));
    if (!json)
        return rd_error(RD_ERR_UNSUPPORTED, "%s: GPT-2 needs a vocabulary of byte-level BPE",
                        e->from);
    RD_TRY(check_positions(e->from, &e->recipe->model));
    RD_TRY(warn(e));
    RD_TRY(rd_gpt2_write_config(e->from, e->recipe, e->to));
    RD_TRY(write_search(e));
    RD_TRY(write_weights(e));
    return rd_vocabularies_copy(e->from, e->to, RD_VOCABULARY_JOINT);
}
