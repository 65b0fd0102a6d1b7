/* Names of classes, in the order of their numbers. A folder of data or a model's directory has them
 * in labels.txt, one a line. */
#ifndef RD_DATA_LABELS_H
#define RD_DATA_LABELS_H

#include "base/names.h"

typedef rd_names rd_labels;

void rd_labels_free(rd_labels *labels);

/* The number of the class, -1 if no class has this name. */
int32_t rd_labels_find(const rd_labels *labels, const char *name);

/* Adds a class. RD_ERR_FORMAT for a name that is empty, already there, holds a control character,
 * or begins or ends with white space or a byte order mark, which files of answers would lose. */
rd_status rd_labels_add(rd_labels *labels, const char *name, size_t n);

/* Adds those of a list with commas between, blanks around names left out. */
rd_status rd_labels_add_list(rd_labels *labels, const char *list);

/* DIRECTORY/labels.txt. */
rd_status rd_labels_read(rd_labels *labels, const char *directory);
/* The same, which must be those of the list, in its order. An empty list allows any. */
rd_status rd_labels_read_as(rd_labels *labels, const char *directory, const char *list);
rd_status rd_labels_write(const rd_labels *labels, const char *directory);

/* The first class that is another one in the other list, or that one of them lacks; -1: none. */
int64_t rd_labels_difference(const rd_labels *a, const rd_labels *b);

/* The class of the highest score, of equal ones the first: [n] */
int32_t rd_best_label(const float *scores, int64_t n);

/* "a, b, c", cut to room, for messages. */
void rd_labels_list(const rd_labels *labels, char *list, size_t room);

#endif
