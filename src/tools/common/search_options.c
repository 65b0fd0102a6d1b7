#include "tools/common/search_options.h"

/* `other` may be given, to say no: then all are, by a script. */
static rd_status need(const options_given *given, bool has, const char *other, const char *name) {
    if (has || options_has(given, other) || !options_has(given, name)) return RD_OK;
    return rd_error(RD_ERR_ARGUMENT, "--%s means nothing without --%s", name, other);
}

rd_status search_options_lay(const options_given *given, const rd_search_options *of_model,
                             rd_search_options *search) {
    *search = *of_model;
    options_apply(given, rd_search_keys, search);
    /* Without --beam, as wide as the model's default and the list ask for; the samples that are
     * printed and no more. */
    if (!options_has(given, "beam") && (search->sampling || search->n_best > search->beam))
        search->beam = search->n_best;
    RD_TRY(need(given, search->sampling, "sampling", "sampling-topk"));
    RD_TRY(need(given, search->sampling, "sampling", "sampling-topp"));
    RD_TRY(need(given, search->sampling, "sampling", "sampling-seed"));
    return need(given, search->diverse_groups > 1, "diverse-beam-groups", "diverse-beam-strength");
}

const char *search_options_given(const options_given *given) {
    for (const rd_key *key = rd_search_keys; key->name; key++)
        if (options_has(given, key->name)) return key->name;
    return NULL;
}
