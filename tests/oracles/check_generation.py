"""Whether rdrop-translate searches with imported models as transformers' generate() does, whatever generation_config.json says.

    check_generation.py BIN_DIR MODELS [FIRST_SEED]

    check_generation.py --golden GOLDEN_DIR

The first makes so many MarianMT and BART models in turn, of random weights, with random search settings on top of the golden
vocabularies; imports each with BIN_DIR/rdrop-convert and compares lists of translations, and their scores, with
transformers'. Prints every setting under which lists differ. The second writes GOLDEN_DIR/generation.json: lists of the
golden models under settings that each have something of generation_config.json, for tests/unit/test_generation.c.
"""
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unicodedata

import torch
import transformers
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, BartConfig, BartForConditionalGeneration, MarianConfig
from transformers import MarianMTModel, MarianTokenizer

GOLDEN = pathlib.Path(__file__).parent.parent / "golden"
TEXTS = {"marian": ["the red dog runs", "the house is small", "dogs run over green hills", "a dog and a house",
                    "small hills are green"],
         "bart": ["A dog runs over the hill.", "Two men talk.", "the Green house, small and red", "12 people"]}


def settings_of(rng, vocab, eos, pad, bart):
    def ids(n):
        return rng.sample([i for i in range(4, vocab) if i not in (eos, pad)], n)

    s = dict(num_beams=rng.choice((1, 2, 3, 5)), early_stopping=rng.choice((True, False, "never")),
             length_penalty=rng.choice((1.0, 0.6, 1.5, -0.5)))
    if rng.random() < 0.5:
        s["max_length"] = rng.choice((4, 8, 15, 30))
    else:
        s["max_new_tokens"] = rng.choice((3, 9, 20))
    s["forced_eos_token_id"] = rng.choice((eos, eos, None))
    if bart:
        s["forced_bos_token_id"] = rng.choice((0, None))
    options = dict(
        min_length=lambda: rng.randint(0, 4), min_new_tokens=lambda: rng.randint(1, 3),
        repetition_penalty=lambda: rng.choice((0.7, 1.3, 2.0)), no_repeat_ngram_size=lambda: rng.randint(1, 3),
        encoder_repetition_penalty=lambda: rng.choice((0.6, 1.5)), encoder_no_repeat_ngram_size=lambda: rng.randint(1, 2),
        suppress_tokens=lambda: ids(vocab // 3), begin_suppress_tokens=lambda: ids(vocab // 3),
        sequence_bias=lambda: [[[i], rng.choice((-2.0, 3.0))] for i in ids(4)] + [[ids(2), 4.0] for _ in range(30)],
        exponential_decay_length_penalty=lambda: [rng.randint(0, 4), rng.choice((0.8, 1.2, 1.5))],
        renormalize_logits=lambda: True, eos_token_id=lambda: [eos] + ids(2))
    for key, make in options.items():
        if rng.random() < 0.22:
            s[key] = make()
    bad = [[pad]] + [ids(rng.randint(1, 2)) for _ in range(rng.choice((0, 0, 20)))]
    s["bad_words_ids"] = bad
    return s


def make(rng, seed, directory, bart):
    torch.manual_seed(seed)
    source = GOLDEN / ("bart" if bart else "marian/tied")
    for name in ("vocab.json", "merges.txt", "source.spm", "target.spm", "tokenizer_config.json"):
        if (source / name).exists():
            shutil.copy(source / name, directory)
    vocab, eos, pad, start = (701, 2, 1, 2) if bart else (57, 0, 56, 56)
    special = dict(pad_token_id=pad, eos_token_id=eos, bos_token_id=0, decoder_start_token_id=start,
                   forced_eos_token_id=None)
    shape = dict(d_model=16, encoder_attention_heads=2, decoder_attention_heads=2, encoder_layers=1, decoder_layers=1,
                 encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=64, vocab_size=vocab,
                 scale_embedding=True, **special)
    model = (BartForConditionalGeneration(BartConfig(**shape)) if bart else
             MarianMTModel(MarianConfig(decoder_vocab_size=vocab, activation_function="swish", **shape)))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0, 0.3) if parameter.dim() > 1 else parameter.add_(torch.randn_like(parameter) * 0.1)
        model.final_logits_bias.normal_(0, 0.5)
        model.final_logits_bias[0, eos] += rng.choice((0.0, 1.0, 2.0))
    model.save_pretrained(directory)
    settings = dict(decoder_start_token_id=start, eos_token_id=eos, pad_token_id=pad, bos_token_id=0)
    settings.update(settings_of(rng, vocab, eos, pad, bart))
    (directory / "generation_config.json").write_text(json.dumps(settings))
    return settings


def by_transformers(directory, bart, texts, n):
    if bart:
        tokenizer = AutoTokenizer.from_pretrained(directory)
    else:
        tokenizer = MarianTokenizer.from_pretrained(directory)
    model = AutoModelForSeq2SeqLM.from_pretrained(directory, attn_implementation="eager").eval()
    found = []
    for text in texts:
        ids = torch.tensor([tokenizer(text).input_ids])
        with torch.no_grad():
            out = model.generate(ids, num_return_sequences=n, return_dict_in_generate=True, output_scores=True)
        scores = out.sequences_scores.tolist() if "sequences_scores" in out else [None] * n
        found += [(tokenizer.decode(s, skip_special_tokens=True, clean_up_tokenization_spaces=False), score)
                  for s, score in zip(out.sequences, scores)]
    return found


def run(program, *arguments, text=None):
    return subprocess.run([program, *arguments], input=text, text=True, encoding="utf-8", stdout=subprocess.PIPE,
                          check=True).stdout


def lists_of(binaries, model, texts, n):
    lines = "".join(text + "\n" for text in texts)
    out = run(binaries / "rdrop-translate", "--model", model, "--precision", "fp32", "--n-best", str(n), text=lines)
    found = []
    for line in out.split("\n")[:-1]:
        _, _, rest = line.partition(" ||| ")
        text, _, score = rest.rpartition(" ||| ")
        found.append((text, float(score)))
    return found


def shown(text):
    """As rdrop-translate writes it, whose output has no control characters, and a line a translation."""
    spaced = text.translate({c: " " for c in (0, 9, 10, 13)})
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in spaced).split()


def same(wanted, got):
    if len(wanted) != len(got):
        return False
    plain, ours = ([(shown(t), s) for t, s in found] for found in (wanted, got))
    for (t, s), (u, v) in zip(plain, ours):
        if t != u or (s is not None and abs(s - v) > 2e-4 + 1e-4 * abs(s)):
            return False
    return True


def golden(folder):
    cases = []
    for seed in range(24):
        rng, bart = random.Random(1000 + seed), seed % 2 == 1
        name = "bart" if bart else "marian/tied"
        vocab, eos, pad, start = (701, 2, 1, 2) if bart else (57, 0, 56, 56)
        with tempfile.TemporaryDirectory() as work:
            directory = pathlib.Path(work) / "hf"
            shutil.copytree(folder / name, directory)
            settings = dict(decoder_start_token_id=start, eos_token_id=eos, pad_token_id=pad, bos_token_id=0)
            settings.update(settings_of(rng, vocab, eos, pad, bart))
            if "max_length" in settings:
                settings["max_length"] = min(settings["max_length"], 15)
            (directory / "generation_config.json").write_text(json.dumps(settings))
            texts, n = TEXTS["bart" if bart else "marian"][:2], settings["num_beams"]
            found = by_transformers(directory, bart, texts, n)
        cases.append(dict(model=name, settings=settings, texts=texts,
                          lists=[[dict(text=" ".join(shown(t)), score=s) for t, s in found[i * n:(i + 1) * n]]
                                 for i in range(len(texts))]))
    (folder / "generation.json").write_text(json.dumps(cases) + "\n")


def main():
    if sys.argv[1] == "--golden":
        transformers.logging.set_verbosity_error()
        return golden(pathlib.Path(sys.argv[2]))
    binaries, models = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    transformers.logging.set_verbosity_error()
    different = compared = 0
    for seed in range(first, first + models):
        rng, bart = random.Random(seed), seed % 2 == 1
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name)
            (directory / "hf").mkdir()
            settings = make(rng, seed, directory / "hf", bart)
            run(binaries / "rdrop-convert", "--import", directory / "hf", "--output", directory / "model")
            texts, n = TEXTS["bart" if bart else "marian"], settings["num_beams"]
            wanted = by_transformers(directory / "hf", bart, texts, n)
            got = lists_of(binaries, directory / "model", texts, n)
        compared += len(texts)
        for i, text in enumerate(texts):
            mine, theirs = got[i * n:(i + 1) * n], wanted[i * n:(i + 1) * n]
            if not same(theirs, mine):
                different += 1
                brief = {k: (v if len(str(v)) < 90 else "...") for k, v in settings.items()}
                print(f"seed {seed}: {text!r} {brief}\n  transformers {theirs}\n  rdrop        {mine}")
    print(f"{models} models: {different} of {compared} lists differ")


if __name__ == "__main__":
    main()
