/* The kinds of picture_source.h, one file each. */
#ifndef RD_DATA_PICTURE_SOURCE_KIND_H
#define RD_DATA_PICTURE_SOURCE_KIND_H

#include "data/picture_source.h"

typedef struct {
    /* close in any case. */
    rd_status (*open)(void **self, const char *path, const char *prefix);
    rd_status (*next)(void *self, bool with_bytes, rd_labelled_picture *picture, bool *more);
    void (*close)(void *self); /* NULL is fine */
} rd_picture_source_kind;

extern const rd_picture_source_kind rd_picture_folder, rd_picture_archive, rd_picture_list,
    rd_picture_idx, rd_picture_cifar;

/* picture->problem = the latest error, if it is this file's own; a lack of memory is not. */
rd_status rd_picture_problem(rd_labelled_picture *picture, rd_status status);

/* Bytes of one picture's file at most. */
enum { RD_LARGEST_PICTURE_FILE = 256 << 20 };

/* Record `number` of a CIFAR file that is already read: labels, then samples channel by channel.
 * n_labels 2: CIFAR-100, whose second label is used. */
enum { RD_CIFAR_SIDE = 32, RD_CIFAR_SAMPLES = 3 * RD_CIFAR_SIDE * RD_CIFAR_SIDE };
rd_status rd_cifar_picture(const char *path, int64_t number, const uint8_t *record, int n_labels,
                           bool with_bytes, rd_labelled_picture *picture);
/* 1 or 2 by the size of the file; RD_ERR_FORMAT if it is not a whole number of records. */
rd_status rd_cifar_labels(const char *path, int64_t size, int *n_labels);

/* The class of a file below `prefix`: the name of its folder. RD_ERR_FORMAT unless it is
 * "CLASS/FILE". */
rd_status rd_picture_class(const char *archive, const char *name, rd_text *label);

#endif
