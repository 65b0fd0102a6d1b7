/* rdrop-convert: models from elsewhere and for elsewhere. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "convert/convert.h"
#include "convert/info.h"
#include "tools/common/options.h"
#include "tools/common/start.h"

typedef struct {
    const char *import, *export, *quantized, *info, *type, *output;
} arguments;

static const char *const types[] = {"int8", NULL};

/* clang-format off: a row an option */
#define RD_AT(field) offsetof(arguments, field)
static const rd_key options[] = {
    {"import", RD_KEY_WORD, RD_AT(import), .value = "PATH",
     .help = "a Hugging Face MarianMT directory (OPUS-MT): config.json, model.safetensors or "
             "pytorch_model.bin or the shards of either, vocab.json, source.spm, target.spm; or a "
             "BART directory, with vocab.json and "
             "merges.txt or tokenizer.json; or a directory of BERT, RoBERTa or XLM-R, for "
             "rdrop-predict; of GPT-2, for rdrop-lm; of ViT or DeiT, one with timm's names, or "
             "Google's .npz file of a vision transformer; or a directory with a transformer of "
             "Marian itself: decoder.yml and the files that it names there, a .npz file and "
             "vocabularies that are .spm files or .yml files with source.spm and target.spm next "
             "to them; or that .npz file, with decoder.yml or FILE.decoder.yml next to it; or a "
             "checkpoint of fairseq (.pt, or a directory with model.pt or checkpoint_best.pt) of a "
             "transformer for translation or of transformer_lm, with dict.LANG.txt or dict.txt and "
             "bpecodes, code or sentencepiece.bpe.model next to it"},
    {"export", RD_KEY_WORD, RD_AT(export), .value = "DIR",
     .help = "a model directory, to become a MarianMT directory with the same logits, for "
             "transformers and CTranslate2; two vocabularies become one; a model of the "
             "architecture of BART, BERT, RoBERTa, GPT-2 or ViT becomes a directory of its kind"},
    {"quantize", RD_KEY_WORD, RD_AT(type), .names = types,
     .help = "round the matrices of the model directory --model, with a scale for each output: a "
             "quarter of the size. rdrop-translate then multiplies with int8 where the processor "
             "can"},
    {"model", RD_KEY_WORD, RD_AT(quantized), .value = "DIR", .help = "see --quantize"},
    {"output", RD_KEY_WORD, RD_AT(output), .value = "DIR",
     .help = "the directory to make; it may exist if it is empty"},
    {"info", RD_KEY_WORD, RD_AT(info), .value = "PATH",
     .help = "describe a model: sizes, vocabulary, types of the weights, settings that are not at "
             "their default, how training went (train.jsonl in it or above it). Headers alone are "
             "read. PATH: a directory as above, a model directory, one that rdrop-train saves to, "
             "or a .safetensors, .npz, .bin or .pt (PyTorch) or checkpoint_last file"},
    {.name = NULL}};
#undef RD_AT
/* clang-format on */

static const options_group groups[] = {{.heading = "Options", .keys = options}, {.heading = NULL}};
static const options_relation relations[] = {
    {"import", OPTIONS_EXCLUDES, "export"}, {"import", OPTIONS_EXCLUDES, "quantize"},
    {"import", OPTIONS_EXCLUDES, "info"},   {"export", OPTIONS_EXCLUDES, "quantize"},
    {"export", OPTIONS_EXCLUDES, "info"},   {"quantize", OPTIONS_EXCLUDES, "info"},
    {"info", OPTIONS_EXCLUDES, "output"},   {"quantize", OPTIONS_NEEDS, "model"},
    {"model", OPTIONS_NEEDS, "quantize"},   {.name = NULL}};
static const options_section sections[] = {{"Exit status", "0 done, 1 failed, 2 wrong usage."},
                                           {.heading = NULL}};
static const char *const synopsis[] = {
    "--import DIR|FILE --output DIR", "--export DIR --output DIR",
    "--quantize int8 --model DIR --output DIR", "--info DIR|FILE", NULL};
static const options_program program = {
    .name = "rdrop-convert",
    .summary = "models from elsewhere and for elsewhere",
    .synopsis = synopsis,
    .description = "Makes models of other programs models for these programs, and the other way "
                   "round.",
    .groups = groups,
    .relations = relations,
    .sections = sections};

static int finish(rd_status status) {
    return status == RD_OK ? 0 : options_fail(&program);
}

/* Prints which parts of a model had no place in the other form. */
static int convert(rd_status (*make)(const char *, const char *, rd_text *), const char *from,
                   const char *to) {
    rd_text warnings = {0};
    rd_status status = make(from, to, &warnings);
    if (status == RD_OK) options_warn_lines(&program, &warnings);
    rd_text_free(&warnings);
    return finish(status);
}

static int info(const char *path) {
    rd_text text = {0};
    rd_status status = rd_info(path, &text);
    int code = status == RD_OK ? options_print(&program, text.data) : finish(status);
    rd_text_free(&text);
    return code;
}

static int run(const arguments *a) {
    if (a->info) return info(a->info);
    if (!a->import && !a->export && !a->type)
        return options_usage(&program, "expected --import, --export, --quantize or --info");
    if (!a->output) return options_usage(&program, "expected --output DIR");
    if (a->import) return convert(rd_import, a->import, a->output);
    if (a->export) return convert(rd_export, a->export, a->output);
    return finish(rd_quantize(a->quantized, a->output));
}

int main(int argc, char **argv) {
    start_program();
    arguments a = {0};
    options_given given;
    int code = options_parse(&given, &program, &a, argc, argv);
    if (code < 0) code = run(&a);
    options_free(&given);
    return code;
}
