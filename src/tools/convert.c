/* rdrop-convert: models from elsewhere and for elsewhere. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "convert/convert.h"
#include "convert/info.h"
#include "rdrop/status.h"
#include "tools/common/lost_file.h"

static const char help[] =
    "Usage: rdrop-convert --import DIR|FILE --output DIR\n"
    "       rdrop-convert --export DIR --output DIR\n"
    "       rdrop-convert --quantize int8 --model DIR --output DIR\n"
    "       rdrop-convert --info DIR|FILE\n"
    "Makes models of other programs models for rdrop-translate, and the other way round.\n"
    "      --import DIR   a Hugging Face MarianMT directory (OPUS-MT): config.json,\n"
    "                     model.safetensors or its shards, vocab.json, source.spm, target.spm;\n"
    "                     or a BART directory, with vocab.json and merges.txt or tokenizer.json;\n"
    "                     or a directory with a transformer of Marian itself: decoder.yml, and\n"
    "                     what it names there: a .npz file, and vocabularies that are .spm files\n"
    "                     or .yml files beside source.spm and target.spm\n"
    "      --import FILE  that .npz file, with decoder.yml or FILE.decoder.yml beside it\n"
    "      --export DIR   a model directory, to become a MarianMT directory with the same logits,\n"
    "                     for transformers and CTranslate2; two vocabularies become one;\n"
    "                     a model of BART's architecture becomes a BART directory\n"
    "      --quantize T   round the matrices of the model directory --model to T, int8, with a\n"
    "                     scale for each output: a quarter of the size. rdrop-translate then\n"
    "                     multiplies with int8 where the processor can\n"
    "      --output DIR   the directory to make; it may be there if it is empty\n"
    "      --info PATH    what a model is: sizes, vocabulary, types of the weights, settings that\n"
    "                     are not as by default, how training went (train.jsonl beside or above\n"
    "                     it). Headers alone are read. PATH: a directory as above, a model\n"
    "                     directory, one that rdrop-train saves to, or a .safetensors, .npz or\n"
    "                     checkpoint_last file\n"
    "  -h, --help         this text\n"
    "      --version      the version\n";

static int usage(const char *message) {
    fprintf(stderr, "rdrop-convert: %s; see rdrop-convert --help\n", message);
    return 2;
}

static int finish(rd_status status) {
    if (status == RD_OK) return 0;
    fprintf(stderr, "rdrop-convert: %s\n", rd_last_error());
    return 1;
}

/* Says what of a model had no place here. */
static int import_model(const char *from, const char *to) {
    rd_text warnings = {0};
    rd_status status = rd_import(from, to, &warnings);
    for (char *rest = warnings.data, *line; rest && (line = strsep(&rest, "\n"));)
        if (status == RD_OK && *line) fprintf(stderr, "rdrop-convert: warning: %s\n", line);
    rd_text_free(&warnings);
    return finish(status);
}

static int print(const char *text) {
    fputs(text, stdout);
    if (fflush(stdout) == 0) return 0;
    fputs("rdrop-convert: cannot write to standard output\n", stderr);
    return 1;
}

static int info(const char *path) {
    rd_text text = {0};
    rd_status status = rd_info(path, &text);
    int code = status == RD_OK ? print(text.data) : finish(status);
    rd_text_free(&text);
    return code;
}

int main(int argc, char **argv) {
    catch_lost_file();
    static const struct option options[] = {{"import", required_argument, NULL, 'i'},
                                            {"export", required_argument, NULL, 'e'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"quantize", required_argument, NULL, 'q'},
                                            {"model", required_argument, NULL, 'm'},
                                            {"info", required_argument, NULL, 'n'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {NULL, 0, NULL, 0}};
    const char *import = NULL, *export = NULL, *output = NULL, *described = NULL;
    const char *type = NULL, *model = NULL;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option == 'i') import = optarg;
        if (option == 'e') export = optarg;
        if (option == 'o') output = optarg;
        if (option == 'q') type = optarg;
        if (option == 'm') model = optarg;
        if (option == 'n') described = optarg;
        if (option == 'h') return print(help);
        if (option == 'v') return print("rdrop-convert " RD_VERSION "\n");
        if (option == '?') return usage("unknown option, or one without its value");
    }
    if (optind < argc) return usage("unexpected argument");
    if (!!import + !!export + !!type + !!described != 1)
        return usage("expected one of --import, --export, --quantize and --info");
    if (type && strcmp(type, "int8") != 0) return usage("--quantize takes int8");
    if (!type != !model) return usage("--quantize and --model go together");
    if (described) return output ? usage("--info makes no --output") : info(described);
    if (!output) return usage("--output DIR is missing");
    if (import) return import_model(import, output);
    return finish(export ? rd_export_hf(export, output) : rd_quantize(model, output));
}
