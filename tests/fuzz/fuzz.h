/* Shared code of the fuzz targets. Each target is one file with LLVMFuzzerTestOneInput, run by
 * libFuzzer where clang builds it (RD_FUZZ) and over its folder of corpus/ by replay.c in every
 * build. */
#ifndef RD_TESTS_FUZZ_H
#define RD_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "rdrop/status.h"
#include "rdrop/translator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes as a file in memory; the path stays valid, the content until the slot's next call. */
enum { FUZZ_SLOTS = 8 };
const char *fuzz_file(int slot, const void *bytes, size_t n);

/* For readers of folders: one that is removed at the end, with a vocabulary source.spm and
 * target.spm in it, and the bytes of a slot as a file of it, or none without bytes (NULL).
 * name: a constant. */
const char *fuzz_folder(void);
void fuzz_place(const char *name, int slot, const void *bytes, size_t n);

/* Imports that folder, and opens what was made: it must be a model. */
void fuzz_import(void);

/* A zip archive of stored files (APPNOTE.TXT): the files, then a directory of them, which _end
 * adds. */
typedef struct {
    rd_text files, directory;
    uint16_t n;
} fuzz_zip;
void fuzz_zip_add(fuzz_zip *zip, const char *name, size_t n_name, const char *bytes, size_t n);
void fuzz_zip_end(fuzz_zip *zip);
void fuzz_zip_free(fuzz_zip *zip);

/* A model of FUZZ_PIECES pieces with random weights, made at the first call. */
enum { FUZZ_PIECES = 35 };
const rd_translator *fuzz_translator(void);

/* Ends the program, for an answer that is wrong. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) fuzz_failed(__FILE__, __LINE__, #condition);                             \
    } while (0)
_Noreturn void fuzz_failed(const char *file, int line, const char *condition);

/* Cuts the input at each form feed, which no format here needs: part `index`, empty when there are
 * fewer. */
typedef struct {
    const char *bytes;
    size_t n;
} fuzz_part;
fuzz_part fuzz_cut(const uint8_t *data, size_t size, int index);

#endif
