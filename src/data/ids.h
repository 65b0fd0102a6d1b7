/* Growing lists of ids. */
#ifndef RD_DATA_IDS_H
#define RD_DATA_IDS_H

#include "base/error.h"
#include "rdrop/tokenizer.h"

rd_status rd_ids_push(rd_ids *ids, int32_t id);
rd_status rd_ids_add(rd_ids *ids, const int32_t *items, int64_t n);
rd_status rd_ids_fill(rd_ids *ids, int32_t id, int64_t n); /* n times the same */

#endif
