#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/marian.h"

/* The tensors of a layer: weights and biases PLACE_Wx and PLACE_bx, or, without an x, a norm. */
static const struct {
    const char *ours, *place, *x;
} parts[] = {{"self_attn.q_proj", "self", "q"},
             {"self_attn.k_proj", "self", "k"},
             {"self_attn.v_proj", "self", "v"},
             {"self_attn.out_proj", "self", "o"},
             {"encoder_attn.q_proj", "context", "q"},
             {"encoder_attn.k_proj", "context", "k"},
             {"encoder_attn.v_proj", "context", "v"},
             {"encoder_attn.out_proj", "context", "o"},
             {"fc1", "ffn", "1"},
             {"fc2", "ffn", "2"},
             {"self_attn_layer_norm", "self_Wo", NULL},
             {"encoder_attn_layer_norm", "context_Wo", NULL},
             {"final_layer_norm", "ffn_ffn", NULL}};

static rd_marian_array layer_array(bool decoder, int layer, const char *part) {
    rd_marian_array array = {.name = ""};
    const char *side = decoder ? "decoder" : "encoder", *kind = strrchr(part, '.') + 1;
    bool weight = strcmp(kind, "weight") == 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t n = strlen(parts[i].ours);
        if (strncmp(part, parts[i].ours, n) != 0 || part + n + 1 != kind) continue;
        int length =
            snprintf(array.name, sizeof array.name, "%s_l%d_%s_", side, layer + 1, parts[i].place);
        if (parts[i].x)
            snprintf(array.name + length, sizeof array.name - (size_t)length, "%c%s",
                     weight ? 'W' : 'b', parts[i].x);
        else
            snprintf(array.name + length, sizeof array.name - (size_t)length, "ln_%s",
                     weight ? "scale" : "bias");
        array.transposed = parts[i].x && weight;
    }
    return array;
}

static rd_marian_array embedding_array(const rd_npz *npz, bool decoder) {
    rd_marian_array array = {.name = "Wemb"}; /* of both sides */
    if (!rd_npz_has(npz, array.name))
        snprintf(array.name, sizeof array.name, "%s_Wemb", decoder ? "decoder" : "encoder");
    return array;
}

rd_marian_array rd_marian_array_of(const rd_npz *npz, const char *tensor) {
    bool decoder = strncmp(tensor, "decoder.", 8) == 0;
    const char *side = decoder ? "decoder" : "encoder", *rest = tensor + 8;
    bool weight = strstr(rest, "weight") != NULL;
    rd_marian_array array = {.name = ""};
    if (strncmp(rest, "layers.", 7) == 0) {
        char *end;
        int layer = (int)strtol(rest + 7, &end, 10);
        return layer_array(decoder, layer, end + 1);
    }
    if (strncmp(rest, "embed_tokens", 12) == 0) return embedding_array(npz, decoder);
    if (strncmp(rest, "layernorm_embedding", 19) == 0)
        snprintf(array.name, sizeof array.name, "%s_emb_ln_%s_pre", side,
                 weight ? "scale" : "bias");
    else if (!weight)
        snprintf(array.name, sizeof array.name, "decoder_ff_logit_out_b");
    else {
        array.transposed = !rd_npz_has(npz, "decoder_ff_logit_out_Wt");
        snprintf(array.name, sizeof array.name, "decoder_ff_logit_out_W%s",
                 array.transposed ? "" : "t");
    }
    return array;
}
