/* Rows of a table, streamed: TSV, CSV or JSON lines, gzipped or not; only the requested columns of
 * each row. */
#ifndef RD_DATA_TABLE_H
#define RD_DATA_TABLE_H

#include <stdbool.h>

#include "base/error.h"
#include "data/corpus.h"

typedef enum {
    RD_TABLE_AUTO, /* by the name: .csv, .jsonl or .json, each with or without .gz; else tsv */
    RD_TABLE_TSV,
    RD_TABLE_CSV,
    RD_TABLE_JSONL /* an object a line, whose keys are the columns */
} rd_table_format;

/* Whether a field may be "quoted": then it may hold delimiters and line breaks, and "" is a quote.
 */
typedef enum { RD_QUOTING_AUTO /* CSV yes, TSV no */, RD_QUOTING_NO, RD_QUOTING_YES } rd_quoting;

enum { RD_MOST_COLUMNS = 4 };

typedef struct {
    rd_table_format format;
    rd_quoting quoting;
    bool whole_lines; /* a row is one column, whatever is in it */
    bool header;      /* the first row has the columns' names; of no meaning in JSON lines */
    int n_columns;
    const char *columns[RD_MOST_COLUMNS];  /* their names, or numbers from 1 */
    const char *settings[RD_MOST_COLUMNS]; /* what asked for each: "label-column", for messages */
    rd_utf8_policy policy;
} rd_table_config;

typedef struct {
    const char *text; /* NUL-terminated; it may also contain NUL bytes */
    size_t length;
} rd_field;

bool rd_field_is_blank(const rd_field *field); /* empty, or white space alone */

typedef struct rd_table rd_table;

/* The format by the file's name, with or without .gz; RD_TABLE_AUTO: unknown, read as TSV. */
rd_table_format rd_table_format_of(const char *path);

/* Opens it and reads the header. path "-" reads standard input. A column that is not there is
 * RD_ERR_FORMAT, which names those that are. Everything that config points to must last. A byte
 * order mark at the start is not part of the table. */
rd_status rd_table_open(rd_table **table, const char *path, const rd_table_config *config);
void rd_table_close(rd_table *table);                /* NULL is fine */
void rd_table_stop_by(rd_table *table, int stop_fd); /* as rd_byte_source_stop_by */

/* The next row's fields, [n_columns] in the order they were asked for, valid until the next call;
 * *row = NULL at the end. A row with more or fewer columns than the first one is RD_ERR_FORMAT,
 * and so is an empty line, except at the end or where a row is one column. JSON's null is an empty
 * field. */
rd_status rd_table_next(rd_table *table, const rd_field **row);

/* Whether the next row begins with a line that is already read, so asking for it does not wait,
 * unless a quoted field continues on the next line. */
bool rd_table_has_row(const rd_table *table);

/* As rd_corpus_was_repaired. */
bool rd_table_was_repaired(const rd_table *table, char message[static RD_CORPUS_MESSAGE]);

const char *rd_table_path(const rd_table *table);
int64_t rd_table_line(const rd_table *table); /* where the row last returned begins; from 1 */

#endif
