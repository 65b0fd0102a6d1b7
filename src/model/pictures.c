#include "model/pictures.h"

#include <math.h>

enum { STEM_WIDTH = 64 /* of all its convolutions but the last */ };

rd_status rd_pictures_check(const rd_model_config *c) {
    const rd_picture_shape *p = &c->picture;
    if (p->size == 0) return RD_OK;
    if (p->channels != 1 && p->channels != 3)
        return rd_error(RD_ERR_ARGUMENT, "model: pictures of %d channels; expected 1 or 3",
                        (int)p->channels);
    if (p->stem_layers == 0 && (p->patch < 1 || p->size % p->patch))
        return rd_error(RD_ERR_ARGUMENT,
                        "model: patches of %d pixels (patch-size) do not divide pictures of %d "
                        "(picture-size)",
                        (int)p->patch, (int)p->size);
    if (c->encoder.layers == 0 || !c->encoder.normalize_before || !c->encoder.learned_pos)
        return rd_error(RD_ERR_ARGUMENT,
                        "model: pictures are read by a pre-norm encoder with learned positions "
                        "(encoder-normalize-before, encoder-learned-pos)");
    return c->decoder.layers == 0
               ? RD_OK
               : rd_error(RD_ERR_ARGUMENT, "model: pictures are read by an encoder alone; set "
                                           "decoder-layers: 0");
}

/* He et al. 2015: the positive part follows. */
static rd_status register_stem(rd_parameters *parameters, rd_patches *patches,
                               const rd_model_config *c) {
    patches->n_convolutions = c->picture.stem_layers;
    for (int32_t i = 0; i < patches->n_convolutions; i++) {
        rd_convolution *own = &patches->convolutions[i];
        own->n_in = i == 0 ? c->picture.channels : STEM_WIDTH;
        own->n_out = i + 1 < patches->n_convolutions ? STEM_WIDTH : c->d_model;
        int64_t size = RD_CONVOLUTION_KERNEL * RD_CONVOLUTION_KERNEL * own->n_in;
        RD_TRY(rd_parameters_add(parameters, &own->weight, rd_init_normal(sqrt(2.0 / (double)size)),
                                 own->n_out, size, "encoder.stem.%d.weight", (int)i));
    }
    return RD_OK;
}

/* As torch.nn.Conv2d starts. */
static rd_status register_patches(rd_parameters *parameters, rd_patches *patches,
                                  const rd_model_config *c) {
    int64_t size = (int64_t)c->picture.patch * c->picture.patch * c->picture.channels;
    rd_init init = rd_init_uniform(1.0 / sqrt((double)size));
    RD_TRY(rd_parameters_add(parameters, &patches->weight, init, c->d_model, size,
                             "encoder.patches.weight"));
    return rd_parameters_add(parameters, &patches->bias, init, c->d_model, 0,
                             "encoder.patches.bias");
}

rd_status rd_pictures_register(rd_parameters *parameters, rd_patches *patches,
                               const rd_model_config *c, int32_t site) {
    const rd_init small = rd_init_normal(0.02);
    *patches = (rd_patches){.side = c->picture.size,
                            .channels = c->picture.channels,
                            .patch = c->picture.patch,
                            .class_tokens = c->picture.class_tokens,
                            .dropout = c->dropout,
                            .site = site};
    RD_TRY(c->picture.stem_layers > 0 ? register_stem(parameters, patches, c)
                                      : register_patches(parameters, patches, c));
    if (patches->class_tokens > 0)
        RD_TRY(rd_parameters_add(parameters, &patches->class_token, small, patches->class_tokens,
                                 c->d_model, "encoder.class_token"));
    return rd_parameters_add(parameters, &patches->positions, small, rd_patches_length(patches),
                             c->d_model, "encoder.embed_positions.weight");
}
