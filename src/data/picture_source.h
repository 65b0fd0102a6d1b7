/* Pictures with their labels, one after another, as the world keeps them:
 *   DIR                   a folder for each class, of JPEG and PNG files
 *   ARCHIVE.tar(.gz)[:PREFIX]  the same in an archive, below PREFIX
 *   FILE.tsv              lines "path, tab, label"; paths are relative to the file
 *   IMAGES-idx3-ubyte(.gz)     MNIST's format; the labels are in ...-labels-idx1-ubyte
 *   FILE.bin              the binary files of CIFAR-10 and CIFAR-100 (its fine labels), also as
 *                         members of an archive, PREFIX being what their names begin with */
#ifndef RD_DATA_PICTURE_SOURCE_H
#define RD_DATA_PICTURE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

typedef struct {
    rd_text name;    /* for messages: file or archive, and the place in it */
    rd_text label;   /* the name of a class, or its number where the format has numbers */
    bool numbered;   /* it has */
    rd_text bytes;   /* as rd_picture_decode takes them; empty if they were not wanted */
    rd_text problem; /* why this file cannot be read, when others can; empty: it can */
} rd_labelled_picture;

void rd_labelled_picture_free(rd_labelled_picture *picture);

typedef struct rd_picture_source rd_picture_source;

rd_status rd_picture_source_open(rd_picture_source **source, const char *path);
void rd_picture_source_close(rd_picture_source *source); /* NULL is fine */

/* The next one; *more false at the end. Always in the same order. Errors name the file. */
rd_status rd_picture_source_next(rd_picture_source *source, bool with_bytes,
                                 rd_labelled_picture *picture, bool *more);

#endif
