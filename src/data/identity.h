/* The task, languages and vocabulary that a file of ids belongs to. Ids mean nothing with another
 * vocabulary of the same size, so datasets and shortlists carry this, and are refused if it
 * differs. */
#ifndef RD_DATA_IDENTITY_H
#define RD_DATA_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sha256.h"

typedef struct {
    char task[32];                         /* "translation" */
    char source_lang[64], target_lang[64]; /* "": unknown */
    char vocabulary[72];                   /* rd_vocabularies_fingerprint; "": unknown */
    int32_t src_vocab, tgt_vocab;          /* pieces */
    int32_t prepend_bos;                   /* 1: both sides begin with bos */
    int32_t unused;                        /* 0; so that files have no padding */
} rd_identity;

/* Texts are copied; RD_ERR_ARGUMENT when one is too long. Numbers are zeros. */
rd_status rd_identity_make(rd_identity *identity, const char *task, const char *source_lang,
                           const char *target_lang, const char *vocabulary);

/* Whether all texts end; those of a damaged file might not. */
bool rd_identity_is_sound(const rd_identity *identity);

/* RD_ERR_FORMAT with both values of the first difference, but neither name: callers add theirs.
 * Fields that one side does not know are not compared. */
rd_status rd_identity_check(const rd_identity *found, const rd_identity *expected);

#endif
