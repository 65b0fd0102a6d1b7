#!/usr/bin/env bash
# Fine-tuning BART: CNN/DailyMail's preparation on made-up archives of the real layout, and its recipe from them to
# scores, from a small BART directory of Hugging Face. Argument: the build directory.
set -euo pipefail
. "$(dirname "$0")/../assert.sh"
bin=$(realpath "$1")
repository=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# story SOURCE URL TEXT...: a story of the archive SOURCE; a line each
story() {
    local folder=$1/stories url=$2
    shift 2
    mkdir -p "$folder"
    printf '%s\n\n' "$@" >"$folder/$(printf %s "$url" | sha1sum | cut -d ' ' -f 1).story"
}
mkdir corpus
for i in $(seq 30); do
    if [ $((i % 2)) = 0 ]; then source=cnn; else source=dailymail; fi
    story $source "http://x/$i" "The red house $i" $'\tis  small.\r' 'He said "dogs run"' "and ran’" \
        "@highlight" "House $i is small" "@highlight" "dogs run!"
    case $i in [1-9]) list="test" ;; 1[0-5]) list="val" ;; *) list="train" ;; esac
    echo "http://x/$i" >>corpus/all_$list.txt
done
story cnn http://x/empty "@highlight" "There was no article"
story cnn http://x/bare "An article of which nothing is highlighted"
printf 'http://x/empty\r\nhttp://x/bare\n' >>corpus/all_val.txt
pack() { for source in cnn dailymail; do tar -czf corpus/${source}_stories.tgz $source; done; }
pack
prepare() { CNNDM_DIR=$1 bash "$repository/recipes/prepare-cnndm.sh" "$2" "$bin" 2>log; }
prepare corpus data || fail "preparing: $(cat log)"
same "$(zcat data/train.source.gz | sed -n 1p)" 'The red house 16 . is small. He said "dogs run" and ran’' "article"
same "$(zcat data/train.target.gz | sed -n 1p)" "House 16 is small . dogs run!" "highlights"
for set in train:15 val:6 test:9; do
    for side in source target; do
        same "$(zcat "data/${set%:*}.$side.gz" | wc -l)" "${set#*:}" "lines of ${set%:*}.$side"
    done
done
grep -q '^val: 6 pairs, 2 left out because a side is empty' log || fail "pairs left out: $(cat log)"
[ -z "$(find data -name "prepare.*")" ] || fail "files are left behind"

# What is missing is named.
refused() {
    ! prepare "$1" refused || fail "accepted: $2"
    grep -q "$2" log || fail "message: $(cat log), expected $2"
}
refused "" "set CNNDM_DIR to a folder"
refused data "no all_train.txt"
mkdir half && ln -s ../corpus half/url_lists && ln -s ../corpus/cnn_stories.tgz half
refused half "half/dailymail_stories.tgz is missing"
head -c 100 corpus/cnn_stories.tgz >half/dailymail_stories.tgz
refused half "not a readable tar.gz"
rm half/dailymail_stories.tgz && tar -czf half/dailymail_stories.tgz cnn
refused half "no folder dailymail/stories"
echo http://x/none >>corpus/all_test.txt
refused corpus "the story of http://x/none"
sed -i '$d' corpus/all_test.txt

# From archives and a BART directory to scores, everything smaller.
"$bin/rdrop-convert" --import "$repository/tests/golden/bart" --output out/bart-large
mkdir -p programs
ln -s "$bin"/rdrop-* programs
CNNDM_DIR=corpus RDROP_BIN=programs bash "$repository/recipes/run.sh" cnndm-bart-large --out run --threads 1 \
    --set max-source-len=30 --set max-target-len=60 --set max-tokens=100 --set update-freq=2 --set max-update=6 \
    --set warmup-updates=2 --set validate-interval-updates=3 --set min-len=5 --set max-len-b=14 --set lr=1e-3 \
    >table 2>log || fail "the recipe: $(cat log)"
grep -Eq '^test( +[0-9]+\.[0-9]+)+$' table || fail "scores: $(cat table)"
grep -q 'cut' log || fail "long sources are cut, and not counted: $(cat log)"
same "$(wc -l <run/translations/test.target)" 9 "summaries"
grep -q '"event":"end","update":6,' run/train/train.jsonl || fail "the end: $(tail -n 1 run/train/train.jsonl)"
for key in "layernorm-embedding: true" "encoder-embed-dim: 8" "lenpen: 2" "no-repeat-ngram-size: 3" "forced-bos: true"; do
    grep -qx "$key" run/train/model/config.yaml || fail "the model's config.yaml has no $key"
done
cmp -s run/train/model/model.safetensors out/bart-large/model.safetensors && fail "nothing was learned"
# Back to Hugging Face, and here again: the same weights, shape and search, and so the same summaries. One key is lost:
# forced tokens always cost nothing in transformers, but something in the recipe's search.
"$bin/rdrop-convert" --export run/train/model --output hf
"$bin/rdrop-convert" --import hf --output again
# The data of a safetensors file: 8 bytes of the header's length, the header, which names the vocabulary's files, the data.
weights() { tail -c "+$(($(od -An -tu8 -N8 "$1") + 9))" "$1"; }
cmp <(weights run/train/model/model.safetensors) <(weights again/model.safetensors) ||
    fail "an exported model has other weights"
grep -qx "forced-tokens-free: true" again/config.yaml || fail "a BART directory's search pays for forced tokens"
grep -qx "early-stopping: step" again/config.yaml || fail "a BART directory's search ends otherwise than transformers'"
shape_and_search() {
    sed -n '/^prepend-bos:/,/^unk-id:/p; /^beam:/,/^nbest:/{/^forced-tokens-free:/d; /^early-stopping:/d; p}' "$1/config.yaml"
}
[ "$(shape_and_search again | wc -l)" -gt 40 ] || fail "config.yaml has no shape and search: $(cat again/config.yaml)"
diff <(shape_and_search run/train/model) <(shape_and_search again) ||
    fail "an exported model is of another shape or search"
for model in run/train/model again; do
    zcat data/test.source.gz | "$bin/rdrop-translate" --model $model --threads 1 --max-len-a 0 --max-len-b 14 \
        --truncate-source --forced-tokens-free >"$(basename $model).out" 2>log || fail "summarizing: $(cat log)"
done
cmp model.out again.out || fail "an exported model summarizes otherwise"
echo "bart: all checks passed"
