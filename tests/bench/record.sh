#!/usr/bin/env bash
# What this commit does on this machine, as one JSON object: all benchmarks over made-up sentences and weights, so that
# nothing needs to be downloaded or trained. About two minutes on two quiet cores.
#
#   tests/bench/record.sh BUILD_DIR > tests/bench/history/DATE-COMMIT.json
set -euo pipefail
bin=$(realpath "${1:?BUILD_DIR}")
cd "$(dirname "$0")/../.."
commit=$(git describe --always --dirty --abbrev=10)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Of the shape of Multi30k's recipe, whose corpora are not here.
cat >"$work/record.yaml" <<YAML
extends: $PWD/recipes/multi30k-en-de.yaml
trainpref: train
validpref: valid
vocab-size: 1000
YAML
"$bin/quickstart-corpus" "$work/data" 1 20000 200 400 >/dev/null
"$bin/rdrop-preprocess" "$work/record.yaml" --data "$work/data" --dest "$work/bin" >/dev/null 2>&1
"$bin/rdrop-train" "$work/record.yaml" --data "$work/bin" --save-dir "$work/out" --set max-update=2 \
    --set eval-bleu=false >/dev/null 2>&1

# field NAME COMMAND...: "NAME": what the command prints
field() {
    local name=$1 value
    shift
    value=$("$@" 2>/dev/null | tr -s ' \n' ' ')
    printf ',\n"%s": %s' "$name" "$value"
}
train=("$bin/bench-train" "$work/record.yaml" --data "$work/bin" --json)
translate=("$bin/bench-translate" --model "$work/out/model" --input "$work/data/test.en.gz" --length 20 --json)
printf '{"commit": "%s", "date": "%s"' "$commit" "$(date -u +%F)"
field kernels "$bin/bench-kernels" --most 64 --budget 0.02 --json
field train-tiny "${train[@]}" --updates 20
field train-tiny-baseline "${train[@]}" --updates 20 --set reg-alpha=0 --budget 0
field train-iwslt "${train[@]}" --updates 5 --warmup 1 --set arch=transformer-iwslt-de-en --set max-tokens=2048
for precision in fp32 int8; do
    field "translate-$precision" "${translate[@]}" --precision "$precision"
done
printf '}\n'
