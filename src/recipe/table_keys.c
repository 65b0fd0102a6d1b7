/* Keys of tables: where sentences and answers are, of tasks that read some. */
#include <stddef.h>

#include "recipe/recipe_keys.h"

static const char *const formats[] = {"auto", "tsv", "csv", "jsonl", NULL}; /* rd_table_format */
static const char *const quotings[] = {"auto", "no", "yes", NULL};          /* rd_quoting */

/* clang-format off: one row a key reads as the table it is */
#define RD_AT(field) offsetof(rd_table_settings, field)
const rd_key rd_table_keys[] = {
    {"table-format", RD_KEY_ENUM, RD_AT(format), 0, 0, "auto", formats,
     .help =
         "form of tables; auto: by their names, .csv, .jsonl, else tsv, each with or without .gz"},
    {"table-format-unnamed", RD_KEY_ENUM, RD_AT(format_unnamed), 0, 0, "auto", formats,
     .help = "the same of tables without a name that tells, such as standard input, that a model "
             "reads; auto: as those it was trained on"},
    {"table-quoting", RD_KEY_ENUM, RD_AT(quoting), 0, 0, "auto", quotings,
     .help = "whether fields may be \"quoted\", with delimiters inside; auto: those of csv"},
    {"table-header", RD_KEY_BOOL, RD_AT(header), 0, 0, "true",
     .help = "the first row has the columns' names"},
    {"sentence1-column", RD_KEY_STRING, RD_AT(sentence1), 0, 0, "sentence1",
     .help = "name of the first sentence's column, or its number from 1"},
    {"sentence2-column", RD_KEY_STRING, RD_AT(sentence2), 0, 0, "",
     .help = "the second sentence's; empty: there is one sentence"},
    {"label-column", RD_KEY_STRING, RD_AT(label), 0, 0, "label",
     .help = "column of the class or the number"},
    {"labels", RD_KEY_STRING, RD_AT(labels), 0, 0, "", .separator = ",",
     .help = "names of the classes in their order, comma-separated; empty: those of the training "
             "tables, sorted"},
    {"regression-target", RD_KEY_BOOL, RD_AT(regression), 0, 0, "false",
     .help = "a number is to be predicted, not a class"},
    {"max-sequence-len", RD_KEY_INT32, RD_AT(longest), 3, 1e6, "512",
     .help = "tokens of an example, special ones included; of longer ones the longer sentence is "
             "cut first"},
    {.name = NULL}};
#undef RD_AT
/* clang-format on */
