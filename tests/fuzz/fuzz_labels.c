/* Names of classes: a labels.txt, a list with commas, and a table whose column they are. Each list
 * that is accepted can be written, and reads back as the same. Parts: the file, the list, the
 * table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "data/binarize_table.h"
#include "data/labels.h"
#include "fuzz.h"

/* written: whether it is written and read back, too, which takes most of the time. */
static void check(const rd_labels *labels, bool written) {
    rd_labels back = {0};
    char list[200], path[128];
    if (labels->n == 0) return;
    for (int64_t i = 0; i < labels->n; i++) {
        FUZZ_CHECK(*labels->names[i] && !strchr(labels->names[i], '\n'));
        FUZZ_CHECK(rd_labels_find(labels, labels->names[i]) == i);
    }
    rd_labels_list(labels, list, sizeof list);
    FUZZ_CHECK(strlen(list) < sizeof list && rd_text_is_clean(list, strlen(list), false));
    if (!written) return;
    for (int64_t i = 0; i < labels->n; i++) { /* a file holds UTF-8, and no line ends with '\r' */
        const char *name = labels->names[i];
        size_t n = strlen(name);
        if (rd_utf8_invalid_at(name, n) >= 0 || name[n - 1] == '\r' ||
            (i == 0 && strncmp(name, "\xEF\xBB\xBF", 3) == 0))
            return;
    }
    snprintf(path, sizeof path, "%s/written", fuzz_folder());
    FUZZ_CHECK(rd_make_directories(path) == RD_OK);
    FUZZ_CHECK(rd_labels_write(labels, path) == RD_OK);
    if (rd_labels_read(&back, path) != RD_OK) fuzz_failed(__FILE__, __LINE__, rd_last_error());
    FUZZ_CHECK(back.n == labels->n);
    for (int64_t i = 0; i < back.n; i++) FUZZ_CHECK(!strcmp(back.names[i], labels->names[i]));
    rd_labels_free(&back);
}

static void judge(rd_labels *labels, rd_status status, bool written) {
    if (status == RD_OK)
        check(labels, written);
    else
        FUZZ_CHECK(*rd_last_error());
    rd_labels_free(labels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_part file = fuzz_cut(data, size, 0), list = fuzz_cut(data, size, 1);
    fuzz_part table = fuzz_cut(data, size, 2);
    const rd_table_config config = {.format = RD_TABLE_TSV,
                                    .n_columns = 1,
                                    .columns = {"1"},
                                    .settings = {"label-column"},
                                    .policy = RD_UTF8_STRICT};
    rd_labels labels = {0};
    fuzz_place("labels.txt", 0, file.bytes, file.n);
    judge(&labels, rd_labels_read(&labels, fuzz_folder()), size % 8 == 0);
    char *text = strndup(list.bytes, list.n);
    FUZZ_CHECK(text);
    judge(&labels, rd_labels_add_list(&labels, text), size % 8 == 0);
    free(text);
    const char *path = fuzz_file(1, table.bytes, table.n);
    judge(&labels, rd_collect_labels(&path, 1, &config, &labels), size % 8 == 0);
    return 0;
}
