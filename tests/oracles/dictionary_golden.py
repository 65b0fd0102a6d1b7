"""Prints the dict.txt that fairseq makes of gzipped or plain corpora, by its rules written anew (fairseq's
data/dictionary.py): words between white space, by falling count, ties by code points, padded to a multiple of 8.

    python3 tests/oracles/dictionary_golden.py THRESHOLD NWORDS TEXT[.gz]...
"""

import collections
import gzip
import re
import sys

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def words_of(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8", newline="\n") as text:
        for line in text:
            yield from re.sub(r"\s+", " ", line).strip().split()


def main():
    threshold, nwords = int(sys.argv[1]), int(sys.argv[2])
    counts = collections.Counter(word for path in sys.argv[3:] for word in words_of(path))
    for name in SPECIAL:
        counts.pop(name, None)
    counts = collections.Counter(dict(sorted(counts.items())))
    kept = [(w, n) for w, n in counts.most_common(nwords - len(SPECIAL) if nwords > 0 else None) if n >= threshold]
    made_up = 0
    while (len(SPECIAL) + len(kept)) % 8:
        kept.append((f"madeupword{made_up:04d}", 0))
        made_up += 1
    sys.stdout.write("".join(f"{word} {n}\n" for word, n in kept))


main()
