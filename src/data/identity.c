#include "data/identity.h"

#include <string.h>

static rd_status copy(char *to, size_t room, const char *text, const char *name) {
    size_t n = strlen(text);
    if (n >= room)
        return rd_error(RD_ERR_ARGUMENT, "%s '%.80s' has %zu bytes; at most %zu are possible", name,
                        text, n, room - 1);
    memcpy(to, text, n + 1);
    return RD_OK;
}

rd_status rd_identity_make(rd_identity *identity, const char *task, const char *source_lang,
                           const char *target_lang, const char *vocabulary) {
    *identity = (rd_identity){0};
    RD_TRY(copy(identity->task, sizeof identity->task, task, "task"));
    RD_TRY(copy(identity->source_lang, sizeof identity->source_lang, source_lang, "source-lang"));
    RD_TRY(copy(identity->target_lang, sizeof identity->target_lang, target_lang, "target-lang"));
    return copy(identity->vocabulary, sizeof identity->vocabulary, vocabulary, "vocabulary");
}

static bool ends(const char *text, size_t room) {
    return memchr(text, '\0', room) != NULL;
}

bool rd_identity_is_sound(const rd_identity *i) {
    return ends(i->task, sizeof i->task) && ends(i->source_lang, sizeof i->source_lang) &&
           ends(i->target_lang, sizeof i->target_lang) && ends(i->vocabulary, sizeof i->vocabulary);
}

static bool differ(const char *a, const char *b) {
    return *a && *b && strcmp(a, b) != 0;
}

rd_status rd_identity_check(const rd_identity *found, const rd_identity *expected) {
    if (differ(found->task, expected->task))
        return rd_error(RD_ERR_FORMAT, "made for the task %s, not %s", found->task, expected->task);
    if (differ(found->source_lang, expected->source_lang) ||
        differ(found->target_lang, expected->target_lang))
        return rd_error(RD_ERR_FORMAT, "made for %s to %s, not %s to %s", found->source_lang,
                        found->target_lang, expected->source_lang, expected->target_lang);
    if (found->src_vocab != expected->src_vocab || found->tgt_vocab != expected->tgt_vocab)
        return rd_error(RD_ERR_FORMAT, "made with vocabularies of %d and %d pieces, not %d and %d",
                        (int)found->src_vocab, (int)found->tgt_vocab, (int)expected->src_vocab,
                        (int)expected->tgt_vocab);
    if (differ(found->vocabulary, expected->vocabulary))
        return rd_error(RD_ERR_FORMAT, "made with another vocabulary (%.12s..., not %.12s...)",
                        found->vocabulary, expected->vocabulary);
    if (found->prepend_bos != expected->prepend_bos)
        return rd_error(RD_ERR_FORMAT, "made with prepend-bos: %s, not %s",
                        found->prepend_bos ? "true" : "false",
                        expected->prepend_bos ? "true" : "false");
    return RD_OK;
}
