/* Vision transformers elsewhere: where each of our tensors is in a Hugging Face directory (ViT,
 * DeiT), in one with timm's names, and in Google's .npz files. */
#ifndef RD_CONVERT_VIT_H
#define RD_CONVERT_VIT_H

#include "convert/foreign.h"
#include "convert/import.h"

typedef enum { RD_VIT_HF, RD_VIT_TIMM, RD_VIT_GOOGLE } rd_vit_format;

/* What names depend on: an importer's own. */
typedef struct {
    rd_vit_format format;
    const char *prefix;   /* that all names but a head's have there */
    bool newer;           /* of Google's: big_vision's numbers of layers' parts */
    bool no_head;         /* it is meant for fine-tuning: zeros */
    int32_t class_tokens; /* tensors that they may be */
    int32_t channels;     /* of pictures, which Google's patches have last but one */
} rd_vit_names;

/* Keys of Hugging Face's config.json and of a recipe that mean the same. */
extern const rd_foreign_key rd_vit_keys[]; /* a NULL name ends them */

/* Of our tensor; no place where that format has no such tensor. */
rd_places rd_vit_places_of(const rd_vit_names *names, const char *ours);

/* Opens a directory's tensors, finds out how they are called, and sets the shape of the model,
 * except its head, and the form of its pictures. */
rd_status rd_vit_read_config(rd_importer *im);

#endif
