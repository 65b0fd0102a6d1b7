#!/usr/bin/env bash
# Puts the GLUE tasks that GLUE_DIR holds into DATA_DIR, and a pre-trained encoder next to the results.
#
#   prepare-glue.sh DATA_DIR BIN
#
# GLUE_DIR is GLUE's download: CoLA/, SST-2/, MRPC/, STS-B/, RTE/, QNLI/, QQP/ and MNLI/, each with train.tsv and dev.tsv (MRPC
# with msr_paraphrase_train.txt and dev_ids.tsv, MNLI with dev_matched.tsv and dev_mismatched.tsv). It defaults to
# ../shared/data/glue next to the repository. BERT_DIR, ROBERTA_DIR and MINILM_DIR, where they are set, are directories of
# Hugging Face that become out/bert-base, out/roberta-large and out/minilm; where START is set, that of these alone.
set -euo pipefail
data=$1 bin=$2
repository=$(cd "$(dirname "$0")/.." && pwd)
from=${GLUE_DIR:-$repository/../shared/data/glue}
fail() {
    echo "prepare-glue.sh: $*" >&2
    exit 1
}
[ -d "$from" ] || fail "$from is no directory; set GLUE_DIR to GLUE's download"
import() {
    [ -z "$1" ] || [ "${START:-$2}" != "$2" ] || bash "$repository/recipes/prepare-model.sh" "$1" "$2" "$bin"
}
import "${BERT_DIR:-}" out/bert-base
import "${ROBERTA_DIR:-}" out/roberta-large
import "${MINILM_DIR:-}" out/minilm

from=$(cd "$from" && pwd)
mkdir -p "$data"
for task in CoLA SST-2 STS-B RTE QNLI MNLI; do
    [ -d "$from/$task" ] || continue
    [ -L "$data/$task" ] || [ ! -e "$data/$task" ] || fail "$data/$task is to be a link to $from/$task; move it away"
    ln -sfn "$from/$task" "$data/$task"
done
for task in MRPC QQP; do
    [ ! "$from/$task" -ef "$data/$task" ] || fail "$data/$task is $from/$task, which it would replace; move it away"
done
# MRPC: the training set is all pairs except those of dev_ids.tsv.
if [ -d "$from/MRPC" ]; then
    mkdir -p "$data/MRPC"
    awk -F '\t' 'NR == FNR { sub(/\r$/, ""); held[$1 "\t" $2]; next } !($2 "\t" $3 in held)' \
        "$from/MRPC/dev_ids.tsv" "$from/MRPC/msr_paraphrase_train.txt" >"$data/MRPC/train.tsv"
    awk -F '\t' 'NR == FNR { sub(/\r$/, ""); held[$1 "\t" $2]; next } FNR == 1 || $2 "\t" $3 in held' \
        "$from/MRPC/dev_ids.tsv" "$from/MRPC/msr_paraphrase_train.txt" >"$data/MRPC/dev.tsv"
fi
# QQP: some rows are cut in the middle, or lack a question.
if [ -d "$from/QQP" ]; then
    mkdir -p "$data/QQP"
    for set in train dev; do
        awk -F '\t' -v set="$set" '{ sub(/\r$/, "") } NF == 6 && $4 != "" && $5 != "" { print; next } { dropped++ }
            END { if (dropped) printf "prepare-glue.sh: QQP/%s.tsv: %d broken rows left out\n", set, dropped >"/dev/stderr" }' \
            "$from/QQP/$set.tsv" >"$data/QQP/$set.tsv"
    done
fi
