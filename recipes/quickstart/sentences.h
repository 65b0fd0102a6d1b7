/* The sentences of the quick-start corpus. */
#ifndef QUICKSTART_SENTENCES_H
#define QUICKSTART_SENTENCES_H

#include "quickstart/phrase.h"

typedef struct {
    qs_line en, de;
} qs_pair;

/* One random pair. The grammar gives an English sentence one German translation only. */
qs_pair qs_random_pair(rd_rng *rng);

/* The kinds of sentence, for qs_random_pair and for tests that want one kind. */
qs_pair qs_number_pair(rd_rng *rng);
qs_pair qs_age_pair(rd_rng *rng);
qs_pair qs_date_pair(rd_rng *rng);
qs_pair qs_clock_pair(rd_rng *rng);
qs_pair qs_price_pair(rd_rng *rng);
qs_pair qs_statement_pair(rd_rng *rng);
qs_pair qs_question_pair(rd_rng *rng);
qs_pair qs_subordinate_pair(rd_rng *rng);
qs_pair qs_quality_pair(rd_rng *rng);
qs_pair qs_request_pair(rd_rng *rng);
qs_pair qs_purpose_pair(rd_rng *rng);
qs_pair qs_talk_pair(rd_rng *rng);

#endif
