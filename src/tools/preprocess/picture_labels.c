#include "tools/preprocess/picture_labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

/* The labels of pictures, as they are found. */
typedef struct {
    const preprocess_job *job;
    rd_labels labels;
    bool numbered; /* all are numbers by their format */
} collection;

rd_status picture_path(const preprocess_job *job, const char *prefix, char **path) {
    *path = prefix[0] == '/' ? rd_strdup(prefix) : rd_path_join(job->data, prefix);
    return *path ? RD_OK : RD_ERR_MEMORY;
}

static bool is_number(const char *label) {
    return *label && strspn(label, "0123456789") == strlen(label) && strlen(label) < 16;
}

static int64_t number_of(const char *digits) {
    return strtoll(digits, NULL, 10);
}

/* Folders' and lists' labels are names; those of MNIST's and CIFAR's files numbers, whose names
 * class-names may give. */
static rd_status collect(void *self, const char *prefix) {
    collection *p = self;
    char *path;
    rd_picture_source *source = NULL;
    rd_labelled_picture picture = {0};
    bool more = true;
    RD_TRY(picture_path(p->job, prefix, &path));
    rd_status status = rd_picture_source_open(&source, path);
    while (status == RD_OK && more) {
        status = rd_picture_source_next(source, false, &picture, &more);
        if (status == RD_OK && more) p->numbered = p->numbered && picture.numbered;
        if (status == RD_OK && more && rd_labels_find(&p->labels, picture.label.data) < 0) {
            status = rd_labels_add(&p->labels, picture.label.data, (size_t)picture.label.length);
            if (status != RD_OK) rd_error_prefix(status, "%s", picture.name.data);
        }
    }
    rd_labelled_picture_free(&picture);
    rd_picture_source_close(source);
    free(path);
    return status;
}

/* By number, "01" before "1" before "2". */
static int by_number(const void *a, const void *b) {
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    int64_t difference = number_of(x) - number_of(y);
    return difference ? (difference < 0 ? -1 : 1) : strcmp(x, y);
}

/* "10" comes after "9" where all are numbers. Where these are the format's, none is left out. */
static rd_status order_numbers(rd_labels *labels, bool numbered) {
    for (int64_t i = 0; i < labels->n; i++)
        if (!is_number(labels->names[i])) return RD_OK;
    if (labels->n == 0) return RD_OK;
    qsort(labels->names, (size_t)labels->n, sizeof *labels->names, by_number);
    if (!numbered) return RD_OK;
    int64_t largest = number_of(labels->names[labels->n - 1]);
    rd_labels_free(labels);
    for (int64_t i = 0; i <= largest; i++) {
        char name[24];
        snprintf(name, sizeof name, "%lld", (long long)i);
        RD_TRY(rd_labels_add(labels, name, strlen(name)));
    }
    return RD_OK;
}

static rd_status find_labels(collection *p) {
    const rd_data_config *d = &p->job->recipe->data;
    if (*d->class_names) {
        rd_status status = rd_labels_add_list(&p->labels, d->class_names);
        return status == RD_OK ? RD_OK : rd_error_prefix(status, "class-names");
    }
    p->numbered = true;
    RD_TRY(each_prefix(d->trainpref, collect, p));
    if (p->labels.n == 0)
        return rd_error(RD_ERR_FORMAT, "trainpref: no pictures in %s of %s", d->trainpref,
                        p->job->data);
    rd_names_sort(&p->labels);
    return order_numbers(&p->labels, p->numbered);
}

/* A key that finetune-from-model fills does not count: its classes are of other pictures. */
static bool takes_classes(const rd_recipe *recipe) {
    return rd_recipe_is_written(recipe, "vocab-from") && *recipe->data.vocab_from;
}

static rd_status choose_labels(collection *p) {
    const rd_data_config *d = &p->job->recipe->data;
    if (takes_classes(p->job->recipe)) {
        RD_TRY(rd_labels_read_as(&p->labels, d->vocab_from, d->class_names));
        printf("classes: %lld, those of %s\n", (long long)p->labels.n, d->vocab_from);
    } else {
        RD_TRY(find_labels(p));
        char list[120];
        rd_labels_list(&p->labels, list, sizeof list);
        printf("classes: %lld: %s\n", (long long)p->labels.n, list);
    }
    if (p->labels.n < 2)
        return rd_error(RD_ERR_FORMAT,
                        "%s: all pictures of trainpref are of one class, '%.60s'; a model needs at "
                        "least two to choose from",
                        p->job->recipe_path, p->labels.names[0]);
    return rd_labels_write(&p->labels, p->job->dest);
}

rd_status make_picture_labels(const preprocess_job *job) {
    collection p = {.job = job};
    rd_status status = choose_labels(&p);
    rd_labels_free(&p.labels);
    return status;
}

int32_t class_of_picture(const preprocess_job *job, const rd_labels *labels,
                         const rd_labelled_picture *picture) {
    bool by_number = *job->recipe->data.class_names || takes_classes(job->recipe);
    if (!picture->numbered || !by_number) return rd_labels_find(labels, picture->label.data);
    int64_t number = number_of(picture->label.data);
    return number < labels->n ? (int32_t)number : -1;
}
