"""Lines to compare tokenizers on: every script that this Python's Unicode knows, emoji and their sequences, runs
of whitespace, control characters, numbers, contractions, special pieces, and generated sentences; and lines of
gzipped files."""

import gzip
import unicodedata

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


def real_lines(rng, paths, n):
    """At most n lines of these texts."""
    found = [line.rstrip("\n") for path in paths for line in gzip.open(path, "rt", encoding="utf-8", newline="\n")]
    return rng.sample(found, min(n, len(found)))
