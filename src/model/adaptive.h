/* Registering adaptive input and adaptive softmax under fairseq's names. */
#ifndef RD_MODEL_ADAPTIVE_H
#define RD_MODEL_ADAPTIVE_H

#include "layers/adaptive_input.h"
#include "model/parameters.h"
#include "rdrop/model.h"

/* RD_ERR_ARGUMENT if its settings contradict each other or the rest. */
rd_status rd_adaptive_check(const rd_model_config *config);

/* The class projection of a tied softmax follows the first band's words, and is registered here. */
rd_status rd_adaptive_add_input(rd_parameters *parameters, const rd_model_config *config,
                                rd_adaptive_input *input);
/* After the input. site: of the first of RD_MAX_CUTOFFS + 1 dropouts. */
rd_status rd_adaptive_add_softmax(rd_parameters *parameters, const rd_model_config *config,
                                  int32_t site, rd_adaptive_softmax *softmax);

#endif
