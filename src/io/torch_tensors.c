/* The tensors that a pickle of PyTorch describes. */
#include <string.h>

#include "base/text.h"
#include "io/torch_file.h"

/* Storages by type; those of newer types are untyped, and the tensor says its own. */
static const struct {
    const char *storage, *type, *dtype;
    size_t size;
} types[] = {{"FloatStorage", "float32", "F32", 4},      {"HalfStorage", "float16", "F16", 2},
             {"BFloat16Storage", "bfloat16", "BF16", 2}, {"DoubleStorage", "float64", "F64", 8},
             {"LongStorage", "int64", "I64", 8},         {"IntStorage", "int32", "I32", 4},
             {"ShortStorage", "int16", "I16", 2},        {"CharStorage", "int8", "I8", 1},
             {"ByteStorage", "uint8", "U8", 1},          {"BoolStorage", "bool", "BOOL", 1}};
enum { N_TYPES = sizeof types / sizeof *types };

/* Names that end in a dot are of packages. */
static const char *const others[] = {"collections.OrderedDict",
                                     "collections.defaultdict",
                                     "collections.Counter",
                                     "collections.deque",
                                     "argparse.Namespace",
                                     "_codecs.encode",
                                     "typing.Any",
                                     "pathlib.PosixPath",
                                     "pathlib.PurePosixPath",
                                     "torch.Size",
                                     "torch.device",
                                     "torch.Tensor",
                                     "torch._tensor._rebuild_from_type_v2",
                                     "torch.nn.parameter.Parameter",
                                     "numpy.dtype",
                                     "numpy.ndarray",
                                     "numpy.core.multiarray.scalar",
                                     "numpy.core.multiarray._reconstruct",
                                     "numpy._core.multiarray.scalar",
                                     "numpy._core.multiarray._reconstruct",
                                     "omegaconf.",
                                     "fairseq."};
/* Python 2's names, too, which protocol 2 uses. */
static const char *const builtins[] = {"object",  "dict", "list",    "set",   "frozenset",
                                       "tuple",   "int",  "long",    "bool",  "float",
                                       "complex", "str",  "unicode", "bytes", "bytearray"};
static const char REBUILD_PARAMETER[] = "torch._utils._rebuild_parameter",
                  REBUILD_TENSOR[] = "torch._utils._rebuild_tensor",
                  REBUILD_SUBCLASS[] = "torch._tensor._rebuild_from_type_v2";

/* The rest of a name in the package, NULL if it is in another. */
static const char *in_package(const char *name, const char *package) {
    size_t n = strlen(package);
    return strncmp(name, package, n) == 0 ? name + n : NULL;
}

static bool is_rebuild_tensor(const char *name) {
    const char *rest = in_package(name, REBUILD_TENSOR);
    return rest && (!*rest || strcmp(rest, "_v2") == 0);
}

bool rd_torch_knows(const char *name) {
    const char *rest;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (rd_ends_with(others[i], ".") ? in_package(name, others[i]) != NULL
                                         : strcmp(name, others[i]) == 0)
            return true;
    if ((rest = in_package(name, "builtins.")) || (rest = in_package(name, "__builtin__.")))
        for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
            if (strcmp(rest, builtins[i]) == 0) return true;
    if ((rest = in_package(name, "torch.cuda.")) || (rest = in_package(name, "torch.")))
        for (int i = 0; i < N_TYPES; i++)
            if (strcmp(rest, types[i].storage) == 0 || strcmp(rest, types[i].type) == 0)
                return true;
    if (is_rebuild_tensor(name)) return true;
    rest = in_package(name, REBUILD_PARAMETER);
    return rest && (!*rest || strcmp(rest, "_with_state") == 0);
}

static rd_status malformed(const rd_torch_tensor *t, const char *why) {
    return rd_error(RD_ERR_FORMAT, "%s: tensor %.100s %s", t->file->path, t->name, why);
}

/* ("storage", type, key, device, elements) and, in files without zip, None or (key, offset,
 * elements) of a part of it. */
static bool is_storage_id(const rd_pickle_value *id) {
    return id->kind == RD_PICKLE_TUPLE && id->n >= 5 && id->n <= 6 &&
           id->items[0]->kind == RD_PICKLE_TEXT && strcmp(id->items[0]->text, "storage") == 0 &&
           id->items[1]->kind == RD_PICKLE_NAME && id->items[2]->kind == RD_PICKLE_TEXT &&
           id->items[4]->kind == RD_PICKLE_INT && id->items[4]->integer >= 0 &&
           id->items[4]->integer <= INT64_MAX / 16;
}

/* -1: not a storage's type. */
static int type_of(const rd_pickle_value *id) {
    const char *type = strrchr(id->items[1]->text, '.') + 1;
    for (int i = 0; i < N_TYPES; i++)
        if (strcmp(type, types[i].storage) == 0) return i;
    return -1;
}

rd_status rd_torch_list_storages(rd_torch_file *file) {
    for (int64_t i = 0; i < file->pickle.n_persistent; i++) {
        const rd_pickle_value *id = file->pickle.persistent[i]->items[0];
        int type = is_storage_id(id) ? type_of(id) : -1;
        int32_t index;
        if (type < 0)
            return rd_error(RD_ERR_UNSUPPORTED,
                            "%s: refers to something outside its pickle that is no storage",
                            file->path);
        RD_TRY(rd_torch_storage_add(file, id->items[2], id->items[4]->integer, types[type].size,
                                    &index));
    }
    return RD_OK;
}

/* 0 where the tensor is in the whole of its storage. */
static rd_status read_view(rd_torch_tensor *t, const rd_pickle_value *id) {
    if (id->n < 6 || id->items[5]->kind == RD_PICKLE_NONE) return RD_OK;
    const rd_pickle_value *view = id->items[5];
    if (view->kind != RD_PICKLE_TUPLE || view->n != 3 || view->items[1]->kind != RD_PICKLE_INT ||
        view->items[1]->integer < 0 || view->items[1]->integer > INT64_MAX / 16)
        return malformed(t, "has no storage");
    t->offset = view->items[1]->integer;
    return RD_OK;
}

static rd_status read_storage(rd_torch_tensor *t, const rd_pickle_value *value) {
    if (value->kind != RD_PICKLE_PERSISTENT) return malformed(t, "has no storage");
    const rd_pickle_value *id = value->items[0];
    int type = type_of(id);
    t->dtype = types[type].dtype;
    t->element = types[type].size;
    t->storage = rd_string_find(&t->file->keys, id->items[2]->text, (size_t)id->items[2]->n);
    return read_view(t, id);
}

static rd_status read_sizes(rd_torch_tensor *t, const rd_pickle_value *shape,
                            const rd_pickle_value *strides) {
    if (rd_pickle_is(shape, "torch.Size") && shape->object->arguments->n == 1)
        shape = shape->object->arguments->items[0];
    if (shape->kind != RD_PICKLE_TUPLE || strides->kind != RD_PICKLE_TUPLE ||
        shape->n != strides->n || shape->n > INT32_MAX)
        return malformed(t, "has no shape");
    t->rank = (int32_t)shape->n;
    t->n = 1;
    for (int64_t i = 0; i < shape->n; i++) {
        const rd_pickle_value *size = shape->items[i], *stride = strides->items[i];
        if (size->kind != RD_PICKLE_INT || stride->kind != RD_PICKLE_INT || stride->integer < 0 ||
            !rd_shape_grow(&t->n, size->integer))
            return malformed(t, "has an impossible shape");
        if (i >= RD_TENSOR_RANK) continue;
        t->shape[i] = size->integer;
        t->strides[i] = stride->integer;
    }
    return RD_OK;
}

/* The last element, and with it all others, must lie in the storage. No tensor is larger than all
 * storages may be, although all of its elements may be one. */
static rd_status check_place(const rd_torch_tensor *t) {
    const rd_torch_storage *storage = &t->file->storages[t->storage];
    int64_t last = t->offset;
    if ((uint64_t)t->n > t->file->most / t->element) return malformed(t, "is larger than the file");
    for (int32_t i = 0; i < t->rank && t->n > 0; i++) {
        int64_t step;
        if (__builtin_mul_overflow(t->shape[i] - 1, t->strides[i], &step) ||
            __builtin_add_overflow(last, step, &last))
            return malformed(t, "has impossible strides");
    }
    bool inside = t->n == 0 || (uint64_t)last < storage->n_bytes / t->element;
    return inside ? RD_OK : malformed(t, "lies outside its storage");
}

/* The arguments of the call that makes a tensor: storage, offset, shape, strides. NULL: the value
 * is no tensor. A parameter is made of a tensor, a subclass by a call of the same functions. */
static const rd_pickle_value *tensor_arguments(const rd_pickle_value *value) {
    for (int depth = 0; depth < 64 && value->kind == RD_PICKLE_OBJECT; depth++) {
        const rd_pickle_value *arguments = value->object->arguments;
        const char *name = value->object->name;
        if (strcmp(name, REBUILD_SUBCLASS) == 0 && arguments->n >= 3 &&
            arguments->items[0]->kind == RD_PICKLE_NAME &&
            arguments->items[2]->kind == RD_PICKLE_TUPLE) {
            name = arguments->items[0]->text;
            arguments = arguments->items[2];
        }
        if (is_rebuild_tensor(name)) return arguments->n >= 4 ? arguments : NULL;
        if (!in_package(name, REBUILD_PARAMETER) || arguments->n < 1) return NULL;
        value = arguments->items[0];
    }
    return NULL;
}

static rd_status read_tensor(rd_torch_tensor *t, const rd_pickle_value *arguments) {
    const rd_pickle_value *offset = arguments->items[1];
    RD_TRY(read_storage(t, arguments->items[0]));
    if (offset->kind != RD_PICKLE_INT || offset->integer < 0 ||
        offset->integer > INT64_MAX / 16 - t->offset)
        return malformed(t, "has no offset");
    t->offset += offset->integer;
    RD_TRY(read_sizes(t, arguments->items[2], arguments->items[3]));
    if (t->rank <= RD_TENSOR_RANK) RD_TRY(check_place(t));
    t->file->storages[t->storage].uses++;
    return RD_OK;
}

/* A JSON object holds its keys, which are the tensors' names from then on. */
static rd_status add_tensor(rd_torch_file *file, const char *name, const rd_pickle_value *arguments,
                            json_t *header) {
    enum { COST = 256 }; /* of a place in the object and in the list, at most */
    RD_TRY(rd_pickle_charge(&file->pickle, COST + sizeof *file->tensors * 2 + strlen(name)));
    RD_TRY(rd_reserve(&file->tensors, &file->tensors_capacity, file->n_tensors + 1,
                      sizeof *file->tensors));
    rd_torch_tensor *t = &file->tensors[file->n_tensors];
    *t = (rd_torch_tensor){.file = file, .name = name};
    RD_TRY(read_tensor(t, arguments));
    if (json_object_set_new(header, name, json_integer(file->n_tensors++)) == 0) return RD_OK;
    return rd_error(RD_ERR_MEMORY, "%s: out of memory", file->path);
}

rd_status rd_torch_list_tensors(rd_torch_file *file, json_t *header) {
    const rd_pickle_value *model = rd_pickle_dict(rd_pickle_get(file->value, "model"));
    const rd_pickle_value *pairs = model ? model : rd_pickle_dict(file->value);
    for (int64_t i = 0; pairs && i < pairs->n; i += 2) {
        const rd_pickle_value *key = pairs->items[i];
        const rd_pickle_value *arguments = tensor_arguments(pairs->items[i + 1]);
        if (!arguments || key->kind != RD_PICKLE_TEXT) continue;
        if (strlen(key->text) != (size_t)key->n ||
            rd_utf8_invalid_at(key->text, (size_t)key->n) >= 0)
            return rd_error(RD_ERR_FORMAT, "%s: a tensor has a name that is not UTF-8", file->path);
        RD_TRY(add_tensor(file, key->text, arguments, header));
    }
    if (file->n_tensors > 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: no tensors by name (a state_dict) are in it", file->path);
}

rd_status rd_torch_file_find(const rd_torch_file *file, int64_t index, rd_stored_tensor *tensor) {
    const rd_torch_tensor *t = &file->tensors[index];
    if (t->rank > RD_TENSOR_RANK)
        return rd_error(RD_ERR_FORMAT, "%s: tensor %.100s has %d dimensions, expected at most %d",
                        file->path, t->name, (int)t->rank, RD_TENSOR_RANK);
    *tensor = (rd_stored_tensor){.path = file->path,
                                 .name = t->name,
                                 .dtype = t->dtype,
                                 .rank = t->rank,
                                 .n = t->n,
                                 .n_bytes = (size_t)t->n * t->element,
                                 .torch = t};
    memcpy(tensor->shape, t->shape, sizeof t->shape);
    return RD_OK;
}
