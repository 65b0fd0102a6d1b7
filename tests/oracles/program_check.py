"""rdrop-score's output beside that of sacreBLEU's program, called with the same options.

    program_check.py WMT17_DIR RDROP_SCORE

On 300 lines of two systems: the signatures, numbers and their format in text, and the keys and values
of JSON, may differ in the program's name and version alone. Bootstrap draws other samples: there only
the signature and the score are compared.
"""
import gzip
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile

import sacrebleu.sacrebleu

N_LINES = 300
BLEU = [["--tokenize", name] for name in ["13a", "intl", "zh", "char", "none"]] + [["--lowercase"]] + [
    ["--smooth-method", *method] for method in [["none"], ["exp"], ["floor"], ["add-k"], ["floor", "--smooth-value", "0.5"],
                                                ["add-k", "--smooth-value", "2"]]]
CHRF = [["--chrf-word-order", "2"], ["--chrf-char-order", "4"], ["--chrf-beta", "3"], ["--chrf-whitespace"],
        ["--chrf-lowercase"], ["--chrf-eps-smoothing"], ["--chrf-word-order", "1", "--chrf-char-order", "2", "--chrf-beta", "1"]]
TER = [[flag for flag, on in zip(["--ter-case-sensitive", "--ter-normalized", "--ter-no-punct", "--ter-asian-support"], on) if on]
       for on in itertools.product([0, 1], repeat=4)]
OUTPUT = [[], ["--short"], ["--width", "4"], ["--score-only"], ["--sentence-level"]]


def calls():
    """Metrics and options."""
    for output in OUTPUT:
        for metric, choices in [("bleu", BLEU), ("chrf", CHRF), ("ter", TER)]:
            for options in [[], *choices]:
                yield [metric], output + options
    yield ["bleu", "chrf", "ter"], ["--format", "text"]
    yield ["bleu", "chrf", "ter"], ["--chrf-word-order", "2", "--format", "text", "--short", "--width", "2"]


def reference(arguments):
    """What sacreBLEU's program prints, by a child that need not start Python anew."""
    with tempfile.TemporaryFile() as out:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            sys.argv = ["sacrebleu", *arguments]
            code = 1
            try:
                sacrebleu.sacrebleu.main()
                code = 0
            except SystemExit as end:  # how it ends after single sentences
                code = end.code or 0
            finally:
                sys.stdout.flush()
                os._exit(code)
        if os.waitpid(child, 0)[1] != 0:
            sys.exit(f"sacrebleu {' '.join(arguments)} failed")
        out.seek(0)
        return out.read().decode()


def neutral(text):
    """Without the program's name and version, and the blanks that align several metrics."""
    return re.sub(r"(?m)^ +", "", re.sub(r"(version:|v:)(rdrop-score-)?[0-9.]+[0-9]", r"\1X", text))


def main():
    data, program = map(os.path.abspath, sys.argv[1:3])
    wrong = n = 0

    def compare(what, found, expected):
        nonlocal wrong, n
        n += 1
        if found != expected:
            wrong += 1
            print(f"{what}:\n  {found!r}\n  sacreBLEU: {expected!r}")

    def ours(refs, arguments):
        command = [program, *(argument for ref in refs for argument in ["--ref", ref]), *arguments, "hyp"]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else done.stderr

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, source in [("ref1", "ref"), ("ref2", "KIT.4950"), ("hyp", "online-B.0")]:
            with gzip.open(f"{data}/{source}.de.gz", "rt", encoding="utf-8") as file, open(name, "w") as out:
                out.writelines(itertools.islice(file, N_LINES))
        for refs in [["ref1"], ["ref1", "ref2"]]:
            theirs = [*refs, "-i", "hyp", "-m"]
            for metrics, options in calls():
                text = [] if "--format" in options or "--sentence-level" in options else ["--format", "text"]
                compare(" ".join(refs + metrics + options), neutral(ours(refs, ["-m", ",".join(metrics), *options])),
                        neutral(reference(theirs + metrics + text + options)))
            for options in [[], ["--confidence", "--confidence-n", "200"]]:
                options = ["--format", "json", "--width", "4"] + options
                found = json.loads(ours(refs, ["-m", "bleu,chrf,ter", *options]))
                expected = json.loads(reference(theirs + ["bleu", "chrf", "ter", *options]))
                for one, other in zip(found, expected, strict=True):
                    for key in other:
                        drawn = key.startswith("confidence")
                        compare(f"JSON {key}", key in one if drawn else neutral(f"{key}:{one.get(key)}"),
                                True if drawn else neutral(f"{key}:{other[key]}"))
    print(f"{n} outputs compared with sacreBLEU {sacrebleu.__version__}, {wrong} differ")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
