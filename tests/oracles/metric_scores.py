"""What sacreBLEU and rouge-score make of the lines of metric_cases.py.

    metric_scores.py CASES.gz OUT.gz [--group N] [--all] [--only METRIC]

For each configuration one line: its options, then the score of every N consecutive cases taken as a
corpus (ROUGE: the mean precision, recall and F-measure of each of its four types), with 10 digits.
Each option once is for the golden file; --all is every combination of them.
"""
import argparse
import functools
import gzip
import os
from itertools import product

import sacrebleu.metrics.bleu
import sacrebleu.metrics.ter
import sentencepiece

from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import Tokenizer
from sacrebleu.metrics import BLEU, CHRF, TER

from metric_cases import NEWLINE

CONFIGURATIONS = [
    ("bleu", {}),
    ("bleu", {"tokenize": "intl"}),
    ("bleu", {"tokenize": "zh"}),
    ("bleu", {"tokenize": "char"}),
    ("bleu", {"tokenize": "none"}),
    ("bleu", {"tokenize": "spm:pieces.model"}),
    ("bleu", {"tokenize": "spm:pieces.model", "lowercase": 1}),
    ("bleu", {"tokenize": "ja-mecab"}),
    ("bleu", {"tokenize": "ko-mecab"}),
    ("bleu", {"lowercase": 1}),
    ("bleu", {"lowercase": 1, "tokenize": "intl"}),
    ("bleu", {"smooth_method": "floor"}),
    ("bleu", {"smooth_method": "floor", "smooth_value": 0.5}),
    ("bleu", {"smooth_method": "add-k"}),
    ("bleu", {"smooth_method": "add-k", "smooth_value": 0.5}),
    ("bleu", {"smooth_method": "none"}),
    ("bleu", {"effective_order": 1}),
    ("bleu", {"max_ngram_order": 2}),
    ("chrf", {}),
    ("chrf", {"word_order": 2}),
    ("chrf", {"lowercase": 1}),
    ("chrf", {"whitespace": 1}),
    ("chrf", {"eps_smoothing": 1}),
    ("chrf", {"char_order": 4, "word_order": 1, "beta": 3}),
    ("chrf", {"word_order": 2, "lowercase": 1, "whitespace": 1, "eps_smoothing": 1}),
    ("ter", {}),
    ("ter", {"case_sensitive": 1}),
    ("ter", {"normalized": 1}),
    ("ter", {"no_punct": 1}),
    ("ter", {"no_punct": 1, "asian_support": 1}),
    ("ter", {"normalized": 1, "asian_support": 1}),
    ("ter", {"normalized": 1, "no_punct": 1, "asian_support": 1, "case_sensitive": 1}),
    ("rouge", {}),
    ("rouge", {"stem": 1}),
    ("rouge", {"tokenize": "13a"}),
    ("rouge", {"tokenize": "zh"}),
    ("rouge", {"tokenize": "char"}),
    ("rouge", {"tokenize": "spm:pieces.model"}),
]
TOKENIZERS = ["13a", "intl", "zh", "char", "none", "spm:pieces.model", "ja-mecab", "ko-mecab"]
SCORING_ONLY = ["effective_order", "smooth_method", "smooth_value"]  # of BLEU: no n-gram is counted anew
MODELS = os.path.join(os.path.dirname(__file__), "../golden/metrics")
ROUGE_TYPES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]


def combinations():
    """Every value of every option with every other."""
    def flags(*names):
        return [dict(zip(names, values)) for values in product([0, 1], repeat=len(names))]

    smoothings = [{}] + [{"smooth_method": "none"}] + [
        {"smooth_method": method, **value} for method in ["floor", "add-k"] for value in [{}, {"smooth_value": 0.5}, {"smooth_value": 2}]]
    for tokenize, flag, smoothing in product(TOKENIZERS, flags("lowercase", "effective_order"), smoothings):
        yield "bleu", {"tokenize": tokenize, **flag, **smoothing}
    for order in [1, 2, 3, 6]:
        yield "bleu", {"max_ngram_order": order}
    orders = [{}, {"word_order": 2}, {"char_order": 4, "word_order": 1, "beta": 3}, {"char_order": 2, "word_order": 3, "beta": 1}]
    for order, flag in product(orders, flags("lowercase", "whitespace", "eps_smoothing")):
        yield "chrf", {**order, **flag}
    for flag in flags("normalized", "no_punct", "asian_support", "case_sensitive"):
        yield "ter", flag
    for flag in flags("stem"):
        yield "rouge", flag
    for tokenize in TOKENIZERS:
        yield "rouge", {"tokenize": tokenize}


def remember_edits():
    """sacreBLEU's TER compares words and nothing else: every pair of lines whose words are equal and
    different in the same places takes as many edits, which most options leave alone."""
    edits = functools.lru_cache(None)(sacrebleu.metrics.ter.translation_edit_rate)

    def remembered(hypothesis, reference):
        number = {}
        numbered = [tuple(number.setdefault(word, len(number)) for word in words) for words in (hypothesis, reference)]
        return edits(*numbered)

    sacrebleu.metrics.ter.translation_edit_rate = remembered


def tokenizer(name):
    """sacreBLEU's of that name; it has none yet for a model of one's own."""
    if not name.startswith("spm:"):
        return sacrebleu.metrics.bleu._get_tokenizer(name)()
    processor = sentencepiece.SentencePieceProcessor(os.path.join(MODELS, name[4:]))
    return lambda line: " ".join(processor.EncodeAsPieces(line))


def bleu(tokenize="13a", **options):
    metric = BLEU(tokenize="none", **options)
    metric.tokenizer = tokenizer(tokenize)
    return metric


class Lowered(Tokenizer):
    """Lowercased lines, each tokenized by itself."""
    def __init__(self, name):
        self.cut = tokenizer(name)

    def tokenize(self, text):
        return [word for line in text.lower().split("\n") for word in self.cut(line.rstrip()).split()]


def rouge_scores(options, rows, group):
    own = Lowered(options["tokenize"]) if "tokenize" in options else None
    scorer = RougeScorer(ROUGE_TYPES, use_stemmer=bool(options.get("stem")), tokenizer=own)
    lines = [scorer.score_multi(row[1:], row[0]) for row in rows]
    for start in range(0, len(rows), group):
        part = lines[start:start + group]
        for kind in ROUGE_TYPES:
            for value in ["precision", "recall", "fmeasure"]:
                yield 100 * sum(getattr(line[kind], value) for line in part) / len(part)


def sacrebleu_scores(metric, rows, group, statistics):
    """statistics: of the groups, where an earlier metric differed in smoothing alone; else empty."""
    for start in range(0, len(rows), group):
        part = rows[start:start + group]
        most = max(len(row) for row in part)
        refs = [[row[k] if k < len(row) else None for row in part] for k in range(1, most)]
        if len(statistics) * group <= start:
            statistics.append(metric._extract_corpus_statistics([row[0] for row in part], refs))
        yield metric._aggregate_and_compute(statistics[start // group]).score


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases")
    parser.add_argument("out")
    parser.add_argument("--group", type=int, default=5)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", help="of the combinations, those of one metric")
    args = parser.parse_args()
    with gzip.open(args.cases, "rt", encoding="utf-8", newline="\n") as file:
        rows = [line[:-1].replace(NEWLINE, "\n").split("\t") for line in file]
    known = {}
    remember_edits()
    with open(args.out, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, 0) as out:
        for kind, options in combinations() if args.all else CONFIGURATIONS:
            if args.only and kind != args.only:
                continue
            options = {key: value for key, value in options.items() if value != 0}
            if kind == "rouge":
                scores = rouge_scores(options, rows, args.group)
            else:
                metric = {"bleu": bleu, "chrf": CHRF, "ter": TER}[kind](**options)
                counting = {key: value for key, value in options.items() if kind != "bleu" or key not in SCORING_ONLY}
                statistics = known.setdefault((kind, *sorted(counting.items())), [])
                scores = sacrebleu_scores(metric, rows, args.group, statistics)
            name = " ".join([kind] + [f"{key}={value}" for key, value in options.items()])
            out.write((name + "".join(f"\t{score:.10g}" for score in scores) + "\n").encode())


if __name__ == "__main__":
    main()
