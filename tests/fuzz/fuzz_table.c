/* Tables of all forms: a byte says which, the rest is the file. Rows have the columns that were
 * asked for, or the table is refused by name and line. */
#include <string.h>

#include "data/table.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    const char *path = fuzz_file(0, data + 1, size - 1);
    rd_table_config config = {.format = (rd_table_format)(1 + data[0] % 3),
                              .quoting = (rd_quoting)(data[0] / 4 % 3),
                              .header = data[0] & 64,
                              .whole_lines = data[0] & 128,
                              .n_columns = 2,
                              .columns = {"label", "2"},
                              .settings = {"label-column", "sentence1-column"},
                              .policy = RD_UTF8_REPAIR};
    if (!config.header) config.columns[0] = "1";
    rd_table *table;
    const rd_field *row;
    rd_status status = rd_table_open(&table, path, &config);
    if (status != RD_OK) return 0;
    while ((status = rd_table_next(table, &row)) == RD_OK && row)
        for (int i = 0; i < config.n_columns; i++) FUZZ_CHECK(row[i].text[row[i].length] == '\0');
    if (status != RD_OK) FUZZ_CHECK(strstr(rd_last_error(), "/proc/self/fd/"));
    rd_table_close(table);
    return 0;
}
