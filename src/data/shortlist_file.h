/* The file of a shortlist: a header, starts: [src_vocab + 2] int32, ids: [n_ids] int32. List i,
 * of source piece i, is ids[starts[i] .. starts[i + 1]); after them comes the list of the frequent
 * pieces. All little-endian. */
#ifndef RD_DATA_SHORTLIST_FILE_H
#define RD_DATA_SHORTLIST_FILE_H

#include <stdint.h>

#include "data/identity.h"

#define RD_SHORTLIST_MAGIC "RDSHORT2"

typedef struct {
    char magic[8];
    rd_identity identity; /* of the dataset it was made from */
    int32_t n_ids;
    uint32_t crc; /* of the fields above and all after the header */
} rd_shortlist_header;

#endif
