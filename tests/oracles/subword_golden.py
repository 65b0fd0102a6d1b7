"""What subword-nmt makes of lines.

    subword_golden.py GOLDEN_DIR

writes GOLDEN_DIR/subword/cases.json: codes and lines, and how subword-nmt's segment() cuts each line. Codes are learned
from text, or drawn at random, so that a merge makes pairs that should have come before it.
"""
import io
import json
import pathlib
import random
import sys

from subword_nmt.apply_bpe import BPE
from subword_nmt.learn_bpe import learn_bpe

TEXT = ["the old dog sees the cat and the other dog", "der alte hund sieht die katze und den anderen hund",
        "zwei häuser an der straße", "l' homme et l' été à la mer"]
LINES = ["the dogs are there", " die  hunde ", "straßen-häuser", "été\tà côté", "x", "", "  ", "日本 語 the</w> </w> a</w>",
         "e\u0301te\u0301 \u00a0and", "unbekannt@@ @@ word", "aaaaaaa thththe", "\r the \r"]


def learned(n):
    out = io.StringIO()
    learn_bpe(io.StringIO("\n".join(TEXT * 3) + "\n"), out, n)
    return out.getvalue()


def drawn(seed, version):
    rng = random.Random(seed)
    symbols, codes = ["a", "b", "c"], []
    ends = [s + "</w>" for s in symbols] if version != "0.1" else ["</w>"]
    for _ in range(40):
        left = rng.choice(symbols)
        right = rng.choice(symbols + ends)
        codes.append((left, right))
        (ends if right.endswith("</w>") else symbols).append(left + right)
    rng.shuffle(codes)
    head = [] if version == "0.1" else [f"#version: {version}"]
    return "\n".join(head + [" ".join(c) for c in codes]) + "\n"


def main():
    rng = random.Random(5)
    words = [" ".join("".join(rng.choice("abc") for _ in range(rng.randint(1, 14))) for _ in range(6)) for _ in range(8)]
    with_text = learned(50)
    cases = [(with_text, LINES), (with_text.split("\n", 1)[1], LINES)]
    cases += [(drawn(seed, version), words) for seed in range(4) for version in ("0.1", "0.2")]
    found = []
    for codes, lines in cases:
        bpe = BPE(io.StringIO(codes))
        found.append({"codes": codes, "lines": [{"text": line, "pieces": bpe.segment(line)} for line in lines]})
    directory = pathlib.Path(sys.argv[1]) / "subword"
    directory.mkdir(exist_ok=True)
    (directory / "cases.json").write_text(json.dumps(found, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


main()
