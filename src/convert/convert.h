/* Models from elsewhere and for elsewhere. A model directory holds model.safetensors, config.yaml
 * and its vocabulary. Results appear only when they are whole; their place must be new or an empty
 * directory. */
#ifndef RD_CONVERT_CONVERT_H
#define RD_CONVERT_CONVERT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/text.h"

/* Makes the model directory `to` of a Hugging Face MarianMT directory: config.json,
 * model.safetensors or pytorch_model.bin or the shards of either, vocab.json, source.spm,
 * target.spm, and generation_config.json, tokenizer_config.json, target_vocab.json if they exist.
 * Or of a BART directory, whose vocabulary is vocab.json and merges.txt, or tokenizer.json.
 * warnings (may be NULL) receives a line for each setting that has no effect here. */
rd_status rd_import_hf(const char *from, const char *to, rd_text *warnings);

/* Makes the model directory `to` of a model of Marian itself: a directory with the decoder.yml that
 * names its .npz file and vocabularies, or that file, with MODEL.npz.decoder.yml or decoder.yml
 * next to it. The vocabularies are .yml files with source.spm and target.spm next to them, or .spm
 * files. Files that decoder.yml names are looked for in its own directory. The decoder's first
 * position, which has no embedding, becomes a pad that comes last in the vocabulary. Warnings as
 * above. */
rd_status rd_import_marian(const char *from, const char *to, rd_text *warnings);

/* Makes the model directory `to` of a Hugging Face BERT, RoBERTa or XLM-R directory, with its head
 * of classes, of one number, of masked tokens (of a model that was pre-trained), or none. The
 * vocabulary is vocab.txt, vocab.json and merges.txt, tokenizer.json, or sentencepiece.bpe.model.
 */
rd_status rd_import_bert(const char *from, const char *to, rd_text *warnings);

/* Makes the model directory `to` of a Hugging Face GPT-2 directory, a language model. */
rd_status rd_import_gpt2(const char *from, const char *to, rd_text *warnings);

/* Makes the model directory `to` of a vision transformer: a Hugging Face ViT or DeiT directory, a
 * directory with timm's config.json and names, or Google's .npz file, whose GELU is computed
 * exactly here, as PyTorch's programs do with these files. */
rd_status rd_import_vit(const char *from, const char *to, rd_text *warnings);
rd_status rd_is_vit(const char *from, bool *vit);

/* Makes the model directory `to` of a checkpoint of fairseq, a .pt file or a directory with
 * model.pt, checkpoint_best.pt or checkpoint_last.pt: of a transformer for translation, or of a
 * language model (transformer_lm), adaptive softmax included. Next to it are dict.LANG.txt of both
 * languages, or dict.txt; and, if text is not split yet, codes of subword-nmt or fastBPE (bpecodes,
 * code), or a SentencePiece model (sentencepiece.bpe.model). warnings as above. */
rd_status rd_import_fairseq(const char *from, const char *to, rd_text *warnings);

/* One of these, by what is there. */
rd_status rd_import(const char *from, const char *to, rd_text *warnings);

/* Makes a Hugging Face MarianMT directory `to` of the model directory `from`, with the same logits;
 * a BART directory of a model of BART's architecture. generation_config.json has the search
 * settings that transformers knows; warnings (may be NULL) receives a line for each other one.
 *
 * Marian's decoder starts with a pad that comes last in the vocabulary and has no embedding, and
 * CTranslate2 counts on that. So a model with another start gets such a pad as one more piece,
 * which its bias makes impossible, and the embedding of its real start is added to the decoder's
 * first position. Two vocabularies become one, as CTranslate2 needs: pieces in both have one id,
 * and those only in the source are impossible in the target. */
rd_status rd_export_hf(const char *from, const char *to, rd_text *warnings);

/* Makes a BERT, RoBERTa or XLM-R directory of a model of such an architecture. */
rd_status rd_export_bert(const char *from, const char *to);

/* Makes a GPT-2 directory of a language model of its architecture. */
rd_status rd_export_gpt2(const char *from, const char *to, rd_text *warnings);

/* Makes a Hugging Face ViT directory `to` of a vision transformer, with the same logits; a DeiT
 * directory of one with two class tokens. */
rd_status rd_export_vit(const char *from, const char *to, rd_text *warnings);

/* Exports to the format of the model's architecture; warnings as above. */
rd_status rd_export(const char *from, const char *to, rd_text *warnings);

/* Makes the model directory `to` of the model directory `from`, with matrices rounded to 8 bits: a
 * quarter of the size. Programs then compute in int8 by themselves. */
rd_status rd_quantize(const char *from, const char *to);

#endif
