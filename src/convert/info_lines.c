#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "convert/info.h"
#include "model/model_keys.h"
#include "recipe/recipe_keys.h"
#include "train/report.h"
#include "train/settings.h"

static void add(rd_tally *tally, const rd_stored_tensor *tensor) {
    tally->tensors++;
    tally->parameters += tensor->n;
    tally->bytes += tensor->n_bytes;
    for (int i = 0; i < RD_INFO_TYPES; i++) {
        if (!tally->types[i].name) tally->types[i].name = tensor->dtype;
        if (strcmp(tally->types[i].name, tensor->dtype) != 0) continue;
        tally->types[i].parameters += tensor->n;
        return;
    }
}

rd_status rd_tally_file(rd_tally *tally, const rd_tensor_file *file) {
    const char *name;
    json_t *value;
    json_object_foreach(file->header, name, value) {
        rd_stored_tensor tensor;
        if (strcmp(name, "__metadata__") == 0) continue;
        RD_TRY(rd_tensor_file_find(file, name, &tensor));
        add(tally, &tensor);
    }
    return RD_OK;
}

rd_status rd_tally_npz(rd_tally *tally, const rd_npz *npz) {
    for (int64_t i = 0; i < npz->n; i++) {
        char name[160];
        rd_stored_tensor array;
        int length = (int)strlen(npz->names[i]) - 4;
        if (strncmp(npz->names[i], "special:", 8) == 0) continue;
        snprintf(name, sizeof name, "%.*s", length, npz->names[i]);
        RD_TRY(rd_npz_find(npz, name, &array));
        add(tally, &array);
    }
    return RD_OK;
}

rd_status rd_info_tally(const rd_tally *tally, rd_text *out) {
    RD_TRY(rd_text_printf(
        out, "parameters: %lld in %lld tensors, %.1f MiB:", (long long)tally->parameters,
        (long long)tally->tensors, (double)tally->bytes / 0x1p20));
    for (int i = 0; i < RD_INFO_TYPES && tally->types[i].name; i++)
        RD_TRY(rd_text_printf(out, "%s %s %lld", i ? "," : "", tally->types[i].name,
                              (long long)tally->types[i].parameters));
    return rd_text_append(out, "\n", 1);
}

static rd_status stack_line(const char *name, const rd_stack_config *stack, rd_text *out) {
    if (stack->layers == 0) return rd_text_printf(out, "%s: none\n", name);
    return rd_text_printf(out, "%s: %d layers, %d heads, feed-forward %d, %s-norm, %s positions\n",
                          name, stack->layers, stack->heads, stack->ffn_dim,
                          stack->normalize_before ? "pre" : "post",
                          stack->learned_pos ? "learned" : "sinusoidal");
}

/* One side of an adaptive vocabulary. */
static rd_status bands_line(const char *name, const rd_cutoffs *cutoffs, float factor, bool tied,
                            rd_text *out) {
    RD_TRY(rd_text_printf(out, "%s: bands of words from 0", name));
    for (int32_t i = 0; i < cutoffs->n; i++)
        RD_TRY(rd_text_printf(out, ", %d", (int)cutoffs->items[i]));
    return rd_text_printf(out, ", factor %g%s\n", (double)factor, tied ? ", tied" : "");
}

static rd_status adaptive_lines(const rd_model_config *c, rd_text *out) {
    if (c->adaptive_input)
        RD_TRY(bands_line("adaptive input", &c->adaptive_input_cutoff, c->adaptive_input_factor,
                          false, out));
    if (c->adaptive_softmax_cutoff.n > 0)
        RD_TRY(bands_line("adaptive softmax", &c->adaptive_softmax_cutoff,
                          c->adaptive_softmax_factor, c->tie_adaptive_weights, out));
    return RD_OK;
}

static rd_status picture_line(const rd_picture_shape *p, rd_text *out) {
    RD_TRY(rd_text_printf(out, "pictures: %d x %d, %d channel%s", p->size, p->size, p->channels,
                          p->channels == 1 ? "" : "s"));
    RD_TRY(p->stem_layers > 0 ? rd_text_printf(out, ", a stem of %d convolutions", p->stem_layers)
                              : rd_text_printf(out, ", patches of %d x %d", p->patch, p->patch));
    return rd_text_printf(out, ", class tokens: %d\n", p->class_tokens);
}

/* Inputs and outputs; a model of one stack has one side. */
static rd_status token_lines(const rd_model_config *c, rd_text *out) {
    if (c->encoder.layers == 0 || c->decoder.layers == 0) {
        bool source = c->decoder.layers == 0;
        int32_t words = source ? c->src_vocab : c->tgt_vocab;
        RD_TRY(rd_text_printf(out, "positions: %d\n",
                              source ? c->max_source_positions : c->max_target_positions));
        return words > 0 ? rd_text_printf(out, "vocabulary: %d\n", words) : RD_OK;
    }
    RD_TRY(rd_text_printf(out, "positions: %d of source, %d of target\n", c->max_source_positions,
                          c->max_target_positions));
    if (c->src_vocab == 0 && c->tgt_vocab == 0) return RD_OK;
    return rd_text_printf(out, "vocabulary: %d of source, %d of target\n", c->src_vocab,
                          c->tgt_vocab);
}

static rd_status head_line(const rd_model_config *c, rd_text *out) {
    switch (c->head) {
    case RD_HEAD_CLASSES:
        return rd_text_printf(out, "head: %d class%s\n", c->num_classes,
                              c->num_classes == 1 ? "" : "es");
    case RD_HEAD_VALUE:
        return rd_text_printf(out, "head: one number\n");
    case RD_HEAD_NONE:
        return rd_text_printf(out, "head: none\n");
    default:
        return RD_OK;
    }
}

rd_status rd_info_network(const rd_model_config *c, rd_text *out) {
    const char *tied = c->share_all_embeddings               ? "all embeddings tied"
                       : c->tie_adaptive_weights             ? "adaptive embeddings and output tied"
                       : c->share_decoder_input_output_embed ? "target embeddings and output tied"
                                                             : "no embeddings tied";
    RD_TRY(rd_text_printf(out, "architecture: transformer, width %d, %s, %s%s%s\n", c->d_model,
                          rd_activation_names[c->activation], tied,
                          c->output_bias ? ", output bias" : "",
                          c->layernorm_embedding ? ", norm after embeddings" : ""));
    RD_TRY(stack_line("encoder", &c->encoder, out));
    RD_TRY(stack_line("decoder", &c->decoder, out));
    RD_TRY(adaptive_lines(c, out));
    RD_TRY(c->picture.size > 0 ? picture_line(&c->picture, out) : token_lines(c, out));
    return head_line(c, out);
}

/* A list of settings that are not the defaults. */
typedef struct {
    rd_recipe *defaults;
    rd_text *out;
    int n;
} settings_list;

/* value: of the key, as recipes have it. */
static rd_status add_setting(settings_list *list, const rd_key *key, const char *value) {
    rd_text usual = {0};
    rd_status status = rd_recipe_format_key(list->defaults, key, &usual);
    if (status == RD_OK && strcmp(value, usual.data) != 0)
        status =
            rd_text_printf(list->out, "%s %s %s", list->n++ ? "," : "settings:", key->name, value);
    rd_text_free(&usual);
    return status;
}

static rd_status end_list(settings_list *list, rd_status status) {
    if (status == RD_OK && list->n > 0) status = rd_text_append(list->out, "\n", 1);
    rd_recipe_free(list->defaults);
    return status;
}

rd_status rd_info_settings(const rd_recipe *recipe, rd_text *out) {
    rd_text ours = {0};
    settings_list list = {.out = out};
    RD_TRY(rd_recipe_new(&list.defaults));
    rd_status status = RD_OK;
    const rd_key *key;
    for (int i = 0; status == RD_OK && (key = rd_recipe_key(i)); i++) {
        bool shown =
            rd_recipe_is_of_shape(key) && /* the network has lines of its own */
            !rd_is_listed("pooling head-transform layer-norm-eps segment-types", key->name);
        if (shown) continue;
        rd_text_clear(&ours);
        status = rd_recipe_format_key(recipe, key, &ours);
        if (status == RD_OK) status = add_setting(&list, key, ours.data);
    }
    rd_text_free(&ours);
    return end_list(&list, status);
}

rd_status rd_info_saved_settings(const char *settings, rd_text *out) {
    settings_list list = {.out = out};
    RD_TRY(rd_recipe_new(&list.defaults));
    rd_status status = RD_OK;
    const rd_key *key;
    for (int i = 0; status == RD_OK && (key = rd_recipe_key(i)); i++) {
        char *ours;
        status = rd_settings_get(settings, key->name, &ours);
        if (ours) status = add_setting(&list, key, ours);
        free(ours);
    }
    return end_list(&list, status);
}

static rd_status validation_line(const char *name, const rd_train_history *history,
                                 const json_t *event, rd_text *out) {
    RD_TRY(rd_text_printf(out, "%s: update %lld, epoch %lld", name,
                          (long long)json_integer_value(json_object_get(event, "update")),
                          (long long)json_integer_value(json_object_get(event, "epoch"))));
    const rd_result_kind *const *kinds = history->task->kinds;
    for (int i = 0; kinds[i]; i++) {
        const json_t *value = json_object_get(event, kinds[i]->name);
        if (json_is_number(value))
            RD_TRY(rd_text_printf(out, ", %s %.4g", kinds[i]->label, json_number_value(value)));
    }
    return rd_text_append(out, "\n", 1);
}

static rd_status history_lines(const rd_train_history *history, const char *path, rd_text *out) {
    const json_t *event, *best = NULL, *last = NULL;
    size_t i;
    json_array_foreach(history->validations, i, event) {
        last = event;
        if (json_is_true(json_object_get(event, "best"))) best = event;
    }
    const rd_curve *loss = &history->curves[RD_CURVE_TRAIN_LOSS];
    double updates = loss->n ? loss->points[loss->n - 1].x : 0;
    double validated = (double)json_integer_value(json_object_get(last, "update"));
    RD_TRY(rd_text_printf(out, "training: %s: %.0f updates in %lld run%s, %zu validation%s, %s\n",
                          path, updates > validated ? updates : validated,
                          (long long)history->n_runs, history->n_runs == 1 ? "" : "s",
                          json_array_size(history->validations),
                          json_array_size(history->validations) == 1 ? "" : "s",
                          history->reason ? history->reason : "not ended"));
    if (best) RD_TRY(validation_line("best validation", history, best, out));
    return last && last != best ? validation_line("last validation", history, last, out) : RD_OK;
}

rd_status rd_info_history(const char *directory, rd_text *out) {
    static const char *const names[] = {"train.jsonl", "../train.jsonl"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool found;
        RD_TRY(rd_has_file(directory, names[i], &found));
        if (!found) continue;
        rd_train_history history = {0};
        char *path = rd_path_join(directory, names[i]);
        rd_status status = path ? rd_train_history_read(&history, path) : RD_ERR_MEMORY;
        if (status == RD_OK) status = history_lines(&history, path, out);
        rd_train_history_free(&history);
        free(path);
        return status;
    }
    return RD_OK;
}
