"""What sacreBLEU and rouge-score make of the lines of metric_cases.py.

    metric_scores.py CASES.gz OUT.gz [GROUP]

For each configuration one line: its options, then the score of every GROUP consecutive cases taken
as a corpus (ROUGE: the mean F-measure of its four types, one after the other), with 10 digits.
"""
import gzip
import sys

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF, TER

CONFIGURATIONS = [
    ("bleu", {}),
    ("bleu", {"tokenize": "intl"}),
    ("bleu", {"tokenize": "zh"}),
    ("bleu", {"tokenize": "char"}),
    ("bleu", {"tokenize": "none"}),
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
]
ROUGE_TYPES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]


def rouge_scores(options, rows, group):
    scorer = RougeScorer(ROUGE_TYPES, use_stemmer=bool(options.get("stem")))
    lines = [scorer.score_multi(row[1:], row[0]) for row in rows]
    for start in range(0, len(rows), group):
        part = lines[start:start + group]
        for kind in ROUGE_TYPES:
            yield 100 * sum(line[kind].fmeasure for line in part) / len(part)


def sacrebleu_scores(metric, rows, group):
    for start in range(0, len(rows), group):
        part = rows[start:start + group]
        most = max(len(row) for row in part)
        refs = [[row[k] if k < len(row) else None for row in part] for k in range(1, most)]
        yield metric.corpus_score([row[0] for row in part], refs).score


def main():
    with gzip.open(sys.argv[1], "rt", encoding="utf-8", newline="\n") as file:
        rows = [line[:-1].split("\t") for line in file]
    group = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    with open(sys.argv[2], "wb") as raw, gzip.GzipFile("", "wb", 9, raw, 0) as out:
        for kind, options in CONFIGURATIONS:
            if kind == "rouge":
                scores = rouge_scores(options, rows, group)
            else:
                metric = {"bleu": BLEU, "chrf": CHRF, "ter": TER}[kind](**options)
                scores = sacrebleu_scores(metric, rows, group)
            name = " ".join([kind] + [f"{key}={value}" for key, value in options.items()])
            out.write((name + "".join(f"\t{score:.10g}" for score in scores) + "\n").encode())


if __name__ == "__main__":
    main()
