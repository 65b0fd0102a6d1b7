#!/usr/bin/env bash
# Shows that a change of the code changes no result: weights, translations and scores made by two
# builds are compared by their checksums.
#
#   tests/same_bits.sh store BUILD DIR [MODEL INPUT]      makes them with the programs in BUILD
#   tests/same_bits.sh compare BUILD DIR [MODEL INPUT]    makes them again, and compares with DIR
#
#   MODEL INPUT   a model directory and a text: their translations too, in every way of searching
#
# Trains the recipe quickstart-slice for 60 updates, in fp32 and bf16, once in one go and once resumed in
# the middle; translates and scores its test set. Equal machines only: other instruction
# sets round differently. Dropout, shuffling and search do not depend on the number of threads.
set -euo pipefail
usage() {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2
    exit 2
}
[ $# -eq 3 ] || [ $# -eq 5 ] || usage
action=$1 build=$(realpath "$2") kept=$3 model=${4:-} input=${5:-}
case $action in store | compare) ;; *) usage ;; esac
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
quietly() {
    "$@" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        exit 1
    }
}

# weights MODEL: their checksum; the header before them also says which vocabulary they are of
weights() {
    tail -c "+$((9 + $(od -An -t u8 -N 8 "$1/model.safetensors")))" "$1/model.safetensors" | cksum
}

# searches MODEL INPUT NAME: each way of searching, one checksum a line
searches() {
    local precision way name=$3
    for precision in fp32 int8; do
        while read -r way; do
            # shellcheck disable=SC2086 # several options
            "$build/rdrop-translate" --model "$1" --input "$2" --precision $precision --threads 1 \
                $way 2>"$work/log" | cksum | sed "s/\$/ $name $precision $way/"
        done <<'WAYS'
--beam 1
--beam 5
--beam 5 --n-best 5 --print-alignment
--beam 4 --no-repeat-ngram 2 --coverage-penalty 0.2 --lenpen 0.6
--beam 4 --diverse-beam-groups 2 --n-best 4
--sampling --n-best 3 --top-k 20 --seed 7
--sampling --top-p 0.8 --temperature 1.2
WAYS
    done
}

make_all() {
    local precision sums=$work/sums common
    quietly "$build/quickstart-corpus" "$work/data" 1 4000 200 200
    quietly "$build/rdrop-preprocess" "$root/recipes/quickstart-slice.yaml" --data "$work/data" \
        --dest "$work/bin" --set trainpref=train
    for precision in fp32 bf16; do
        common=("$root/recipes/quickstart-slice.yaml" --data "$work/bin" --precision "$precision"
            --threads 1 --set trainpref=train --set validate-interval-updates=20
            --set eval-bleu-sentences=50 --set lr-scheduler=inverse_sqrt)
        quietly "$build/rdrop-train" "${common[@]}" --set max-update=60 --save-dir "$work/$precision"
        quietly "$build/rdrop-train" "${common[@]}" --set max-update=30 --save-dir "$work/$precision-resumed"
        quietly "$build/rdrop-train" "${common[@]}" --set max-update=60 --save-dir "$work/$precision-resumed"
        for run in "$precision" "$precision-resumed"; do
            weights "$work/$run/model" | sed "s/\$/ weights $run/"
        done
    done >"$sums"
    quietly "$build/rdrop-train" "${common[@]}" --precision fp32 --set max-update=20 --save-dir "$work/other" \
        --set encoder-normalize-before=true --set decoder-normalize-before=true --set share-all-embeddings=false \
        --set encoder-learned-pos=true --set layernorm-embedding=true --set activation-fn=gelu \
        --set activation-dropout=0.1 --set attention-dropout=0.1 --checkpoint-activations
    weights "$work/other/model" | sed 's/$/ weights of another shape/' >>"$sums"
    zcat "$work/data/test.en.gz" >"$work/test.en"
    zcat "$work/data/test.de.gz" >"$work/test.de"
    searches "$work/fp32/model" "$work/test.en" quickstart >>"$sums"
    paste -d ' ' <(awk '{ print $1 }' "$work/test.de") <(awk '{ print $2 }' "$work/test.de") |
        sed 's/ /\t/' >"$work/constraints"
    "$build/rdrop-translate" --model "$work/fp32/model" --input "$work/test.en" --beam 8 --threads 1 \
        --constraints "$work/constraints" 2>"$work/log" | cksum | sed 's/$/ constraints/' >>"$sums"
    "$build/rdrop-translate" --model "$work/fp32/model" --input "$work/test.en" --threads 1 \
        --score "$work/test.de" 2>"$work/log" | cksum | sed 's/$/ forced/' >>"$sums"
    "$build/rdrop-translate" --model "$work/fp32/model" --input "$work/test.en" --threads 1 >"$work/hyp" 2>"$work/log"
    "$build/rdrop-score" --metric bleu,chrf,chrf++,ter,rouge --per-line --ref "$work/test.de" "$work/hyp" |
        cksum | sed 's/$/ scores/' >>"$sums"
    (cd "$work" && "$build/rdrop-score" --metric bleu,chrf++ --paired-bs --ref test.de hyp test.en) |
        cksum | sed 's/$/ significance/' >>"$sums"
    [ -z "$model" ] || searches "$model" "$input" model >>"$sums"
}

make_all
if [ "$action" = store ]; then
    mkdir -p "$kept"
    cp "$work/sums" "$kept/sums"
    wc -l <"$kept/sums" | sed 's/$/ checksums stored/'
elif diff "$kept/sums" "$work/sums"; then
    echo "the same bits: $(wc -l <"$work/sums") checksums"
else
    echo "same_bits.sh: results differ from those in $kept (< before, > now)" >&2
    exit 1
fi
