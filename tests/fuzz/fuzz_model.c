/* A model directory's config.yaml and model.safetensors, then a search with what was loaded. Parts:
 * config, header of the safetensors file as text, its data; or config and a whole file. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "rdrop/model.h"
#include "recipe/recipe.h"
#include "translate/translate.h"

/* The header's length, the header, the data. */
static char *assemble(fuzz_part header, fuzz_part data, size_t *n) {
    uint64_t length = header.n;
    *n = 8 + header.n + data.n;
    char *bytes = malloc(*n);
    FUZZ_CHECK(bytes);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header.bytes, header.n);
    memcpy(bytes + 8 + header.n, data.bytes, data.n);
    return bytes;
}

/* Weights may be anything finite; a search ends all the same, at a result or an error. */
static void search(const rd_model *model) {
    const rd_model_config *c = rd_model_get_config(model);
    if (c->d_model > 64 || c->src_vocab > 64 || c->tgt_vocab > 64 || c->encoder.layers > 4 ||
        c->decoder.layers > 4 || c->encoder.ffn_dim > 64 || c->decoder.ffn_dim > 64)
        return;
    int32_t tokens[3] = {0, c->src_vocab - 1, c->eos_id};
    rd_token_span source = {tokens, 3};
    rd_translate_job job = {.models = &model, .n_models = 1, .search = rd_search_defaults()};
    job.search.beam = 2;
    job.threads = 1;
    rd_search_result result;
    if (rd_translate_tokens(&job, 1, &source, &result) == RD_OK) rd_search_result_free(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_part config = fuzz_cut(data, size, 0), header = fuzz_cut(data, size, 1);
    rd_recipe *recipe;
    const char *settings[] = {"max-update=1"};
    if (rd_recipe_load(&recipe, fuzz_file(0, config.bytes, config.n), settings, 1) != RD_OK)
        return 0;
    fuzz_part rest = {header.bytes + header.n, 0};
    rest.n = header.n ? (size_t)((const char *)data + size - rest.bytes) : 0;
    if (rest.n > 0) rest.bytes++, rest.n--;
    size_t n = 0;
    char *file = rest.n > 0 ? assemble(header, rest, &n) : NULL;
    const char *path = fuzz_file(1, file ? file : header.bytes, file ? n : header.n);
    rd_model *model;
    if (rd_model_load(&model, &recipe->model, path) == RD_OK) {
        search(model);
        rd_model_free(model);
    } else {
        FUZZ_CHECK(*rd_last_error());
    }
    free(file);
    rd_recipe_free(recipe);
    return 0;
}
