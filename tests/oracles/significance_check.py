"""P-values of rdrop-score beside those sacreBLEU's own tests publish, for its 16 WMT17 systems.

    significance_check.py SACREBLEU_SOURCE_DIR RDROP_SCORE

SACREBLEU_SOURCE_DIR is the unpacked source distribution. Fails where a p-value is further away than
four standard deviations of the difference of two estimates, and one trial: Moses' values are of 3 x
2,000 bootstrap samples, MultEval's of 10,000 shuffles.
"""
import ast
import bz2
import json
import math
import os
import pickle
import subprocess
import sys
import tempfile

BASELINE = "newstest2017.LIUM-NMT.4900.en-de"


def published(source):
    """The two tables of test_significance.py, read without running it."""
    tree = ast.parse(open(f"{source}/test/test_significance.py").read())
    assigned = {node.targets[0].id: node.value for node in tree.body
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)}
    return {name: ast.literal_eval(assigned[name]) for name in ["MOSES_P_VALS", "MULTEVAL_P_VALS"]}


def main():
    source, program = sys.argv[1], os.path.abspath(sys.argv[2])
    tables = published(source)
    systems = pickle.load(bz2.open(f"{source}/test/wmt17_en_de_systems.pkl.bz2"))
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, lines in systems:
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.writelines(line.rstrip("\n") + "\n" for line in (lines if name != "reference" else lines[0]))
        names = [BASELINE] + [name for name, _ in systems if name not in (BASELINE, "reference")]
        for test, table, column, trials, reference_trials in [("bs", "MOSES_P_VALS", None, 2000, 6000),
                                                              ("ar", "MULTEVAL_P_VALS", 0, 10000, 10000)]:
            command = [program, "--tokenize", "none", "--force", "--json", f"--paired-{test}", f"--paired-{test}-n", str(trials),
                       "--ref", "reference", *names]
            for row in json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout)[1:]:
                expected = tables[table][row["system"]]
                expected = expected if column is None else expected[column]
                p = max(row["p_value"], expected)
                tolerance = 4 * math.sqrt(p * (1 - p) * (1 / trials + 1 / reference_trials)) + 1 / trials
                far = abs(row["p_value"] - expected) > tolerance
                wrong += far
                print(f"{test} {row['system']}: {row['p_value']:.4f}, published {expected:.4f} +- {tolerance:.4f}{' WRONG' if far else ''}")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
