"""Makes tests/golden/wordpiece/: a small WordPiece vocabulary (vocab.txt, and tokenizer.json of the one that lowers
case), lines with the ids that Hugging Face's tokenizers give, what ids decode to, and pairs of sentences cut to a
length. Needs the packages tokenizers and transformers.

    python3 tests/oracles/wordpiece_golden.py            rewrites the golden files
    python3 tests/oracles/wordpiece_golden.py VOCAB.TXT cased|uncased N FILE [TEXT.gz]...
                                                   N lines to FILE instead: "ids<TAB>hex of text" each, for test_wordpiece's
                                                   RDROP_WORDPIECE_LINES; half of them are of the texts
"""

import json
import pathlib
import random
import sys

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import BertTokenizerFast, RobertaTokenizerFast

from tokenizer_lines import corpus, lines, real_lines

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "wordpiece"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
EXTRA = [
    "Héllo, İstanbul don't U.S.A. $3.50", "ﬁne", "½ ² ™ é", "x" * 100, "x" * 101, "ab\u00adcd\u200bef", "a\u0301\u0323b",
    "\u1100\u1161\u11a8 각", "漢字かな交じり文 \uf900\U0002f800", "[MASK] [CLS] ##ing", "Σίσυφος ΟΔΟΣ", "ǅ ŉ ẞ ß ﬀ",
    "e\u302e\U0001d165e \u302e\U0001d165\u0301", "\u1734a \u1885 a\ua9bda x\U000111c9x x\u166dx", "a\ufffdb\0c", "\U00011938a",
    "\U0002b91f\U0002b920\U0002b820", "a\u2028b\u2029c\u0085d\u00a0e\u3000f", "\ufeffa", "I\u0307 \u0130", "\u037e \u1fef \u2000a",
]


def uncased_vocabulary(rng):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    text = corpus(rng, 2000) + lines(rng, 1500)
    text += [line.lower() for line in text] + EXTRA * 3
    text += [tokenizer.normalizer.normalize_str(normalizers.BertNormalizer().normalize_str(line)) for line in text]
    trainer = trainers.WordPieceTrainer(vocab_size=1500, limit_alphabet=700, min_frequency=2, special_tokens=SPECIAL,
                                        show_progress=False)
    tokenizer.train_from_iterator(text, trainer)
    names = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return [name for name, _ in names]


def bert(vocab, cased):
    return BertTokenizerFast(vocab={name: i for i, name in enumerate(vocab)}, do_lower_case=not cased)


def write(tokenizer, rows, path):
    # A special piece's spelling is text here, as it is to rd_tokenizer_encode.
    backend = tokenizer.backend_tokenizer
    backend.encode_special_tokens = True
    with open(path, "w") as out:
        for row, encoding in zip(rows, backend.encode_batch(rows, add_special_tokens=False)):
            out.write(" ".join(map(str, encoding.ids)) + "\t" + row.encode().hex() + "\n")


def decoded(tokenizer, rng, n):
    rows = [[rng.randrange(len(tokenizer)) if rng.random() < 0.7 else tokenizer.convert_tokens_to_ids(rng.choice(".,!?'s"))
             for _ in range(rng.randint(0, 12))] for _ in range(n)]
    return [{"ids": row, "text": tokenizer.decode(row, skip_special_tokens=True)} for row in rows]


def pairs(tokenizer, form, word, separators, rng, n):
    """word: two, each one piece, which sentences are made of in turn."""
    cases = []
    for _ in range(n):
        first, second = rng.randint(0, 12), rng.choice([None, rng.randint(1, 12)])
        special = 2 if second is None else 2 + separators
        longest = rng.randint(special, 26)
        text = [None if k is None else "".join(word[i % 2] for i in range(k)) for k in (first, second)]
        made = tokenizer(*text, truncation="longest_first", max_length=longest, return_token_type_ids=True)
        plain = [None if t is None else tokenizer(t, add_special_tokens=False)["input_ids"] for t in text]
        assert len(plain[0]) == first and (second is None or len(plain[1]) == second), (plain, first, second)
        cases.append({"form": form, "first": plain[0], "second": plain[1], "longest": longest, "ids": made["input_ids"],
                      "segments": made["token_type_ids"]})
    return cases


def main():
    rng = random.Random(1)
    if len(sys.argv) > 4:
        vocab = open(sys.argv[1], encoding="utf-8").read().split("\n")[:-1]
        n = int(sys.argv[3])
        real = real_lines(rng, sys.argv[5:], n // 2)
        write(bert(vocab, sys.argv[2] == "cased"), real + EXTRA + lines(rng, n - len(real) - len(EXTRA)), sys.argv[4])
        print(len(real), "lines are real")
        return
    GOLDEN.mkdir(parents=True, exist_ok=True)
    vocab = uncased_vocabulary(rng)
    (GOLDEN / "vocab.txt").write_text("\n".join([*vocab, ""]))
    rows = EXTRA + lines(rng, 300)
    for kind in ["uncased", "cased"]:
        write(bert(vocab, kind == "cased"), rows, GOLDEN / f"{kind}.txt")
    uncased = bert(vocab, False)
    uncased.backend_tokenizer.save(str(GOLDEN / "tokenizer.json"), pretty=False)
    (GOLDEN / "decoded.json").write_text(json.dumps(decoded(uncased, rng, 150), indent=0))
    bpe = GOLDEN.parent / "bpe"
    merges = [tuple(m.split(" ")) for m in (bpe / "merges.txt").read_text().split("\n")[1:-1]]
    roberta = RobertaTokenizerFast(vocab=json.loads((bpe / "vocab.json").read_text()), merges=merges)
    found = pairs(uncased, "bert", ["the ", "! "], 1, rng, 60) + pairs(roberta, "roberta", ["!", "1"], 2, rng, 60)
    (GOLDEN / "pairs.json").write_text(json.dumps(found, indent=0))


main()
