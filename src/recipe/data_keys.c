/* Keys of the data. */
#include <stddef.h>

#include "recipe/recipe_keys.h"

static const char *const vocab_types[] = {"unigram", "bpe", "words", "characters", NULL};
static const char *const normalizations[] = {"auto",     "identity",    "nfkc", "nfkc_cf",
                                             "nmt_nfkc", "nmt_nfkc_cf", NULL};

static const char *const break_modes[] = {"none", "complete", "eos", NULL}; /* rd_break_mode */
static const char *const line_ends[] = {"auto", "eos", "newline", NULL};    /* rd_line_end */

/* Ranges are as wide as the types and the mathematics allow: they catch slips, not tastes. */
/* clang-format off: one row a key reads as the table it is */
#define RD_AT(field) offsetof(rd_data_config, field)
const rd_key rd_data_keys[] = {
    {"source-lang", RD_KEY_STRING, RD_AT(source_lang), 0, 0, "", .effect = RD_EFFECT_MODEL,
     .help = "suffix of the source files"},
    {"target-lang", RD_KEY_STRING, RD_AT(target_lang), 0, 0, "", .effect = RD_EFFECT_MODEL,
     .help = "suffix of the target files"},
    {"trainpref", RD_KEY_STRING, RD_AT(trainpref), 0, 0, "", .separator = ",",
     .effect = RD_EFFECT_NONE,
     .help = "training corpora PREFIX.LANG(.gz), comma-separated, relative to the data directory"},
    {"validpref", RD_KEY_STRING, RD_AT(validpref), 0, 0, "", .separator = ",",
     .effect = RD_EFFECT_NONE, .help = "validation corpus"},
    {"testpref", RD_KEY_STRING, RD_AT(testpref), 0, 0, "", .separator = ",",
     .effect = RD_EFFECT_NONE, .help = "test sets, comma-separated"},
    {"class-names", RD_KEY_STRING, RD_AT(class_names), 0, 0, "", .separator = ",",
     .help =
         "classes of pictures in the order of their numbers, comma-separated; empty: the labels "
         "of the training data, sorted"},
    {"prepare", RD_KEY_STRING, RD_AT(prepare), 0, 0, "", .effect = RD_EFFECT_NONE,
     .help = "script that makes the corpora, relative to the file that names it"},
    {"vocab-from", RD_KEY_STRING, RD_AT(vocab_from), 0, 0, "", .effect = RD_EFFECT_NONE,
     .help = "folder of a vocabulary to use, not to train one (with finetune-from-model: that)"},
    {"vocab-type", RD_KEY_STRING, RD_AT(vocab_type), 0, 0, "unigram", vocab_types,
     .effect = RD_EFFECT_NONE,
     .help = "pieces of SentencePiece, or all words or characters of the training corpora, as in "
             "fairseq's dict.txt"},
    {"threshold", RD_KEY_INT64, RD_AT(threshold), 0, 1e15, "0",
     .help = "words, characters: those that come fewer times are unknown"},
    {"nwords", RD_KEY_INT32, RD_AT(n_words), 0, 1.6e7, "0",
     .help = "words, characters: the most frequent that are kept, with 4 special ones; 0: all"},
    {"vocab-size-src", RD_KEY_INT32, RD_AT(vocab_size_src), 8, 1e6, "8000",
     .effect = RD_EFFECT_NONE,
     .help = "source pieces of SentencePiece (vocab-size sets both sides)"},
    {"vocab-size-tgt", RD_KEY_INT32, RD_AT(vocab_size_tgt), 8, 1e6, "8000",
     .effect = RD_EFFECT_NONE, .help = "target pieces"},
    {"joined-dictionary", RD_KEY_BOOL, RD_AT(joined_dictionary), 0, 0, "false",
     .effect = RD_EFFECT_MODEL, .help = "one vocabulary for both sides"},
    {"character-coverage", RD_KEY_FLOAT, RD_AT(character_coverage), 0.98, 1, "1.0",
     .effect = RD_EFFECT_NONE, .help = "share of characters the vocabulary covers"},
    {"byte-fallback", RD_KEY_BOOL, RD_AT(byte_fallback), 0, 0, "false", .effect = RD_EFFECT_NONE,
     .help = "spell unknown characters as bytes"},
    {"normalization", RD_KEY_STRING, RD_AT(normalization), 0, 0, "auto", normalizations,
     .effect = RD_EFFECT_NONE,
     .help = "SentencePiece's rules before text is cut; auto: nmt_nfkc where the vocabulary is the "
             "source's alone, else identity, so that translations keep U+200C, 5º, ½ and "
             "full-width commas"},
    {"user-defined-symbols", RD_KEY_STRING, RD_AT(user_defined_symbols), 0, 0, "",
     .effect = RD_EFFECT_NONE,
     .help = "pieces that text is never cut within (tags, placeholders), comma-separated"},
    {"mask-piece", RD_KEY_BOOL, RD_AT(mask_piece), 0, 0, "false", .effect = RD_EFFECT_NONE,
     .help = "a piece <mask>, which mask needs"},
    {"vocab-sentences", RD_KEY_INT64, RD_AT(vocab_sentences), 0, 1e15, "0",
     .help = "lines sampled for the vocabulary, 101 or more; 0: all"},
    {"min-source-len", RD_KEY_INT32, RD_AT(min_source_len), 0, 1e6, "1",
     .help = "shortest source kept, in tokens"},
    {"max-source-len", RD_KEY_INT32, RD_AT(max_source_len), 1, 1e6, "250",
     .help = "longest source kept"},
    {"min-target-len", RD_KEY_INT32, RD_AT(min_target_len), 0, 1e6, "1",
     .help = "shortest target kept"},
    {"max-target-len", RD_KEY_INT32, RD_AT(max_target_len), 1, 1e6, "250",
     .help = "longest target kept"},
    {"truncate-source", RD_KEY_BOOL, RD_AT(truncate_source), 0, 0, "false",
     .help = "cut longer sources to max-source-len, in all sets, and keep them"},
    {"max-ratio", RD_KEY_FLOAT, RD_AT(max_ratio), 0, 1e6, "0",
     .help = "longest allowed ratio of the longer side to the shorter; 0: any"},
    {"sentencepiece-alpha", RD_KEY_FLOAT, RD_AT(sampling_alpha), 0, 10, "0",
     .help =
         "subword regularization: smoothing of the sampling of a unigram vocabulary; of bpe the "
         "share of merges left out for good (BPE dropout), of which 0.05 makes texts a fifth "
         "longer; 0: off; texts drawn longer than the model reads, or over 64 KiB, keep their "
         "best segmentation"},
    {"sentencepiece-nbest", RD_KEY_INT32, RD_AT(sampling_nbest), -1, 512, "-1",
     .help =
         "subword regularization of a unigram vocabulary: sample among the n best, 2 to 512; -1: "
         "all"},
    {"tokens-per-sample", RD_KEY_INT32, RD_AT(tokens_per_sample), 0, 1e6, "0",
     .help = "language models: tokens of a block; 0: as many as the model has positions"},
    {"sample-break-mode", RD_KEY_ENUM, RD_AT(break_mode), 0, 0, "none", break_modes,
     .help = "language models: a block has exactly tokens-per-sample tokens (none), whole lines of "
             "up to as many (complete), or one line (eos)"},
    {"line-end", RD_KEY_ENUM, RD_AT(line_end), 0, 0, "auto", line_ends,
     .help = "language models: a line ends with end of sentence (eos) or a newline; auto: a "
             "newline where the vocabulary has one (byte-level BPE, characters), else eos"},
    {.name = NULL}};
#undef RD_AT
/* clang-format on */
