/* The one loop over an import's tensors. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "convert/import.h"
#include "model/transformer.h"

static const rd_tensor_file *file_of(const rd_importer *im, const char *name) {
    if (!im->file) return rd_tensor_set_find(&im->tensors, name);
    return rd_tensor_file_has(im->file, name) ? im->file : NULL;
}

bool rd_import_has(const rd_importer *im, const char *name) {
    return im->npz.path ? rd_npz_has(&im->npz, name) : file_of(im, name) != NULL;
}

rd_status rd_import_find(const rd_importer *im, const char *name, rd_stored_tensor *tensor) {
    if (im->npz.path) return rd_npz_find(&im->npz, name, tensor);
    const rd_tensor_file *file = file_of(im, name);
    return file ? rd_tensor_file_find(file, name, tensor)
                : rd_error(RD_ERR_FORMAT, "%s: tensor %s is missing", im->from, name);
}

const rd_place *rd_import_choose(const rd_importer *im, const rd_places *places) {
    for (int i = 0; i < places->n; i++)
        if (rd_import_has(im, places->items[i].name)) return &places->items[i];
    return NULL;
}

/* Of any rank: dimensions of 1 may come first, and the last ones may be columns together. Google's
 * arrays have their dimensions in other orders. */
static bool fits_flattened(const rd_importer *im, const rd_stored_tensor *tensor, int64_t rows,
                           int64_t columns) {
    int first = 0;
    while (first + 1 < tensor->rank && tensor->shape[first] == 1) first++;
    bool in_rows = rows == 1 || im->npz.path || (tensor->rank > 0 && tensor->shape[first] == rows);
    return in_rows && tensor->n == rows * (columns ? columns : 1);
}

static rd_status check_shape(const rd_importer *im, const rd_place *place,
                             const rd_stored_tensor *tensor, int64_t rows, int64_t columns) {
    int64_t theirs[2];
    rd_place_shape(place, rows, columns, theirs);
    if (im->layout->any_rank ? fits_flattened(im, tensor, theirs[0], theirs[1])
                             : rd_stored_tensor_fits(tensor, theirs[0], theirs[1]))
        return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: tensor %s has another shape than [%lld%s%.0lld], which %s",
                    tensor->path, place->name, (long long)theirs[0], theirs[1] ? ", " : "",
                    (long long)theirs[1], im->layout->reason);
}

static rd_status read_values(const rd_place *place, const rd_stored_tensor *tensor, int64_t rows,
                             int64_t columns, float *to) {
    if (place->layout == RD_LAYOUT_OURS && place->parts == 1)
        return rd_stored_tensor_read(tensor, to);
    float *theirs = rd_malloc((size_t)tensor->n, sizeof *theirs);
    if (!theirs) return RD_ERR_MEMORY;
    rd_status status = rd_stored_tensor_read(tensor, theirs);
    if (status == RD_OK) rd_place_copy(place, rows, columns, to, theirs, false);
    free(theirs);
    return status;
}

/* Checks that their tensor has the shape that ours, [rows, columns], needs, and notes that it is
 * used; with `to`, reads our part of it. */
static rd_status take(rd_importer *im, const rd_place *place, int64_t rows, int64_t columns,
                      float *to) {
    rd_stored_tensor tensor;
    char *bytes = NULL;
    int32_t id;
    RD_TRY(rd_import_find(im, place->name, &tensor));
    if (im->npz.path && to) RD_TRY(rd_npz_load(&im->npz, &tensor, &bytes));
    rd_status status = check_shape(im, place, &tensor, rows, columns);
    if (status == RD_OK)
        status = to ? read_values(place, &tensor, rows, columns, to)
                    : rd_string_add(&im->used, place->name, strlen(place->name), &id);
    free(bytes);
    return status;
}

static rd_status take_parameter(rd_importer *im, const rd_parameter *item, float *to) {
    rd_places places = im->layout->places_of(im, item->name);
    int64_t rows = item->shape[0], columns = item->shape[1];
    for (int i = 0; places.rows && i < places.n; i++)
        RD_TRY(take(im, &places.items[i], 1, columns, to ? to + i * columns : NULL));
    if (places.rows) return RD_OK;
    const rd_place *place = rd_import_choose(im, &places);
    if (place) return take(im, place, rows - places.missing, columns, to);
    if (places.optional) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: tensor %s is missing", im->from,
                    places.n > 0 ? places.items[0].name : item->name);
}

static bool is_spare(const rd_importer *im, const char *name) {
    for (const char *const *copy = im->layout->copies; copy && *copy; copy++)
        if (rd_ends_with(name, *copy)) return true;
    return im->layout->is_spare && im->layout->is_spare(im, name);
}

static rd_status add_unused(const rd_importer *im, const char *name, rd_string_table *unused) {
    int32_t id;
    size_t n = strlen(name);
    bool known = rd_string_find(&im->used, name, n) >= 0 || strcmp(name, "__metadata__") == 0;
    return known || is_spare(im, name) ? RD_OK : rd_string_add(unused, name, n, &id);
}

static rd_status list_unused(const rd_importer *im, rd_string_table *unused) {
    const rd_tensor_file *files = im->file ? im->file : im->tensors.files;
    for (int64_t f = 0; f < (im->file ? 1 : im->tensors.n); f++) {
        const char *name;
        json_t *value;
        json_object_foreach(files[f].header, name, value) RD_TRY(add_unused(im, name, unused));
    }
    for (int64_t i = 0; i < im->npz.n; i++) {
        char name[160]; /* longer ones have no place */
        snprintf(name, sizeof name, "%.*s", (int)strlen(im->npz.names[i]) - 4, im->npz.names[i]);
        RD_TRY(add_unused(im, name, unused));
    }
    return RD_OK;
}

static rd_status refuse_unused(const rd_importer *im) {
    rd_string_table unused = {0};
    char shown[128];
    rd_status status = list_unused(im, &unused);
    if (status == RD_OK && unused.n > 0) {
        rd_escape(shown, sizeof shown, rd_string_at(&unused, 0));
        status = rd_error(RD_ERR_UNSUPPORTED, "%s: tensor %s is no part of %s", im->from, shown,
                          im->layout->whole);
    }
    rd_string_table_free(&unused);
    return status;
}

rd_status rd_import_tensors(rd_importer *im) {
    rd_parameters *p = &im->parameters;
    RD_TRY(rd_model_register(p, &im->recipe->model));
    for (int64_t i = 0; i < p->n; i++) RD_TRY(take_parameter(im, &p->items[i], NULL));
    if (im->layout->whole) RD_TRY(refuse_unused(im));
    RD_TRY(rd_parameters_allocate(p));
    for (int64_t i = 0; i < p->n; i++)
        RD_TRY(take_parameter(im, &p->items[i], p->values + p->items[i].offset));
    return RD_OK;
}

/* ---- Warnings ---- */

/* A line if the tensor of values [n], called `name`, is also there as `copy`, and differs. */
static rd_status warn_of_copy(const rd_importer *im, const char *copy, const char *name,
                              const float *values, int64_t n) {
    rd_stored_tensor tensor;
    bool same = false;
    if (!rd_import_has(im, copy)) return RD_OK;
    RD_TRY(rd_import_find(im, copy, &tensor));
    if (tensor.n == n) {
        float *of_copy = rd_malloc((size_t)n, sizeof *of_copy);
        rd_status status = of_copy ? rd_stored_tensor_read(&tensor, of_copy) : RD_ERR_MEMORY;
        same = status == RD_OK && memcmp(of_copy, values, sizeof *values * (size_t)n) == 0;
        free(of_copy);
        if (status == RD_ERR_MEMORY) return status; /* of others: it is not the same */
    }
    if (same) return RD_OK;
    return rd_text_printf(im->warnings,
                          "tensor %s differs from %s, which config.json ties it to, and is not "
                          "read: transformers before version 5 do the same, later ones read it\n",
                          copy, name);
}

/* A tied tensor may be there under several of its names. */
static rd_status warn_of_copies(const rd_importer *im) {
    for (int64_t i = 0; i < im->parameters.n; i++) {
        const rd_parameter *item = &im->parameters.items[i];
        const rd_places places = im->layout->places_of(im, item->name);
        const rd_place *chosen = rd_import_choose(im, &places);
        int64_t n = (item->shape[0] - places.missing) * (item->shape[1] ? item->shape[1] : 1);
        for (const rd_place *p = places.items; chosen && p < places.items + places.n; p++)
            if (p != chosen && p->layout == RD_LAYOUT_OURS && p->parts == 1)
                RD_TRY(warn_of_copy(im, p->name, chosen->name, im->parameters.values + item->offset,
                                    n));
    }
    return RD_OK;
}

static rd_status warn_of_unused(const rd_importer *im, const rd_string_table *unused) {
    enum { SHOWN = 4 };
    if (unused->n == 0) return RD_OK;
    RD_TRY(rd_text_printf(im->warnings, "%lld tensor%s of no use here: ", (long long)unused->n,
                          unused->n == 1 ? " is" : "s are"));
    for (int32_t i = 0; i < unused->n && i < SHOWN; i++) {
        char shown[96];
        rd_escape(shown, sizeof shown, rd_string_at(unused, i));
        RD_TRY(rd_text_printf(im->warnings, "%s%s", i > 0 ? ", " : "", shown));
    }
    return rd_text_printf(im->warnings, "%s\n", unused->n > SHOWN ? ", ..." : "");
}

rd_status rd_import_warn(const rd_importer *im, bool copies) {
    rd_string_table unused = {0};
    if (!im->warnings) return RD_OK;
    if (copies) RD_TRY(warn_of_copies(im));
    rd_status status = list_unused(im, &unused);
    if (status == RD_OK) status = warn_of_unused(im, &unused);
    rd_string_table_free(&unused);
    return status;
}
