/* The names of the classes of pictures. */
#ifndef RD_TOOLS_PREPROCESS_PICTURE_LABELS_H
#define RD_TOOLS_PREPROCESS_PICTURE_LABELS_H

#include "data/labels.h"
#include "data/picture_source.h"
#include "tools/preprocess/preprocess.h"

/* DATA/PREFIX; an absolute one as it is. */
rd_status picture_path(const preprocess_job *job, const char *prefix, char **path);

/* DEST/labels.txt: class-names, those of vocab-from, or those that trainpref's pictures have; and
 * prints that. */
rd_status make_picture_labels(const preprocess_job *job);

/* By its name; or by the number of the class that the format has, where the recipe says what the
 * names are of, and not just other pictures do. -1: none. */
int32_t class_of_picture(const preprocess_job *job, const rd_labels *labels,
                         const rd_labelled_picture *picture);

#endif
