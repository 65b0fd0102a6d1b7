#include "tokenizers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rdrop/status.h"

static struct {
    char name[512];
    rd_metric_tokenizer *tokenizer;
} opened[32];
static int n_opened;

const rd_metric_tokenizer *tokenizer_of(const char *name) {
    for (int i = 0; i < n_opened; i++)
        if (strcmp(opened[i].name, name) == 0) return opened[i].tokenizer;
    assert_true(n_opened < 32 && strlen(name) < sizeof opened[0].name);
    strcpy(opened[n_opened].name, name);
    rd_status status = rd_metric_tokenizer_open(name, &opened[n_opened].tokenizer);
    if (status != RD_OK && status != RD_ERR_UNSUPPORTED) fail_msg("%s", rd_last_error());
    return opened[n_opened++].tokenizer;
}

int close_tokenizers(void **state) {
    (void)state;
    while (n_opened > 0) rd_metric_tokenizer_close(opened[--n_opened].tokenizer);
    return 0;
}
