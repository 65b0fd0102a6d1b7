/* post_processor of a tokenizer.json: the special tokens around a text or a pair of texts, spelled
 * "[CLS] A [SEP] B:1 [SEP]:1" with types of tokens other than 0. */
#include <string.h>

#include "convert/hf.h"

/* What this program puts around texts of a model_type. */
static const struct {
    const char *type, *single;
    const char *pairs[2]; /* without types, and with them */
} families[] = {{"bert", "[CLS] A [SEP]", {"[CLS] A [SEP] B [SEP]", "[CLS] A [SEP] B:1 [SEP]:1"}},
                {"roberta", "<s> A </s>", {"<s> A </s> </s> B </s>", "<s> A </s> </s> B </s>"}},
                {"xlm-roberta", "<s> A </s>", {"<s> A </s> </s> B </s>", "<s> A </s> </s> B </s>"}},
                {"bart", "<s> A </s>", {NULL, NULL}}};

typedef struct {
    rd_text text;
    bool types; /* they count */
} spelling;

static rd_status add(spelling *s, const char *token, json_int_t type) {
    char shown[64];
    rd_escape(shown, sizeof shown, token ? token : "?");
    RD_TRY(rd_text_printf(&s->text, "%s%s", s->text.length > 0 ? " " : "", shown));
    return s->types && type != 0 ? rd_text_printf(&s->text, ":%lld", (long long)type) : RD_OK;
}

/* [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, ...]
 */
static rd_status add_template(spelling *s, const json_t *items) {
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        const json_t *token = json_object_get(item, "SpecialToken");
        if (!token) token = json_object_get(item, "Sequence");
        RD_TRY(add(s, json_string_value(json_object_get(token, "id")),
                   json_integer_value(json_object_get(token, "type_id"))));
    }
    return RD_OK;
}

/* "cls": ["[CLS]", 2], "sep": ["[SEP]", 3]. RoBERTa has two between texts, and one type. */
static rd_status add_fixed(spelling *s, const json_t *processor, bool pair, bool roberta) {
    const char *cls = json_string_value(json_array_get(json_object_get(processor, "cls"), 0));
    const char *sep = json_string_value(json_array_get(json_object_get(processor, "sep"), 0));
    RD_TRY(add(s, cls, 0));
    RD_TRY(add(s, "A", 0));
    RD_TRY(add(s, sep, 0));
    if (!pair) return RD_OK;
    if (roberta) RD_TRY(add(s, sep, 0));
    RD_TRY(add(s, "B", !roberta));
    return add(s, sep, !roberta);
}

static bool is_of(const json_t *processor, const char *type) {
    const char *found = json_string_value(json_object_get(processor, "type"));
    return found && strcmp(found, type) == 0;
}

/* The one of a sequence that adds tokens: ByteLevel adds none. NULL: none does. */
static const json_t *adding(const json_t *processor) {
    const json_t *list = json_object_get(processor, "processors"), *found = NULL;
    if (!is_of(processor, "Sequence")) list = NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (is_of(item, "ByteLevel")) continue;
        if (found) return processor; /* of two, nothing is known */
        found = item;
    }
    if (list) return found;
    return json_is_object(processor) && !is_of(processor, "ByteLevel") ? processor : NULL;
}

static rd_status spell(spelling *s, const json_t *processor, bool pair) {
    const json_t *p = adding(processor);
    bool roberta = is_of(p, "RobertaProcessing");
    rd_text_clear(&s->text);
    if (is_of(p, "TemplateProcessing"))
        return add_template(s, json_object_get(p, pair ? "pair" : "single"));
    if (roberta || is_of(p, "BertProcessing")) return add_fixed(s, p, pair, roberta);
    if (p) return add(s, json_string_value(json_object_get(p, "type")), 0);
    RD_TRY(add(s, "A", 0));
    return pair ? add(s, "B", 1) : RD_OK;
}

static rd_status compare(spelling *s, const json_t *processor, const char *ours, bool pair,
                         rd_text *warnings) {
    RD_TRY(spell(s, processor, pair));
    const char *theirs = s->text.length > 0 ? s->text.data : ""; /* of an empty template */
    if (strcmp(theirs, ours) == 0) return RD_OK;
    return rd_text_printf(warnings,
                          "tokenizer.json: its post_processor makes %s \"%s\", but here it is "
                          "\"%s\": results differ from transformers'\n",
                          pair ? "a pair of texts" : "a text", theirs, ours);
}

rd_status rd_hf_warn_template(const json_t *tokenizer, const char *type, bool types,
                              rd_text *warnings) {
    const json_t *processor = json_object_get(tokenizer, "post_processor");
    size_t i = 0, n = sizeof families / sizeof *families;
    while (i < n && strcmp(families[i].type, type) != 0) i++;
    if (i == n) return RD_OK;
    spelling s = {.types = types};
    const char *pair = families[i].pairs[types];
    rd_status status = compare(&s, processor, families[i].single, false, warnings);
    if (status == RD_OK && pair) status = compare(&s, processor, pair, true, warnings);
    rd_text_free(&s.text);
    return status;
}
