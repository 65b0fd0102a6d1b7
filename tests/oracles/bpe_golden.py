"""Makes tests/golden/bpe/: a small byte-level BPE vocabulary in both forms Hugging Face writes, and
lines with the ids its tokenizers give. Needs the package tokenizers.

    python3 tests/oracles/bpe_golden.py            rewrites the golden files (a few hundred lines)
    python3 tests/oracles/bpe_golden.py DIR N FILE [TEXT.gz]...
                                                   N texts to FILE instead: "ids<TAB>hex of text" each, for
                                                   test_bpe's RDROP_BPE_LINES; half of them are of the files, one
                                                   to five lines each. DIR has the tokenizer.json, or the vocab.json
                                                   and merges.txt (GPT-2's, say), of RDROP_BPE_VOCAB

Lines are drawn from every script that both this Python's and ICU's Unicode know, emoji and their
sequences, runs of whitespace, control characters, numbers, contractions, and generated sentences.
"""

import json
import pathlib
import random
import sys

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, decoders, trainers

from tokenizer_lines import corpus, lines, real_lines

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "bpe"
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def train(rng):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=700, min_frequency=2, special_tokens=SPECIAL, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(corpus(rng, 2000) + lines(rng, 2000), trainer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return tokenizer


def save(tokenizer):
    GOLDEN.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(GOLDEN / "tokenizer.json"), pretty=False)
    model = json.loads(tokenizer.to_str())["model"]
    vocabulary = dict(model["vocab"], **{"<mask>": tokenizer.token_to_id("<mask>")})
    (GOLDEN / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    (GOLDEN / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))


def load(folder):
    if (folder / "tokenizer.json").exists():
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def write(tokenizer, rows, path):
    # A special piece's spelling is text here, as it is to rd_tokenizer_encode.
    tokenizer.encode_special_tokens = True
    with open(path, "w") as out:
        for row, encoding in zip(rows, tokenizer.encode_batch(rows)):
            assert tokenizer.decode(encoding.ids) == row
            out.write(" ".join(map(str, encoding.ids)) + "\t" + row.encode().hex() + "\n")


def decoded(tokenizer, rng, n):
    """What ids in any order decode to: cut characters, special pieces."""
    rows = [[rng.randrange(tokenizer.get_vocab_size()) if rng.random() < 0.3 else rng.randrange(4, 260)
             for _ in range(rng.randint(0, 12))] for _ in range(n)]
    return [{"ids": row, "hex": tokenizer.decode(row, skip_special_tokens=True).encode().hex()} for row in rows]


def main():
    rng = random.Random(1)
    if len(sys.argv) > 3:
        tokenizer, n = load(pathlib.Path(sys.argv[1])), int(sys.argv[2])
        real = real_lines(rng, sys.argv[4:], 3 * (n // 2))
        real = ["\n".join(real[i : i + rng.randint(1, 5)]) for i in range(0, len(real), 3)]
        write(tokenizer, real + lines(rng, n - len(real)), sys.argv[3])
        print(len(real), "texts are real")
        return
    tokenizer = train(rng)
    save(tokenizer)
    write(tokenizer, lines(rng, 400), GOLDEN / "lines.txt")
    (GOLDEN / "decoded.json").write_text(json.dumps(decoded(tokenizer, rng, 200)))


main()
