/* Files of a tokenizer in a Hugging Face directory: which rules transformers takes where they
 * differ. */
#include <string.h>

#include "base/file.h"
#include "convert/hf.h"
#include "io/json.h"

typedef struct {
    const rd_hf_tokenizer *t;
    json_t *tokenizer, *settings; /* tokenizer.json, or NULL, and tokenizer_config.json */
    char name[64];                /* of the class that reads them */
    bool generic;                 /* it takes tokenizer.json as it is */
} reader;

/* The class that transformers 5 takes for a model_type where no file names one. */
static const struct {
    const char *type, *name;
} families[] = {{"bert", "BertTokenizer"},
                {"roberta", "RobertaTokenizer"},
                {"xlm-roberta", "XLMRobertaTokenizer"},
                {"bart", "RobertaTokenizer"},
                {"gpt2", "GPT2Tokenizer"},
                {"marian", "MarianTokenizer"}};

/* NULL: of a model that reads no text. */
static const char *usual_class(const json_t *config) {
    const char *type = json_string_value(json_object_get(config, "model_type"));
    for (size_t i = 0; type && i < sizeof families / sizeof *families; i++)
        if (strcmp(type, families[i].type) == 0) return families[i].name;
    return NULL;
}

static void find_class(reader *r) {
    static const char *const generic[] = {"PreTrainedTokenizerFast", "TokenizersBackend"};
    const char *name = json_string_value(json_object_get(r->settings, "tokenizer_class"));
    if (!name) name = json_string_value(json_object_get(r->t->config, "tokenizer_class"));
    if (!name) name = usual_class(r->t->config);
    for (size_t i = 0; i < sizeof generic / sizeof *generic; i++)
        if (strcmp(name, generic[i]) == 0) r->generic = true;
    rd_escape(r->name, sizeof r->name, name);
}

/* ---- Rules that both files may have ---- */

/* A class of its own reads tokenizer_config.json alone, and has `otherwise` for what is not there;
 * like_last: null is the value of the rule before. */
typedef struct {
    const char *part, *type; /* of tokenizer.json */
    const char *theirs;      /* the name there */
    const char *ours;        /* in tokenizer_config.json; NULL: it has none */
    bool otherwise, like_last;
} rule;

static const rule rules[] = {
    {"normalizer", "BertNormalizer", "lowercase", "do_lower_case", true, false},
    {"normalizer", "BertNormalizer", "strip_accents", "strip_accents", true, true},
    {"normalizer", "BertNormalizer", "handle_chinese_chars", "tokenize_chinese_chars", true, false},
    {"pre_tokenizer", "ByteLevel", "add_prefix_space", "add_prefix_space", false, false}};
enum { N_RULES = sizeof rules / sizeof *rules };

/* NULL: tokenizer.json has no such part. */
static const json_t *part_of(const reader *r, const rule *u) {
    const json_t *part = json_object_get(r->tokenizer, u->part);
    const char *type = json_string_value(json_object_get(part, "type"));
    return type && strcmp(type, u->type) == 0 ? part : NULL;
}

static const char *spell(bool value) {
    return value ? "true" : "false";
}

static rd_status warn_of_rule(const reader *r, const rule *u, bool there, bool here) {
    const json_t *said = json_object_get(r->settings, u->ours);
    return rd_text_printf(r->t->warnings,
                          "tokenizer.json: %s is %s, but tokenizer_config.json's %s is %s%s; %s is "
                          "taken, as transformers 5 does for %s\n",
                          u->theirs, spell(there), u->ours, spell(here),
                          json_is_boolean(said) ? "" : " by default",
                          spell(r->generic ? there : here), r->name);
}

/* Puts all rules that count into the settings; *differ: one of them is new. */
static rd_status take_rules(reader *r, bool *differ) {
    bool last_there = true, last_here = true;
    *differ = false;
    for (const rule *u = rules; u < rules + N_RULES; u++) {
        const json_t *part = part_of(r, u), *there = json_object_get(part, u->theirs);
        const json_t *here = json_object_get(r->settings, u->ours);
        bool theirs = rd_json_flag(part, u->theirs, u->like_last ? last_there : u->otherwise);
        bool ours = rd_json_flag(r->settings, u->ours, u->like_last ? last_here : u->otherwise);
        bool other = theirs != ours && (!r->generic || json_is_boolean(here));
        bool follows = u->like_last && !json_is_boolean(there) && !json_is_boolean(here);
        if (!part) continue;
        if (other && !follows && r->t->warnings) RD_TRY(warn_of_rule(r, u, theirs, ours));
        if (json_object_set_new(r->settings, u->ours, json_boolean(r->generic ? theirs : ours)) !=
            0)
            return rd_error(RD_ERR_MEMORY, "%s/tokenizer_config.json: out of memory", r->t->from);
        *differ = *differ || other;
        last_there = theirs;
        last_here = ours;
    }
    return RD_OK;
}

/* Text with control characters keeps them here where tokenizer.json says so. */
static rd_status warn_of_cleaning(const reader *r) {
    const json_t *part = json_object_get(r->tokenizer, "normalizer");
    if (r->generic || !json_is_false(json_object_get(part, "clean_text"))) return RD_OK;
    return rd_text_printf(r->t->warnings,
                          "tokenizer.json: clean_text is false, and taken here; transformers 5 "
                          "takes true for %s: control characters have other ids\n",
                          r->name);
}

/* The vocabulary here goes by tokenizer_config.json where it has a rule. */
static rd_status settle_rules(reader *r) {
    bool differ;
    RD_TRY(take_rules(r, &differ));
    if (r->t->warnings) RD_TRY(warn_of_cleaning(r));
    return differ ? rd_json_write(r->t->to, "tokenizer_config.json", json_incref(r->settings))
                  : RD_OK;
}

/* ---- Special tokens ---- */

static bool names_types(const reader *r) {
    const json_t *names = json_object_get(r->settings, "model_input_names");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (name && strcmp(name, "token_type_ids") == 0) return true;
    }
    return false;
}

/* Classes of their own have the special tokens, and types, that are here. */
static rd_status warn_of_specials(const reader *r) {
    const char *type = json_string_value(json_object_get(r->t->config, "model_type"));
    bool types = strcmp(type, "bert") == 0 && r->t->model->segment_types > 1;
    if (!r->generic || json_object_size(r->tokenizer) == 0) return RD_OK;
    RD_TRY(rd_hf_warn_template(r->tokenizer, type, types, r->t->warnings));
    if (!types || names_types(r)) return RD_OK;
    return rd_text_printf(r->t->warnings,
                          "tokenizer_config.json: model_input_names lacks token_type_ids, and "
                          "transformers 5 then has one type for both texts of a pair with %s; here "
                          "the second has another\n",
                          r->name);
}

/* ---- Settings without effect ---- */

/* Classes of byte-level BPE no longer do this, and other models here write no text. */
static rd_status warn_of_cleanup(const reader *r) {
    bool cleans = json_is_true(json_object_get(r->settings, "clean_up_tokenization_spaces"));
    if (!cleans || strcmp(r->name, "MarianTokenizer") != 0) return RD_OK;
    return rd_text_printf(r->t->warnings,
                          "tokenizer_config.json: clean_up_tokenization_spaces: true has no effect "
                          "here; transformers takes blanks before . ? ! , ' n't 'm 's 've 're out "
                          "of outputs\n");
}

/* Texts are cut where there is an encoder alone. */
static rd_status warn_of_side(const reader *r) {
    const char *side = json_string_value(json_object_get(r->settings, "truncation_side"));
    if (!side || strcmp(side, "left") != 0 || r->t->model->decoder.layers > 0) return RD_OK;
    return rd_text_printf(r->t->warnings,
                          "tokenizer_config.json: truncation_side: left has no effect here; texts "
                          "that are too long lose their end\n");
}

/* ---- The whole ---- */

/* One that is not read may be anything. */
static rd_status read_tokenizer(reader *r) {
    bool there;
    RD_TRY(rd_has_file(r->t->to, "tokenizer.json", &there));
    if (!there && !r->generic) return RD_OK;
    RD_TRY(rd_json_read_optional(r->t->from, "tokenizer.json", &r->tokenizer));
    if (r->t->warnings) RD_TRY(warn_of_specials(r));
    return there ? settle_rules(r) : RD_OK;
}

rd_status rd_hf_take_tokenizer(const rd_hf_tokenizer *t) {
    reader r = {.t = t};
    if (!usual_class(t->config)) return RD_OK;
    rd_status status = rd_json_read_optional(t->from, "tokenizer_config.json", &r.settings);
    if (status == RD_OK) {
        find_class(&r);
        status = read_tokenizer(&r);
    }
    if (status == RD_OK && t->warnings) status = warn_of_cleanup(&r);
    if (status == RD_OK && t->warnings) status = warn_of_side(&r);
    json_decref(r.tokenizer);
    json_decref(r.settings);
    return status;
}
