/* Models from elsewhere and for elsewhere. A model directory holds model.safetensors, config.yaml
 * and its vocabulary. Results appear only when they are whole; their place must be new or an empty
 * directory. */
#ifndef RD_CONVERT_CONVERT_H
#define RD_CONVERT_CONVERT_H

#include "base/error.h"
#include "base/text.h"

/* Makes the model directory `to` of a model from elsewhere, by what is there. warnings (may be
 * NULL) receives a line for each setting that has no effect here.
 *
 * A Hugging Face directory has config.json, and model.safetensors or pytorch_model.bin or the
 * shards of either; generation_config.json and tokenizer_config.json if they exist.
 * - MarianMT: vocab.json, source.spm, target.spm, and target_vocab.json if it exists.
 * - BART: vocab.json and merges.txt, or tokenizer.json.
 * - BERT, RoBERTa or XLM-R, with its head of classes, of one number, of masked tokens (of a model
 *   that was pre-trained), or none: vocab.txt, vocab.json and merges.txt, tokenizer.json, or
 *   sentencepiece.bpe.model.
 * - GPT-2, a language model.
 * - ViT or DeiT; or with timm's config.json and names. Also Google's .npz file, whose GELU is
 *   computed exactly here, as PyTorch's programs do with these files.
 *
 * A model of Marian itself: a directory with the decoder.yml that names its .npz file and
 * vocabularies, or that file, with MODEL.npz.decoder.yml or decoder.yml next to it. The
 * vocabularies are .yml files with source.spm and target.spm next to them, or .spm files. Files
 * that decoder.yml names are looked for in its own directory. The decoder's first position, which
 * has no embedding, becomes a pad that comes last in the vocabulary.
 *
 * A checkpoint of fairseq, a .pt file or a directory with model.pt, checkpoint_best.pt or
 * checkpoint_last.pt: of a transformer for translation, or of a language model (transformer_lm),
 * adaptive softmax included. Next to it are dict.LANG.txt of both languages, or dict.txt; and, if
 * text is not split yet, codes of subword-nmt or fastBPE (bpecodes, code), or a SentencePiece model
 * (sentencepiece.bpe.model). */
rd_status rd_import(const char *from, const char *to, rd_text *warnings);

/* Makes a Hugging Face directory `to` of the model directory `from`, with the same logits: of the
 * family that its architecture is (convert/export.h). generation_config.json has the search
 * settings that transformers knows; warnings (may be NULL) receives a line for each other one, and
 * for weights that are rounded to 8 bits. */
rd_status rd_export(const char *from, const char *to, rd_text *warnings);

/* Makes the model directory `to` of the model directory `from`, with matrices rounded to 8 bits: a
 * quarter of the size. Programs then compute in int8 by themselves. */
rd_status rd_quantize(const char *from, const char *to);

#endif
