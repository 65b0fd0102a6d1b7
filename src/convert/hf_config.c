/* What config.json of all families of Hugging Face have in common. */
#include <string.h>

#include "convert/hf.h"

rd_status rd_hf_check_head(const char *directory, const json_t *config, const char *const *known,
                           const char *supported) {
    const json_t *list = json_object_get(config, "architectures");
    const char *name = json_string_value(json_array_get(list, 0));
    if (!name || !strstr(name, "For")) return RD_OK;
    for (; *known; known++)
        if (rd_ends_with(name, *known)) return RD_OK;
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s/config.json: the head of %.60s is not supported: those that %s are",
                    directory, name, supported);
}

/* The first name of each is written: older versions of transformers know it, and CTranslate2. */
static const struct {
    const char *name;
    rd_activation activation;
} activations[] = {{"relu", RD_RELU},           {"gelu", RD_GELU},
                   {"gelu_new", RD_GELU_TANH},  {"gelu_pytorch_tanh", RD_GELU_TANH},
                   {"gelu_fast", RD_GELU_TANH}, {"swish", RD_SWISH},
                   {"silu", RD_SWISH},          {"tanh", RD_TANH}};
enum { N_ACTIVATIONS = sizeof activations / sizeof *activations };

rd_status rd_hf_read_activation(const char *directory, const json_t *config, const char *key,
                                const char *otherwise, rd_activation *activation) {
    const json_t *value = rd_foreign_value(config, key);
    const char *name = value ? json_string_value(value) : otherwise;
    for (int i = 0; name && i < N_ACTIVATIONS; i++) {
        *activation = activations[i].activation;
        if (strcmp(name, activations[i].name) == 0) return RD_OK;
    }
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s/config.json: %s: %.60s is not supported; expected gelu, gelu_new, "
                    "gelu_pytorch_tanh, gelu_fast, relu, silu, swish or tanh",
                    directory, key, name ? name : "what is no text");
}

const char *rd_hf_activation_name(rd_activation activation) {
    int i = 0;
    while (activations[i].activation != activation) i++; /* each has a row */
    return activations[i].name;
}
