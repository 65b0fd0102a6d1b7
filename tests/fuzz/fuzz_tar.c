/* Tar archives, gzipped or not: names stay inside, and so do sizes. */
#include <stdlib.h>
#include <string.h>

#include "data/tar.h"
#include "fuzz.h"

static rd_status read_all(rd_tar *tar) {
    rd_tar_member member;
    for (;;) {
        char first[16];
        RD_TRY(rd_tar_next(tar, &member));
        if (!member.name) return RD_OK;
        FUZZ_CHECK(member.size >= 0 && member.name[0] != '/' && !strstr(member.name, "/../"));
        size_t n = member.size < (int64_t)sizeof first ? (size_t)member.size : sizeof first;
        RD_TRY(rd_tar_read(tar, first, n));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rd_tar *tar;
    FUZZ_CHECK(rd_tar_open(&tar, fuzz_file(0, data, size)) == RD_OK);
    rd_status status = read_all(tar);
    FUZZ_CHECK(status == RD_OK || status == RD_ERR_FORMAT);
    rd_tar_close(tar);
    return 0;
}
