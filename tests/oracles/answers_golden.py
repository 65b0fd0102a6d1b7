"""Scores of classes and numbers by scikit-learn and SciPy.

    answers_golden.py > GOLDEN.json

Degenerate lists have the value that the libraries give with a warning; null is NaN. The calibration error is Guo
et al.'s (2017), written from the paper: neither library has it.
"""
import json
import math
import warnings

import numpy
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import (accuracy_score, confusion_matrix, f1_score, matthews_corrcoef,
                             precision_recall_fscore_support, top_k_accuracy_score)

BINS = 15
warnings.simplefilter("ignore")
random = numpy.random.default_rng(19)


def noisy(labels, n_classes, rate):
    """Labels, some of them drawn anew."""
    return numpy.where(random.random(len(labels)) < rate, random.integers(0, n_classes, len(labels)), labels)


def class_cases():
    def case(name, n_classes, labels, predictions):
        precision, recall, f1, support = precision_recall_fscore_support(
            labels, predictions, labels=range(n_classes))
        result = dict(name=name, n_classes=n_classes, labels=list(map(int, labels)),
                      predictions=list(map(int, predictions)), accuracy=accuracy_score(labels, predictions),
                      f1_macro=f1_score(labels, predictions, average="macro"),
                      f1_micro=f1_score(labels, predictions, average="micro"),
                      matthews=matthews_corrcoef(labels, predictions))
        result.update(precision=list(precision), recall=list(recall), f1=list(f1),
                      support=list(map(int, support)))
        if n_classes <= 20:
            result["matrix"] = confusion_matrix(labels, predictions, labels=range(n_classes)).ravel().tolist()
        if n_classes == 2:
            result["f1_binary"] = f1_score(labels, predictions)
        return result

    for name, n, n_classes, rate in [("two", 101, 2, 0.3), ("three", 100, 3, 0.5), ("many", 300, 150, 0.2),
                                     ("wrong", 60, 4, 1.0)]:
        labels = random.integers(0, n_classes, n)
        yield case(name, n_classes, labels, noisy(labels, n_classes, rate))
    rare = (random.random(200) < 0.03).astype(int)
    yield case("rare", 2, rare, noisy(rare, 2, 0.05))
    yield case("one label, one prediction", 2, [0] * 9, [0] * 9)
    yield case("one label", 2, [1] * 9, [1, 0, 1, 1, 0, 1, 1, 1, 0])
    yield case("one prediction", 3, [0, 1, 2, 1, 0], [1] * 5)
    yield case("nothing right", 2, [0, 0, 1, 1], [1, 1, 0, 0])
    yield case("class of predictions alone", 4, [0, 1, 1, 0], [0, 3, 1, 3])
    yield case("class of nothing", 5, [0, 4, 4, 1], [0, 4, 1, 1])
    yield case("one example", 2, [1], [1])


def number_cases():
    def case(name, x, y):
        def finite(value):
            return None if math.isnan(value) else float(value)

        return dict(name=name, x=list(map(float, x)), y=list(map(float, y)), pearson=finite(pearsonr(x, y)[0]),
                    spearman=finite(spearmanr(x, y)[0]))

    x = random.normal(size=120)
    y = x + random.normal(size=120)
    yield case("normal", x, y)
    yield case("ratings", numpy.round(random.random(150) * 5, 1), random.integers(0, 6, 150))
    yield case("against each other", x, -y)
    yield case("nothing in common", x, random.permutation(x))
    yield case("far from 0", 1e4 + x, y * 1e-3)
    yield case("large", x * 1e300, y * 1e200)
    yield case("small", x * 1e-300, y * 1e-200)
    yield case("line", x, 3 * x - 1)
    yield case("two", [1, 2], [5, 3])
    yield case("three with a tie", [1, 1, 2], [4, 9, 9])
    yield case("constant", [0.1] * 7, random.normal(size=7))
    yield case("both constant", [0.1] * 5, [2.0] * 5)


def calibration_error(probabilities, labels):
    best = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1).astype(numpy.float64)
    right = (best == labels).astype(numpy.float64)
    error = 0
    for i in range(BINS):
        inside = (confidence > i / BINS) & (confidence <= (i + 1) / BINS)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


def probability_cases():
    for name, n, n_classes, scale in [("sharp", 60, 10, 4.0), ("flat", 40, 7, 0.5), ("two", 50, 2, 1.0),
                                      ("coarse", 48, 8, None), ("sure", 20, 6, 60.0)]:
        if scale is None:  # equal probabilities, on the edges of bins
            counts = random.multinomial(5, [1 / n_classes] * n_classes, n)
            probabilities = (counts / 5).astype(numpy.float32)
        else:
            logits = random.normal(size=(n, n_classes)) * scale
            exponents = numpy.exp(logits - logits.max(axis=1, keepdims=True))
            probabilities = (exponents / exponents.sum(axis=1, keepdims=True)).astype(numpy.float32)
        labels = noisy(probabilities.argmax(axis=1), n_classes, 0.6)
        top = {k: float(top_k_accuracy_score(labels, probabilities if n_classes > 2 else probabilities[:, 1], k=k,
                                             labels=range(n_classes)))
               for k in ([1, 2, 5] if n_classes > 2 else [1])}
        yield dict(name=name, n_classes=n_classes, labels=labels.tolist(),
                   probabilities=[[float(p) for p in row] for row in probabilities],
                   top={str(k): value for k, value in top.items()},
                   calibration_error=float(calibration_error(probabilities, labels)))


print(json.dumps(dict(classes=list(class_cases()), numbers=list(number_cases()),
                      probabilities=list(probability_cases())), allow_nan=False))
