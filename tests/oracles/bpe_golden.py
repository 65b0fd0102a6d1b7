"""Makes tests/golden/bpe/: a small byte-level BPE vocabulary in both forms Hugging Face writes, and
lines with the ids its tokenizers give. Needs the package tokenizers.

    python3 tests/oracles/bpe_golden.py            rewrites the golden files (a few hundred lines)
    python3 tests/oracles/bpe_golden.py N FILE [TEXT.gz]...
                                                   N lines to FILE instead: "ids<TAB>hex of text" each, for
                                                   test_bpe's RDROP_BPE_LINES; half of them are of the texts

Lines are drawn from every script that both this Python's and ICU's Unicode know, emoji and their
sequences, runs of whitespace, control characters, numbers, contractions, and generated sentences.
"""

import gzip
import json
import pathlib
import random
import sys
import unicodedata

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, decoders, trainers

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "bpe"
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
WORDS = (
    "the a of and in to was with model network translation summary paper learning we show that results "
    "don't we'll it's they've I'm you'd she's über straße naïve café größe 東京 翻訳 москва слово кошка "
    "שלום مرحبا नमस्ते สวัสดี 안녕하세요 ελληνικά 2026 3.14 1,000 x² ½ ٣٤ ४५"
).split()
EMOJI = ["😀", "👩‍👩‍👧", "🇩🇪", "👍🏽", "❤️", "☃", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]
SPACES = [" ", "  ", "   ", "\t", "\n", "\r", "\v", "\f", "\x1c", "\x1f", "\x85", "\xa0", "\u1680", "\u2003",
          "\u2028", "\u202f", "\u3000", "\u200b", "\ufeff", "\u180e"]


def blocks():
    """Assigned characters in runs of 64: neighbours are mostly of one script."""
    runs = []
    for start in range(0, 0x110000, 64):
        run = [chr(c) for c in range(start, start + 64)
               if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) != "Cn"]
        if run and unicodedata.category(run[0]) != "Co":
            runs.append(run)
    return runs


def corpus(rng, n):
    return [" ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 12))) for _ in range(n)]


def lines(rng, n):
    runs = blocks()

    def part():
        kind = rng.randrange(10)
        if kind < 3:
            return rng.choice(WORDS)
        if kind == 3:
            return "".join(rng.choice(SPACES) for _ in range(rng.randint(1, 6)))
        if kind == 4:
            return rng.choice(EMOJI)
        if kind == 5:
            return chr(rng.choice([*range(32), 127, *range(128, 160)]))
        if kind == 6:
            return "".join(rng.choice("'sStreRveml d'") for _ in range(rng.randint(1, 8)))
        if kind == 7:
            return rng.choice(["<s>", "</s>", "<mask>", "<pad>", "Ġ", "Ċ", "ł"])
        run = rng.choice(runs)
        return "".join(rng.choice(run) for _ in range(rng.randint(1, 12)))

    out = ["", " ", "  ", "\n", "a", " a", "a ", "'s", "'S", " 's", "x's", "''s", "a" * 300, "ab" * 200, "\0"]
    out += corpus(rng, n // 3)
    while len(out) < n:
        out.append("".join(part() + rng.choice(["", " "]) for _ in range(rng.randint(1, 10))))
    return out[:n]


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
    if len(sys.argv) > 2:
        tokenizer = Tokenizer.from_file(str(GOLDEN / "tokenizer.json"))
        n = int(sys.argv[1])
        real = [line.rstrip("\n") for path in sys.argv[3:] for line in gzip.open(path, "rt", encoding="utf-8", newline="\n")]
        real = rng.sample(real, min(n // 2, len(real)))
        write(tokenizer, real + lines(rng, n - len(real)), sys.argv[2])
        print(len(real), "lines are real")
        return
    tokenizer = train(rng)
    save(tokenizer)
    write(tokenizer, lines(rng, 400), GOLDEN / "lines.txt")
    (GOLDEN / "decoded.json").write_text(json.dumps(decoded(tokenizer, rng, 200)))


main()
