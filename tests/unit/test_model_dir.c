/* Model directories: what is in them, what is refused, and that weights never come to lie beside a
 * vocabulary that is not theirs. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "model/transformer.h"
#include "io/output.h"
#include "recipe/model_dir.h"
#include "toy_directory.h"

static char root[] = "/tmp/rdrop-model-dir-XXXXXX";
static char first[64], second[64], target[64];
static int calls, kill_at;

/* The calls that put files in place and away, in front of the C library's. */
int rename(const char *from, const char *to) {
    if (++calls == kill_at) raise(SIGKILL);
    return (int)syscall(SYS_renameat2, -100, from, -100, to, 0);
}

int unlink(const char *path) {
    if (++calls == kill_at) raise(SIGKILL);
    return (int)syscall(SYS_unlinkat, -100, path, 0);
}

static void must(rd_status status) {
    if (status != RD_OK) fail_msg("%s", rd_last_error());
}

static void shell(const char *format, const char *a, const char *b) {
    char command[512];
    snprintf(command, sizeof command, format, a, b);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

/* Two models of one shape with vocabularies of one size, other pieces, and other weights. */
static int setup(void **state) {
    (void)state;
    static const char yaml[] = "arch: transformer-tiny\nencoder-embed-dim: 16\nlr: 0.25\n";
    if (!mkdtemp(root)) return -1;
    snprintf(first, sizeof first, "%s/first", root);
    snprintf(second, sizeof second, "%s/second", root);
    snprintf(target, sizeof target, "%s/target", root);
    toy_directory_make(first, yaml, 28, 0);
    toy_directory_make(second, yaml, 28, 0);
    /* An unknown field at the end is enough to be another vocabulary. */
    shell("printf '\\302\\076\\001x' >>'%s'/spm.model%s", second, "");
    rd_model_dir d;
    rd_model *model;
    must(rd_model_dir_read(&d, second));
    must(rd_model_dir_load(&d, &model));
    for (int64_t i = 0; i < model->parameters.total; i++) model->parameters.values[i] += 1.0f;
    must(rd_model_dir_save(second, d.recipe, NULL, RD_VOCABULARY_ANY, &model->parameters,
                           RD_WEIGHTS_FP32));
    rd_model_free(model);
    rd_model_dir_close(&d);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    shell("rm -rf '%s'%s", root, "");
    return 0;
}

/* The names of classes are part of a vocabulary, or all of it. */
static void labels_belong_to_the_vocabulary(void **state) {
    (void)state;
    char from[80], to[80], with[RD_SHA256_HEX], copied[RD_SHA256_HEX], without[RD_SHA256_HEX];
    rd_tokenizer *source, *target_side;
    snprintf(from, sizeof from, "%s/labelled", root);
    snprintf(to, sizeof to, "%s/copy", root);
    shell("mkdir '%s' '%s'", from, to);
    shell("cp '%s'/spm.model '%s'", first, from);
    must(rd_vocabularies_fingerprint(from, RD_VOCABULARY_ANY, without));
    shell("printf 'no\nyes\n' >'%s'/labels.txt%s", from, "");
    must(rd_vocabularies_fingerprint(from, RD_VOCABULARY_JOINT, with));
    assert_string_not_equal(with, without);
    must(rd_vocabularies_copy(from, to, RD_VOCABULARY_ANY));
    must(rd_vocabularies_fingerprint(to, RD_VOCABULARY_ANY, copied));
    assert_string_equal(copied, with);
    shell("rm '%s'/spm.model%s", from, "");
    assert_int_equal(rd_vocabularies_open(from, RD_VOCABULARY_ANY, &source, &target_side),
                     RD_ERR_FORMAT);
    must(rd_vocabularies_open(from, RD_VOCABULARY_LABELS, &source, &target_side));
    assert_null(source);
    must(rd_vocabularies_copy(from, to, RD_VOCABULARY_LABELS));
    must(rd_vocabularies_fingerprint(to, RD_VOCABULARY_ANY, copied));
    must(rd_vocabularies_fingerprint(from, RD_VOCABULARY_LABELS, with));
    assert_string_equal(copied, with); /* the copy's tokenizer gave way */
}

static void refused(const char *path, const char *message) {
    rd_model_dir d;
    assert_int_not_equal(rd_model_dir_open(&d, path), RD_OK);
    if (!strstr(rd_last_error(), message)) fail_msg("%s", rd_last_error());
    rd_model_dir_close(&d);
}

static void config_has_what_a_model_is(void **state) {
    (void)state;
    char path[96], *text;
    size_t n;
    snprintf(path, sizeof path, "%s/config.yaml", first);
    must(rd_read_file(path, 1 << 20, &text, &n));
    static const char *const there[] = {"task: \"translation\"\n", "\nencoder-embed-dim: 16\n",
                                        "\nbeam: 5\n", "\nvocabulary: \"", "\nsrc-vocab: 28\n"};
    static const char *const not_there[] = {
        "\nlr:", "\nmax-update:", "\nseed:", "\ntrainpref:", "\nreg-alpha:", "\nvocab-size"};
    for (size_t i = 0; i < sizeof there / sizeof *there; i++)
        if (!strstr(text, there[i])) fail_msg("no %s", there[i]);
    for (size_t i = 0; i < sizeof not_there / sizeof *not_there; i++)
        if (strstr(text, not_there[i])) fail_msg("%s", not_there[i]);
    free(text);
}

/* A config.yaml of before: a whole recipe, and no fingerprint. */
static void the_old_form_is_read(void **state) {
    (void)state;
    char path[96];
    rd_model_dir d, old;
    rd_identity identity, expected;
    must(rd_model_dir_open(&d, first));
    shell("rm -rf '%s'%s", target, "");
    shell("cp -r '%s' '%s'", first, target);
    snprintf(path, sizeof path, "%s/config.yaml", target);
    rd_text out = {0};
    must(rd_recipe_write(d.recipe, NULL, &out));
    must(rd_write_file(path, out.data, (size_t)out.length));
    rd_text_free(&out);
    shell("sed -i '/^vocabulary:/d; /^task:/d; s/^max-epoch: 0/max-epoch: 1/' '%s'%s", path, "");
    must(rd_model_dir_open(&old, target));
    assert_memory_equal(&d.recipe->model, &old.recipe->model, sizeof d.recipe->model);
    assert_string_equal(old.recipe->vocabulary, "");
    must(rd_model_dir_identity(&d, &expected));
    must(rd_model_dir_identity(&old, &identity));
    assert_memory_equal(&identity, &expected, sizeof identity);
    rd_model_dir_close(&old);
    rd_model_dir_close(&d);
}

static void mixtures_are_refused(void **state) {
    (void)state;
    shell("rm -rf '%s'%s", target, "");
    shell("cp -r '%s' '%s'", first, target);
    shell("cp '%s'/spm.model '%s'", second, target);
    refused(target, "target: its vocabulary (");
    shell("rm '%s'/spm.model%s", target, "");
    refused(target, "no vocabulary");
    refused("/nowhere", "/nowhere: no such model directory");
    refused(root, "no config.yaml");
    refused(TEST_DATA "/bert/bert", "rdrop-convert --import");
    char file[300];
    snprintf(file, sizeof file, "%s/config.yaml", second);
    refused(file, "config.yaml: not a directory");
}

/* Most of its float32 weights are gone. */
static void a_packed_model_is_not_saved(void **state) {
    (void)state;
    rd_model_dir d;
    rd_model *model = NULL;
    char path[512];
    must(rd_model_dir_open(&d, first));
    must(rd_model_dir_load_packed(&d, RD_PRECISION_FP32, &model));
    snprintf(path, sizeof path, "%s/saved.safetensors", second);
    assert_int_equal(rd_model_save(model, path), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "rd_model_load_packed"));
    assert_int_not_equal(access(path, F_OK), 0);
    rd_model_free(model);
    rd_model_dir_close(&d);
}

/* Weights of the same shape fit, but say whose they are. */
static void weights_of_another_model_are_refused(void **state) {
    (void)state;
    for (int int8 = 0; int8 < 2; int8++) {
        rd_model_dir d, other;
        rd_model *model = NULL;
        must(rd_model_dir_open(&d, second));
        must(rd_model_dir_load(&d, &model));
        shell("rm -rf '%s'%s", target, "");
        must(rd_model_dir_save(target, d.recipe, second, RD_VOCABULARY_JOINT, &model->parameters,
                               int8 ? RD_WEIGHTS_INT8 : RD_WEIGHTS_FP32));
        shell("cp '%s'/config.yaml '%s'", first, target);
        shell("cp '%s'/spm.model '%s'", first, target);
        must(rd_model_dir_open(&other, target));
        rd_model *none = NULL;
        assert_int_equal(rd_model_dir_load(&other, &none), RD_ERR_FORMAT);
        if (!strstr(rd_last_error(), "whose vocabulary is ")) fail_msg("%s", rd_last_error());
        assert_int_equal(rd_model_dir_load_packed(&other, RD_PRECISION_FP32, &none), RD_ERR_FORMAT);
        assert_int_equal(
            rd_model_dir_load_values(&other, &model->parameters, model->parameters.values),
            RD_ERR_FORMAT);
        rd_model_dir_close(&other);
        shell("cp '%s'/config.yaml '%s'", second, target);
        shell("cp '%s'/spm.model '%s'", second, target);
        shell("sed -i 's/^task: .*/task: denoising/' '%s'/config.yaml%s", target, "");
        must(rd_model_dir_open(&other, target));
        assert_int_equal(rd_model_dir_load(&other, &none), RD_ERR_FORMAT);
        if (!strstr(rd_last_error(), "of the task translation, not denoising"))
            fail_msg("%s", rd_last_error());
        rd_model_dir_close(&other);
        rd_model_free(model);
        rd_model_dir_close(&d);
    }
}

/* Older weights do not say. */
static void weights_of_nobody_are_read(void **state) {
    (void)state;
    rd_model_dir d;
    rd_model *model = NULL;
    shell("rm -rf '%s'%s", target, "");
    shell("cp -r '%s' '%s'", first, target);
    must(rd_model_dir_open(&d, target));
    must(rd_model_dir_load(&d, &model));
    char *path = rd_model_dir_weights_path(&d);
    must(rd_parameters_save(&model->parameters, model->parameters.values, NULL, path));
    rd_model_free(model);
    must(rd_model_dir_load(&d, &model));
    rd_model_free(model);
    free(path);
    rd_model_dir_close(&d);
}

static void save_second(void) {
    rd_model_dir d;
    rd_model *model;
    must(rd_model_dir_open(&d, second));
    must(rd_model_dir_load(&d, &model));
    calls = 0;
    rd_status status = rd_model_dir_save(target, d.recipe, second, RD_VOCABULARY_JOINT,
                                         &model->parameters, RD_WEIGHTS_FP32);
    _exit(status == RD_OK ? 0 : 1);
}

static bool same_weights(const char *a, const char *b) {
    char command[256];
    snprintf(command, sizeof command, "cmp -s %s/model.safetensors %s/model.safetensors", a, b);
    return system(command) == 0; /* NOLINT(cert-env33-c) */
}

/* Whatever opens has the weights that its vocabulary is of. */
static void killed_while_it_replaces_another_model(void **state) {
    (void)state;
    int status = 1;
    for (kill_at = 1; status != 0; kill_at++) {
        shell("rm -rf '%s'%s", target, "");
        shell("cp -r '%s' '%s'", first, target);
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) save_second();
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(status == 0 || WIFSIGNALED(status));
        rd_model_dir d, a;
        rd_model *model = NULL;
        must(rd_model_dir_open(&a, first));
        if (rd_model_dir_open(&d, target) == RD_OK && rd_model_dir_load(&d, &model) == RD_OK)
            assert_true(same_weights(
                target, strcmp(d.recipe->vocabulary, a.recipe->vocabulary) == 0 ? first : second));
        else
            assert_int_not_equal(status, 0);
        rd_model_free(model);
        rd_model_dir_close(&a);
        rd_model_dir_close(&d);
    }
    assert_true(kill_at > 4); /* removed weights, vocabulary, config, weights */
    kill_at = 0;
}

/* The identity that a dataset or shortlist must share with its model. */
static void test_identity(void **state) {
    (void)state;
    rd_model_dir d;
    rd_identity identity;
    must(rd_model_dir_read(&d, first));
    for (int32_t bos = 0; bos < 2; bos++) {
        d.recipe->model.prepend_bos = bos;
        d.recipe->model.tgt_vocab = 29;
        must(rd_model_dir_identity(&d, &identity));
        assert_int_equal(identity.prepend_bos, bos);
        assert_int_equal(identity.src_vocab, 28);
        assert_int_equal(identity.tgt_vocab, 29);
        assert_string_equal(identity.task, "translation");
        assert_int_equal(strlen(identity.vocabulary), 64);
    }
    rd_model_dir_close(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity),
        cmocka_unit_test(config_has_what_a_model_is),
        cmocka_unit_test(labels_belong_to_the_vocabulary),
        cmocka_unit_test(the_old_form_is_read),
        cmocka_unit_test(mixtures_are_refused),
        cmocka_unit_test(a_packed_model_is_not_saved),
        cmocka_unit_test(weights_of_another_model_are_refused),
        cmocka_unit_test(weights_of_nobody_are_read),
        cmocka_unit_test(killed_while_it_replaces_another_model),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
