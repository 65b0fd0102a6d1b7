#!/usr/bin/env bash
# The benchmarks work and their numbers hang together; how large they are is nobody's concern here.
# Argument: the build directory.
set -u
bin=$(realpath "$1")
backend=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../src/kernels/backend.h")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

fail() {
    echo "FAILED: $*"
    exit 1
}

cat >tiny.yaml <<YAML
source-lang: en
target-lang: de
trainpref: train
validpref: valid
vocab-size: 300
joined-dictionary: true
share-all-embeddings: true
encoder-embed-dim: 16
encoder-ffn-embed-dim: 32
decoder-ffn-embed-dim: 32
encoder-layers: 1
decoder-layers: 1
encoder-attention-heads: 2
decoder-attention-heads: 2
reg-alpha: 5
max-tokens: 128
max-update: 2
YAML
"$bin/quickstart-corpus" data 1 300 20 5 >/dev/null
"$bin/rdrop-preprocess" tiny.yaml --data data --dest bin >log 2>&1 || fail "preprocess: $(cat log)"
"$bin/rdrop-train" tiny.yaml --data bin --save-dir out >log 2>&1 || fail "train: $(cat log)"

# value FILE KEY: the first number of that name in what a benchmark printed as JSON
value() {
    local found
    found=$(grep -o "\"$2\": [0-9.e+-]*" "$1" | head -1)
    [ -n "$found" ] || fail "$1: no $2"
    echo "${found##* }"
}
# holds CONDITION NAME VALUE...: an awk condition over names
holds() {
    local condition=$1 assignments=()
    shift
    while [ $# -gt 0 ]; do
        assignments+=(-v "$1=$2")
        shift 2
    done
    awk "${assignments[@]}" "BEGIN { exit !($condition) }" || fail "not $condition: ${assignments[*]}"
}

# The parts of an update are all of it, and operations are those of the matrix products.
quick=(--warmup 1 --budget 0 --square 16)
"$bin/bench-train" tiny.yaml --data bin --updates 30 "${quick[@]}" --json >train.json ||
    fail "bench-train --json"
parts=$(sed -n '/"parts"/,$p' train.json | grep -o '"seconds": [0-9.e+-]*' | awk '{ s += $2 } END { print s }')
holds 'parts > 0.99 * all && parts < 1.01 * all' parts "$parts" all "$(value train.json seconds_per_update)"
for part in data embedding attention ffn criterion optimizer; do
    grep -A1 "\"$part\": {" train.json >part
    holds 'spent > 0' spent "$(value part seconds)"
done
"$bin/bench-train" tiny.yaml --data bin --updates 30 "${quick[@]}" --set reg-alpha=0 --json >one.json ||
    fail "bench-train without R-Drop"
holds 'a > 1.999 * b && a < 2.001 * b' a "$(value train.json flop_per_update)" b "$(value one.json flop_per_update)"
holds 'a == b' a "$(value train.json tokens_per_update)" b "$(value one.json tokens_per_update)"
"$bin/bench-train" tiny.yaml --data bin --updates 2 "${quick[@]}" >text || fail "bench-train"
for part in data embedding attention ffn criterion optimizer update; do
    grep -q "^$part .*%" text || fail "no $part in: $(cat text)"
done
[ -z "$(find . -newer one.json -type f ! -name text)" ] || fail "bench-train left files behind"

# Every kernel of the table is there.
"$bin/bench-kernels" --most 1.1 --budget 0 --json >kernels.json || fail "bench-kernels --json"
"$bin/bench-kernels" --most 1.1 --budget 0 >text || fail "bench-kernels"
for name in $(sed -n '/^typedef struct {/,/^} rd_backend_ops/s/.*(\*\([a-z_0-9]*\))(.*/\1/p' "$backend"); do
    grep -qE "\"kernel\": \"${name}[ \"]" kernels.json || fail "bench-kernels leaves out $name"
    grep -q "^$name " text || fail "bench-kernels leaves out $name"
done

"$bin/bench-translate" --model out/model --input data/test.en.gz --single 3 --json >translate.json ||
    fail "bench-translate --json"
[ "$(grep -c '"p95"' translate.json)" -eq 2 ] || fail "not two beams: $(cat translate.json)"
holds 'n == 5' n "$(value translate.json sentences)"
holds 'first >= load' load "$(value translate.json load)" first "$(value translate.json first)"
"$bin/bench-translate" --model out/model --input data/test.en.gz --beam 2 --lines 2 >text ||
    fail "bench-translate"
grep -q '^ *2 single ' text || fail "no single sentences: $(cat text)"

# reject CODE TEXT PROGRAM ARGUMENTS...
reject() {
    local code=$1 text=$2 got
    shift 2
    "$bin/$1" "${@:2}" >out.txt 2>err
    got=$?
    [ $got -eq "$code" ] || fail "$*: exit $got, expected $code ($(cat err))"
    grep -qF -- "$text" err && [ "$(wc -l <err)" -eq 1 ] || fail "$*: $(cat err)"
}
reject 2 '--updates' bench-train tiny.yaml --data bin --updates none
reject 2 '--data' bench-train tiny.yaml
reject 1 'nowhere' bench-train tiny.yaml --data nowhere
reject 2 'surplus' bench-kernels surplus
reject 1 'nowhere' bench-translate --model nowhere --input data/test.en.gz
reject 2 '--input' bench-translate --model out/model
exit 0
