/* A C face for the few things the project asks of SentencePiece (a C++ library). No exception
 * leaves it; failures come back as a message. */
#ifndef RD_SENTENCEPIECE_SHIM_H
#define RD_SENTENCEPIECE_SHIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct spm_processor spm_processor;

/* From the bytes of a model file. NULL on failure with a malloc'ed message in *error. */
spm_processor *spm_load(const char *bytes, size_t n, char **error);
void spm_free(spm_processor *processor);

/* Of a loaded model these do not fail. */
int32_t spm_size(const spm_processor *processor);
int32_t spm_pad(const spm_processor *processor);
int32_t spm_bos(const spm_processor *processor);
int32_t spm_eos(const spm_processor *processor);
int32_t spm_unk(const spm_processor *processor);
int32_t spm_mask(const spm_processor *processor); /* the piece "<mask>", or -1 */
const char *spm_piece(const spm_processor *processor, int32_t id);

/* Results are malloc'ed; 0 on success, else a malloc'ed message in *error. */
int spm_encode(const spm_processor *processor, const char *text, size_t n, int32_t **ids,
               size_t *n_ids, char **error);
int spm_decode(const spm_processor *processor, const int32_t *ids, size_t n, char **text,
               size_t *length, char **error);

/* The same by pieces instead of ids, for vocabularies that number them otherwise. A piece that the
 * model does not know is the text itself. visit() is called once a piece. */
typedef void (*spm_visit_piece)(void *self, const char *piece, size_t n);
int spm_encode_pieces(const spm_processor *processor, const char *text, size_t n,
                      spm_visit_piece visit, void *self, char **error);
int spm_decode_pieces(const spm_processor *processor, const char *const *pieces, size_t n,
                      char **text, size_t *length, char **error);

/* Pieces that spm_sample does not cut, ids: [n]. 1 without memory. */
int spm_set_symbols(spm_processor *processor, const int32_t *ids, size_t n);

/* Draws a segmentation. visit() is called once a piece, with its id and as spm_encode_pieces has
 * it. */
typedef void (*spm_visit_drawn)(void *self, int32_t id, const char *piece, size_t n);
int spm_sample(const spm_processor *processor, const char *text, size_t n, float alpha,
               int32_t nbest, uint32_t seed, spm_visit_drawn visit, void *self, char **error);

/* Trains a model with SentencePiece's own options ("vocab_size=6000 model_type=unigram ...") on
 * sentences that next() hands out: 1 with a sentence, 0 at the end, -1 on failure (training stops).
 * The model's bytes, malloc'ed, in *model. Where SentencePiece's own threads lack memory nobody can
 * be told by an error: no_memory(), if there is one, is called there, and is to end the process.
 * Where one of its own checks fails it ends the process, after a line on std::cerr: gave_up(), if
 * there is one, is called there with that line, and is to do so instead. */
typedef int (*spm_next_sentence)(void *source, const char **text, size_t *n);
typedef struct {
    void (*no_memory)(void);
    void (*gave_up)(const char *line);
} spm_endings;
int spm_train(const char *options, spm_next_sentence next, void *source, spm_endings endings,
              char **model, size_t *n, char **error);

#ifdef __cplusplus
}
#endif
#endif
