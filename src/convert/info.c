#include "convert/info.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "convert/fairseq.h"
#include "convert/import.h"
#include "convert/marian.h"
#include "data/vocab_files.h"
#include "io/yaml.h"
#include "recipe/model_dir.h"
#include "task/task.h"
#include "train/checkpoint.h"
#include "train/settings.h"

static rd_status kind(rd_text *out, const char *what) {
    return rd_text_printf(out, "kind: %s\n", what);
}

static rd_status weights(const char *path, rd_text *out) {
    rd_tensor_file file;
    rd_tally tally = {0};
    RD_TRY(rd_tensor_file_open(&file, path));
    rd_status status = rd_tally_file(&tally, &file);
    if (status == RD_OK) status = rd_info_tally(&tally, out);
    rd_tensor_file_close(&file);
    return status;
}

static rd_status name_if_there(const char *directory, const char *name, int *n, rd_text *out) {
    bool found;
    RD_TRY(rd_has_file(directory, name, &found));
    if (!found) return RD_OK;
    return rd_text_printf(out, "%s %s", (*n)++ ? "," : "vocabulary files:", name);
}

/* The vocabulary files that are there, with XLM-R's own, which only an import reads. */
static rd_status vocabulary_files(const char *directory, rd_text *out) {
    const char *names[RD_MOST_VOCABULARY_FILES + 1];
    int n = 0;
    rd_vocabularies_list(names);
    for (int i = 0; names[i]; i++) RD_TRY(name_if_there(directory, names[i], &n, out));
    RD_TRY(name_if_there(directory, "sentencepiece.bpe.model", &n, out));
    return n > 0 ? rd_text_append(out, "\n", 1) : RD_OK;
}

static rd_status describe_model(const rd_model_dir *model, const char *tensors, rd_text *out) {
    RD_TRY(kind(out, "model directory"));
    RD_TRY(rd_info_network(&model->recipe->model, out));
    RD_TRY(vocabulary_files(model->path, out));
    RD_TRY(weights(tensors, out));
    RD_TRY(rd_info_settings(model->recipe, out));
    return rd_info_history(model->path, out);
}

static rd_status model_directory(const char *directory, rd_text *out) {
    rd_model_dir model;
    char *tensors = NULL;
    rd_status status = rd_model_dir_read(&model, directory);
    if (status == RD_OK) {
        tensors = rd_model_dir_weights_path(&model);
        status = tensors ? describe_model(&model, tensors, out) : RD_ERR_MEMORY;
    }
    free(tensors);
    rd_model_dir_close(&model);
    return status;
}

static rd_status tally_set(const rd_tensor_set *set, rd_text *out) {
    rd_tally tally = {0};
    for (int64_t i = 0; i < set->n; i++) RD_TRY(rd_tally_file(&tally, &set->files[i]));
    return rd_info_tally(&tally, out);
}

static rd_status hf_weights(const char *directory, rd_text *out) {
    rd_tensor_set set;
    RD_TRY(rd_tensor_set_open(&set, directory));
    rd_status status = tally_set(&set, out);
    rd_tensor_set_close(&set);
    return status;
}

/* Prints a model's network or, `read` telling that it cannot be imported, why. */
static rd_status network_or_reason(rd_status read, const rd_model_config *model, rd_text *out) {
    if (read == RD_OK) return rd_info_network(model, out);
    if (read != RD_ERR_UNSUPPORTED) return read;
    return rd_text_printf(out, "not importable: %s\n", rd_last_error());
}

static rd_status hf_kind(const json_t *config, rd_text *out) {
    const char *type = json_string_value(json_object_get(config, "model_type"));
    const char *timm = json_string_value(json_object_get(config, "architecture"));
    char shown[64];
    rd_escape(shown, sizeof shown, type ? type : timm ? timm : "(none)");
    return rd_text_printf(out, "kind: %s directory of type %s\n",
                          timm && !type ? "timm" : "Hugging Face", shown);
}

static rd_status describe_npz(const rd_family *family, rd_importer *im, rd_text *out) {
    rd_tally tally = {0};
    RD_TRY(kind(out, family == &rd_family_vit ? "Google's vision transformer" : "Marian model"));
    RD_TRY(network_or_reason(family->read_config(im), &im->recipe->model, out));
    RD_TRY(rd_tally_npz(&tally, &im->npz));
    return rd_info_tally(&tally, out);
}

static rd_status describe_hf(const rd_family *family, rd_importer *im, rd_text *out) {
    RD_TRY(hf_kind(im->config, out));
    RD_TRY(network_or_reason(family->read_config(im), &im->recipe->model, out));
    RD_TRY(vocabulary_files(im->from, out));
    RD_TRY(hf_weights(im->from, out));
    return rd_info_settings(im->recipe, out);
}

/* An .npz file, or a Hugging Face directory. */
static rd_status foreign(const char *path, rd_text *out) {
    rd_importer im;
    const rd_family *family;
    rd_status status = rd_import_open(&im, path, &family);
    if (status == RD_OK) status = (im.npz.path ? describe_npz : describe_hf)(family, &im, out);
    rd_import_close(&im);
    return status;
}

/* Each model that decoder.yml names. */
static rd_status marian_directory(const char *directory, rd_text *out) {
    json_t *decoder, *model;
    size_t i;
    RD_TRY(rd_yaml_read(&decoder, directory, "decoder.yml"));
    const json_t *models = json_object_get(decoder, "models");
    rd_status status = RD_OK;
    if (json_array_size(models) == 0)
        status = rd_error(RD_ERR_FORMAT, "%s/decoder.yml: does not name a model", directory);
    json_array_foreach(models, i, model) {
        const char *name = json_string_value(model);
        bool npz = name && rd_ends_with(name, ".npz");
        char *path = npz ? rd_path_join(directory, rd_marian_base_name(name)) : NULL;
        if (!npz)
            status = rd_error(RD_ERR_FORMAT, "%s/decoder.yml: a model that is not a .npz file",
                              directory);
        else
            status = path ? foreign(path, out) : RD_ERR_MEMORY;
        free(path);
        if (status != RD_OK) break;
    }
    json_decref(decoder);
    return status;
}

/* The kind of result that the training was to make best. */
static rd_status find_metric(const rd_checkpoint_info *info, const rd_result_kind **metric) {
    const rd_task *task = &rd_task_translation; /* the default, which settings may leave out */
    char *name;
    RD_TRY(rd_settings_get(info->settings, "task", &name));
    size_t n = name ? strlen(name) : 0;
    bool quoted = n >= 2 && *name == '"'; /* as settings keep texts */
    if (quoted) name[n - 1] = '\0';
    rd_status status = name ? rd_task_find(&task, name + quoted) : RD_OK;
    free(name);
    return status == RD_OK ? rd_task_find_result(task, info->state.metric, metric) : status;
}

static rd_status progress_lines(const rd_checkpoint_info *info, rd_text *out) {
    RD_TRY(kind(out, "checkpoint of a training"));
    RD_TRY(rd_text_printf(out, "parameters: %lld, with the optimizer's state%s\n",
                          (long long)info->n, info->has_ema ? " and a moving average" : ""));
    RD_TRY(rd_text_printf(out, "progress: update %lld, epoch %lld, %lld updates skipped, %.0f s\n",
                          (long long)info->state.update, (long long)info->state.epoch,
                          (long long)info->state.skipped_updates, info->state.seconds));
    if (info->state.validated_update == 0) return RD_OK;
    const rd_result_kind *metric;
    double best = info->state.best_metric;
    RD_TRY(find_metric(info, &metric));
    return rd_text_printf(out, "best validation: update %lld, %s %.4g\n",
                          (long long)info->state.best_update, metric->name,
                          metric->larger_is_better ? best : -best);
}

static rd_status checkpoint(const char *path, rd_text *out) {
    rd_checkpoint_info info;
    rd_status status = rd_checkpoint_read_info(path, &info);
    if (status == RD_OK) status = progress_lines(&info, out);
    if (status == RD_ERR_ARGUMENT) status = rd_error_prefix(status, "%s", path);
    if (status == RD_OK) status = rd_info_saved_settings(info.settings, out);
    rd_checkpoint_info_free(&info);
    return status;
}

static rd_status language_line(const rd_fairseq_checkpoint *c, rd_text *out) {
    const char *source = rd_fairseq_text(c, "source_lang");
    const char *target = rd_fairseq_text(c, "target_lang");
    char shown[2][64];
    if (!source || !target) return RD_OK;
    rd_escape(shown[0], sizeof shown[0], source);
    rd_escape(shown[1], sizeof shown[1], target);
    return rd_text_printf(out, "languages: %s to %s\n", shown[0], shown[1]);
}

/* `read` is the outcome of reading its settings. */
static rd_status describe_torch(const rd_fairseq_checkpoint *c, rd_status read, rd_recipe *recipe,
                                rd_text *out) {
    rd_tally tally = {0};
    bool fairseq = c->model != NULL;
    RD_TRY(kind(out, fairseq ? "checkpoint of fairseq" : "file of PyTorch"));
    if (fairseq && read == RD_OK) read = rd_fairseq_read_config(c, recipe);
    if (fairseq) RD_TRY(network_or_reason(read, &recipe->model, out));
    if (fairseq) RD_TRY(language_line(c, out));
    RD_TRY(rd_tally_file(&tally, &c->file));
    return rd_info_tally(&tally, out);
}

/* A file without settings has only tensors. */
static rd_status torch_file(const char *path, rd_text *out) {
    rd_fairseq_checkpoint checkpoint;
    rd_recipe *recipe;
    RD_TRY(rd_recipe_new(&recipe));
    rd_status status = rd_fairseq_open(&checkpoint, path);
    bool described = !checkpoint.model || status != RD_ERR_FORMAT;
    if (checkpoint.file.torch && described && status != RD_ERR_MEMORY)
        status = describe_torch(&checkpoint, status, recipe, out);
    rd_fairseq_close(&checkpoint);
    rd_recipe_free(recipe);
    return status;
}

static rd_status describe_file(const char *path, rd_text *out) {
    if (rd_ends_with(path, ".npz")) return foreign(path, out);
    if (rd_ends_with(path, ".bin") || rd_ends_with(path, ".pt")) return torch_file(path, out);
    bool tensors = rd_ends_with(path, ".safetensors");
    if (tensors) RD_TRY(kind(out, "safetensors file"));
    RD_TRY(tensors ? weights(path, out) : checkpoint(path, out));
    char *directory = rd_path_parent(path);
    rd_status status = directory ? rd_info_history(directory, out) : RD_ERR_MEMORY;
    free(directory);
    return status;
}

/* The description of a directory that holds `name`. */
static const struct {
    const char *name;
    rd_status (*describe)(const char *directory, rd_text *out);
} directories[] = {
    {"config.yaml", model_directory}, {"config.json", foreign}, {"decoder.yml", marian_directory}};

static rd_status fairseq_directory(const char *directory, rd_text *out) {
    char *path;
    RD_TRY(rd_fairseq_find(directory, &path));
    if (!path)
        return rd_error(RD_ERR_IO,
                        "%s: no model: neither config.yaml, config.json, decoder.yml, "
                        "model/config.yaml nor a checkpoint of fairseq",
                        directory);
    rd_status status = torch_file(path, out);
    free(path);
    return status;
}

static rd_status describe_directory(const char *path, rd_text *out) {
    bool found;
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        RD_TRY(rd_has_file(path, directories[i].name, &found));
        if (found) return directories[i].describe(path, out);
    }
    RD_TRY(rd_has_file(path, "model/config.yaml", &found));
    if (!found) return fairseq_directory(path, out);
    char *model = rd_path_join(path, "model");
    rd_status status = model ? model_directory(model, out) : RD_ERR_MEMORY;
    free(model);
    return status;
}

rd_status rd_info(const char *path, rd_text *out) {
    return rd_is_directory(path) ? describe_directory(path, out) : describe_file(path, out);
}
