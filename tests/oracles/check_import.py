"""Whether rdrop-translate computes with imported MarianMT models what transformers does: random models of random shapes.

    check_import.py BIN_DIR MODELS [FIRST_SEED]

makes so many models, imports each with BIN_DIR/rdrop-convert, translates the sentences of marian_golden.py with both, and
scores transformers' translations; prints how many translations differ, and the largest difference of log P a token.
Models whose search does not end by itself are compared by log P alone.
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import torch
from transformers import GenerationConfig, MarianConfig, MarianMTModel, MarianTokenizer

from marian_golden import SENTENCES, randomize, sentencepieces, vocabulary

WORDS = ("the house houses is small red dog dogs runs run over green hill hills are and a".split(),
         "das haus häuser ist klein roter hund läuft über grün hügel sind und ein könig".split())
TEXTS = [text.replace("\t", " ") for text in SENTENCES]


def shape_of(rng):
    heads = [rng.choice((1, 2, 3, 4)) for _ in range(2)]
    width = heads[0] * heads[1] * rng.choice((2, 4, 6))
    tied = rng.choice(("all", "target", "none"))
    return dict(d_model=width, encoder_attention_heads=heads[0], decoder_attention_heads=heads[1],
                encoder_layers=rng.randint(1, 3), decoder_layers=rng.randint(1, 3),
                encoder_ffn_dim=rng.randint(5, 40), decoder_ffn_dim=rng.randint(5, 40),
                activation_function=rng.choice(("swish", "relu", "gelu")), scale_embedding=rng.random() < 0.7,
                share_encoder_decoder_embeddings=tied == "all", tie_word_embeddings=tied != "none")


def search_of(rng):
    greedy = dict(no_repeat_ngram_size=rng.choice((0, 2, 3)), renormalize_logits=rng.random() < 0.5)
    beams = rng.choice((1, 2, 4, 6))
    if beams == 1:
        return greedy
    return dict(num_beams=beams, length_penalty=rng.choice((1.0, 0.6, 1.5)),
                early_stopping=rng.choice((True, False, "never")), **greedy)


def make(rng, seed, directory):
    models = [sentencepieces(number, words, size) for number, words, size in ((1, WORDS[0], 50), (2, WORDS[1], 60))]
    shape = shape_of(rng)
    separate = not shape["share_encoder_decoder_embeddings"] and rng.random() < 0.5
    vocabs = [vocabulary(seed, model) for model in models] if separate else [vocabulary(seed, *models)]
    pad = max(map(len, vocabs)) - 1
    names = ["vocab.json", "target_vocab.json"][:len(vocabs)]
    for side, model in zip(("source", "target"), models):
        (directory / f"{side}.spm").write_bytes(model)
    for name, vocab in zip(names, vocabs):
        vocab["<pad>"] = pad
        (directory / name).write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    (directory / "tokenizer_config.json").write_text(json.dumps({"separate_vocabs": separate}))
    special = dict(pad_token_id=pad, eos_token_id=0, bos_token_id=0, decoder_start_token_id=pad, forced_eos_token_id=0)
    model = MarianMTModel(MarianConfig(vocab_size=pad + 1, decoder_vocab_size=pad + 1, max_position_embeddings=512,
                                       **special, **shape)).eval()
    randomize(model, seed)
    if rng.random() < 0.3:
        model.final_logits_bias.zero_()
    model.tie_weights()
    model.generation_config = GenerationConfig(max_length=30, bad_words_ids=[[pad]], **special, **search_of(rng))
    model.save_pretrained(directory)
    tokenizer = MarianTokenizer(**{"source_spm": str(directory / "source.spm"), "target_spm": str(directory / "target.spm"),
                                   "vocab": str(directory / "vocab.json")},
                                **(dict(target_vocab_file=str(directory / "target_vocab.json"), separate_vocabs=True)
                                   if separate else {}))
    return model, tokenizer


def by_transformers(model, tokenizer, text):
    """Translation, whether it ended by itself, log P of its tokens as the text is cut again, their number."""
    source = tokenizer(text, return_tensors="pt").input_ids
    with torch.no_grad():
        output = model.generate(source)[0].tolist()
        translation = tokenizer.decode(output, skip_special_tokens=True)
        target = tokenizer(text_target=translation, return_tensors="pt").input_ids
        start = torch.tensor([[model.config.decoder_start_token_id]])
        logits = model(input_ids=source, decoder_input_ids=torch.cat([start, target[:, :-1]], 1)).logits.double()
    log_prob = logits.log_softmax(-1).gather(2, target.unsqueeze(2)).sum().item()
    return translation, len(output) < 30, log_prob, target.shape[1]


def run(program, *arguments, text=None):
    return subprocess.run([program, *arguments], input=text, text=True, stdout=subprocess.PIPE, check=True).stdout


def main():
    binaries, models = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    compared = different = scored = 0
    largest = 0.0
    for seed in range(first, first + models):
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name)
            (directory / "hf").mkdir()
            model, tokenizer = make(random.Random(seed), seed, directory / "hf")
            run(binaries / "rdrop-convert", "--import", directory / "hf", "--output", directory / "model")
            wanted = [by_transformers(model, tokenizer, text) for text in TEXTS]
            lines = "".join(text + "\n" for text in TEXTS)
            found = run(binaries / "rdrop-translate", "--model", directory / "model", text=lines).split("\n")
            (directory / "reference").write_text("".join(translation + "\n" for translation, *_ in wanted))
            scores = run(binaries / "rdrop-translate", "--model", directory / "model", "--score",
                         directory / "reference", text=lines).split()
        for text, (translation, ended, log_prob, tokens), got, score in zip(TEXTS, wanted, found, scores):
            largest = max(largest, abs(float(score) - log_prob) / tokens)
            scored += 1
            if ended:
                compared += 1
                if got != translation:
                    different += 1
                    print(f"seed {seed}: {text!r}: {translation!r}, rdrop-translate {got!r}")
    print(f"{models} models: {different} of {compared} translations differ; of {scored} log P by at most "
          f"{largest:.2g} a token")


if __name__ == "__main__":
    main()
