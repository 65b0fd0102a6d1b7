#!/usr/bin/env bash
# The benchmarks work and their numbers hang together; how large they are is nobody's concern here.
# Argument: the build directory.
set -u
. "$(dirname "$0")/../assert.sh"
bin=$(realpath "$1")
repository=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
tests=$repository/tests
kernels=$repository/src/ops/cpu/kernels.h
! grep -q '^RD_SANITIZE:BOOL=ON' "$bin/CMakeCache.txt" || exit 77 # nobody measures that build
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

cat >tiny.yaml <<YAML
extends: $tests/tiny.yaml
vocab-size: 500
max-update: 2
eval-bleu: false
YAML
"$bin/quickstart-corpus" data 1 300 20 5 >/dev/null
"$bin/rdrop-preprocess" tiny.yaml --data data --dest bin --shortlist >log 2>&1 || fail "preprocess: $(cat log)"
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
holds 'part > 0 && part < 100' part "$(value train.json fraction_of_peak)"
holds 'parts > 0.99 * all && parts < 1.01 * all' parts "$parts" all "$(value train.json seconds_per_update)"
for part in data embedding attention ffn criterion optimizer; do
    grep -A1 "\"$part\": {" train.json >part
    spent=$(value part seconds)
    holds 'spent > 0' spent "$spent"
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

# Every kernel of the table is there, or said to be left out.
"$bin/bench-kernels" --most 1.1 --budget 0 --json >kernels.json || fail "bench-kernels --json"
"$bin/bench-kernels" --most 1.1 --budget 0 >text || fail "bench-kernels"
for name in $(sed -n '/^typedef struct {/,/^} rd_kernels/s/.*(\*\([a-z_0-9]*\))(.*/\1/p' "$kernels"); do
    grep -q "^$name .*needs a processor" text && continue
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
"$bin/bench-translate" --model out/model --input data/test.en.gz --precision fp32 --shortlist bin/shortlist.bin \
    --single 3 >text || fail "bench-translate --shortlist"
[ "$(grep -cE '^ *[15] (batch|single) ' text)" -eq 4 ] || fail "bench-translate --shortlist: $(cat text)"

# This vocabulary is large enough to be cut, and this model untrained enough to miss what is cut off.
for options in "--batch-tokens 1" "--beam 1 --min-len 5 --threads 2" "--precision int8 --n-best 3"; do
    # shellcheck disable=SC2086
    "$bin/rdrop-translate" --model out/model --input data/test.en.gz $options --output whole 2>err || {
        grep -q 'precision int8: needs a processor' err && continue
        fail "$options: $(cat err)"
    }
    # shellcheck disable=SC2086
    "$bin/rdrop-translate" --model out/model --input data/test.en.gz --shortlist bin/shortlist.bin $options \
        --output short || fail "--shortlist $options"
    [ "$(wc -l <short)" -eq "$(wc -l <whole)" ] || fail "--shortlist $options: $(cat short)"
    cmp -s short whole && fail "--shortlist $options changes nothing: $(cat short)"
done

# A training's start and batches for others: its weights, and in an epoch every pair once.
"$bin/bench-batches" tiny.yaml --data bin --dest twin --set update-freq=2 --updates 1000 || fail "bench-batches"
"$bin/rdrop-convert" --info twin/model >log 2>&1 || fail "bench-batches: no model: $(cat log)"
"$bin/rdrop-recipe" twin/recipe.yaml --get max-tokens | grep -x 128 >/dev/null || fail "bench-batches: no recipe"
for side in source target; do
    grep -oE "\"$side\":\\[(\\[[0-9,]+\\],?)+\\]" twin/batches.jsonl | grep -oE '\[[0-9,]+\]' >$side
done
paste source target >pairs
[ "$(wc -l <twin/batches.jsonl)" -eq 1000 ] || fail "bench-batches: not a line an update"
sed -n 1,300p pairs | sort >first
sed -n 301,600p pairs | sort | cmp - first || fail "bench-batches: an epoch is not every pair once"
[ "$(sort -u first | wc -l)" -gt 250 ] || fail "bench-batches: few pairs"
sed -n 301,600p pairs | cmp -s - <(sed -n 1,300p pairs) && fail "bench-batches: two epochs in one order"

# recipes/bench.sh with a stand-in for Python and PyTorch: what it is asked, and ratios and medians.
cat >python <<'SH'
#!/usr/bin/env bash
[ "$2" != "import torch" ] || exit 0
shift 2
echo "$*" >>asked
[ "$(wc -l <"$2/batches.jsonl")" -eq 5 ] && [ -s "$2/model/model.safetensors" ] || exit 1
case $* in *--bf16*) speed=2000 ;; *) speed=1000 ;; esac
printf 'TOKENS_PER_S %d\nTOKENS_PER_CPU_S 3000\nPEAK_KIB 2097152\n' $((speed + $(wc -l <asked)))
SH
chmod +x python
touch rival.py
RDROP_BIN=$bin PYTHON=./python "$repository/recipes/bench.sh" train --recipe tiny.yaml --out . --rival rival.py \
    --arch transformer-tiny --rounds 3 --updates 2 --budget 0 --threads 1 >text 2>log || fail "recipes/bench.sh: $(cat log)"
[ "$(wc -l <asked)" -eq 12 ] || fail "the rival was asked: $(cat asked)"
grep -q -- '^rival.py [^ ]*/twin --threads 1 --warmup 3 --bf16$' asked || fail "$(cat asked)"
grep -q '^transformer-tiny  *5  rival-bf16  *2004  *-  *2048  *-$' text || fail "the median is not 2004: $(cat text)"
for alpha in 5 0; do
    line=$(grep "^transformer-tiny  *$alpha .* times rival-bf16 (.* in 3 rounds)" text) || fail "no ratio: $(cat text)"
    read -r ratio low high memory < <(sed 's/.* \([0-9.]*\) times rival-bf16 (\([0-9.]*\) to \([0-9.]*\) in .*, \([0-9.]*\) of its memory/\1 \2 \3 \4/' <<<"$line")
    holds 'ratio > 0 && low <= ratio && ratio <= high && memory < 1' ratio "$ratio" low "$low" high "$high" memory "$memory"
done
RDROP_BIN=$bin PYTHON=./python "$repository/recipes/bench.sh" train --recipe tiny.yaml --out . --rival rival.py --fp32 \
    --cpu-time --arch transformer-tiny --alpha 5 --rounds 1 --updates 2 --budget 0 --threads 1 >text 2>log ||
    fail "recipes/bench.sh --fp32: $(cat log)"
[ "$(grep -c '^transformer-tiny  *5  \(rdrop-fp32\|rival-fp32  *3000\) ' text)" -eq 2 ] || fail "--fp32: $(cat text)"
[ "$(wc -l <text)" -eq 4 ] || fail "--fp32: $(cat text)"
RDROP_BIN=$bin PYTHON=false "$repository/recipes/bench.sh" train --recipe tiny.yaml --out . --arch transformer-tiny \
    --alpha 5 --rounds 1 --updates 1 --budget 0.001 >text 2>log || fail "recipes/bench.sh without PyTorch: $(cat log)"
[ "$(grep -c '^transformer-tiny  *5  rdrop-.*%$' text)" -eq 2 ] || fail "recipes/bench.sh without PyTorch: $(cat text)"
# Translation in turn with a stand-in for CTranslate2, a little faster each time.
"$bin/quickstart-corpus" texts 2 20 5 5 >/dev/null
cat >python <<'SH'
#!/usr/bin/env bash
if [ "$1" = -c ]; then exit 0; fi
echo "$*" >>asked.translate
printf '{\n "load": 0.1,\n "p50": 0.002,\n "tokens_per_second": %d,\n "peak_memory": 104857600\n}\n' \
    $((1000 + $(wc -l <asked.translate)))
SH
RDROP_BIN=$bin PYTHON=./python "$repository/recipes/bench.sh" translate --recipe tiny.yaml --model out/model \
    --input texts/train.en.gz --beam 2 --precision fp32 --single 3 --length 4 --rounds 3 --threads 1 >text 2>log ||
    fail "recipes/bench.sh translate: $(cat log)"
[ "$(wc -l <asked.translate)" -eq 6 ] || fail "CTranslate2 was asked: $(cat asked.translate)"
grep -q -- '--type float32 --beam 2 --threads 1 --length 4 --single 3$' asked.translate || fail "$(cat asked.translate)"
for mode in batch single; do
    line=$(grep "^ *2 fp32  $mode " text) || fail "no $mode: $(cat text)"
    read -r speed their ratio < <(awk '{ print $4, $7, $10 }' <<<"$line")
    [ "$their" -eq $([ $mode = batch ] && echo 1003 || echo 1004) ] || fail "the median is another: $line"
    holds 'speed > 0 && ratio > 0 && ratio - speed / their < 0.01 && speed / their - ratio < 0.01' speed "$speed" \
        their "$their" ratio "$ratio"
done
RDROP_BIN=$bin PYTHON=false "$repository/recipes/bench.sh" translate --recipe tiny.yaml --model out/model \
    --input texts/train.en.gz --beam 1 --precision fp32 --single 2 --rounds 1 --shortlist bin/shortlist.bin >text 2>log ||
    fail "recipes/bench.sh translate alone: $(cat log)"
[ "$(grep -cE '^ *1 fp32  (batch|single) +[0-9]+ +([0-9.]+|-) +[0-9]+$' text)" -eq 2 ] || fail "alone: $(cat text)"

# How an update grows: a batch of twice the tokens has about twice the tokens.
RDROP_BIN=$bin "$repository/recipes/bench.sh" scaling --vary tokens --recipe tiny.yaml --out . \
    --updates 1 --budget 0 --threads 1 >text 2>log || fail "recipes/bench.sh scaling: $(cat log)"
awk '$1 == "tokens" && NF == 12 { n++; bad += $3 <= last; last = $3 } END { exit bad || n != 5 }' text ||
    fail "recipes/bench.sh scaling: $(cat text)"
"$repository/recipes/bench.sh" train --bogus >log 2>&1
[ $? -eq 2 ] || fail "recipes/bench.sh takes --bogus"

# BART's shapes made small: a row for each length, with numbers in it.
small=()
for key in encoder-embed-dim=8 encoder-layers=1 decoder-layers=1 encoder-attention-heads=2 decoder-attention-heads=2 \
    encoder-ffn-embed-dim=8 decoder-ffn-embed-dim=8; do small+=(--set $key); done
bash "$repository/tests/bench/long_inputs.sh" "$bin" --arch bart-base --lengths 64,128 "${small[@]}" >out.txt 2>err ||
    fail "long_inputs.sh: $(cat err)"
[ "$(grep -cE '^\| `bart-base` \| (64|128) \| [0-9]+\.[0-9] \| 0\.[0-9]*[1-9][0-9]* \|$' out.txt)" -eq 2 ] ||
    fail "long_inputs.sh: $(cat out.txt)"
bash "$repository/tests/bench/long_inputs.sh" "$bin" --bogus 1 >/dev/null 2>&1
[ $? -eq 2 ] || fail "long_inputs.sh takes --bogus"

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
reject 2 '--dest' bench-batches tiny.yaml --data bin
reject 1 'nowhere' bench-batches tiny.yaml --data nowhere --dest twin
reject 2 '--input' bench-translate --model out/model
exit 0
