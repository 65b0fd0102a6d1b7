/* Vision transformers elsewhere: where each of our tensors is in a Hugging Face directory (ViT,
 * DeiT), in one with timm's names, and in Google's .npz files. */
#ifndef RD_CONVERT_VIT_H
#define RD_CONVERT_VIT_H

#include "base/string_table.h"
#include "io/npz.h"
#include "io/safetensors.h"
#include "recipe/recipe.h"

typedef enum { RD_VIT_HF, RD_VIT_TIMM, RD_VIT_GOOGLE } rd_vit_format;

/* A file's or a directory's tensors. */
typedef struct {
    rd_vit_format format;
    rd_tensor_set tensors; /* of the first two */
    rd_npz npz;            /* of the last */
    const char *prefix;    /* that all names but a head's have there */
    bool newer;            /* of Google's: big_vision's numbers of layers' parts */
} rd_vit_file;

/* How the values of one tensor lie there. */
typedef enum {
    RD_VIT_AS_OURS,
    RD_VIT_THIRD,      /* of three tensors in one: query, key, value */
    RD_VIT_TRANSPOSED, /* [in, out] */
    RD_VIT_PIXELS,     /* of patches, [side, side, channels, out] */
    RD_VIT_TOKENS      /* class tokens: a tensor each */
} rd_vit_layout;

typedef struct {
    char name[160], second[160]; /* second: of RD_VIT_TOKENS; "": there is none */
    rd_vit_layout layout;
    int third; /* which one, 0 to 2 */
} rd_vit_place;

/* Of our tensor; an empty name where that format has no such tensor. */
void rd_vit_place_of(const rd_vit_file *file, const char *ours, rd_vit_place *place);

/* Opens the directory or the .npz file, and finds its prefix; close in any case. */
rd_status rd_vit_open(rd_vit_file *file, const char *path, rd_vit_format format);
void rd_vit_close(rd_vit_file *file);

bool rd_vit_has(const rd_vit_file *file, const char *name);
/* RD_ERR_UNSUPPORTED if it has a tensor that is not among `known` and would change what the model
 * computes. */
rd_status rd_vit_check_all_known(const rd_vit_file *file, const char *path,
                                 const rd_string_table *known);
/* The shape of a tensor. RD_ERR_FORMAT: missing. */
rd_status rd_vit_find(const rd_vit_file *file, const char *name, rd_stored_tensor *tensor);
/* *values: [tensor->n], malloc'ed. */
rd_status rd_vit_read(const rd_vit_file *file, const char *name, rd_stored_tensor *tensor,
                      float **values);

/* Sets the shape of the model, except its head, and the form of its pictures. */
rd_status rd_vit_read_config(const rd_vit_file *file, const char *path, const json_t *config,
                             rd_recipe *recipe);

#endif
