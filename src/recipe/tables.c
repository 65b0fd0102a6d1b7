#include "recipe/tables.h"

static void add_column(rd_table_config *config, const char *column, const char *setting) {
    config->settings[config->n_columns] = setting;
    config->columns[config->n_columns++] = column;
}

rd_table_config rd_table_columns(const rd_table_settings *s, bool with_answers) {
    rd_table_config config = {.format = s->format, .quoting = s->quoting, .header = s->header};
    if (with_answers) add_column(&config, s->label, "label-column");
    add_column(&config, s->sentence1, "sentence1-column");
    if (*s->sentence2) add_column(&config, s->sentence2, "sentence2-column");
    return config;
}

rd_status rd_table_reader(const rd_recipe *recipe, const rd_tokenizer *tokenizer,
                          rd_sentence_reader *reader) {
    int32_t longest = recipe->table.longest, most = recipe->model.max_source_positions;
    *reader =
        (rd_sentence_reader){.tokenizer = tokenizer, .longest = longest < most ? longest : most};
    return rd_pair_form_of(&reader->form, tokenizer);
}
