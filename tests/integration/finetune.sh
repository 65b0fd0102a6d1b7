#!/usr/bin/env bash
# The recipe finetune-opus-mt, with a multilingual MarianMT directory that the programs have trained and exported
# themselves: from it to scores before and after, with new symbols, frozen parts and a tag. Argument: the build directory.
set -euo pipefail
. "$(dirname "$0")/../assert.sh"
bin=$(realpath "$1")
repository=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export OMP_NUM_THREADS=1

# pairs N SEED FIRST LAST TAG: sentences of the words FIRST to LAST of a dictionary, by chance
pairs() {
    awk -v n="$1" -v seed="$2" -v first="$3" -v last="$4" -v tag="$5" 'BEGIN {
        srand(seed)
        split("dog house tree road bird stone river cloud lamp", e); split("Hund Haus Baum Weg Vogel Stein Fluss Wolke Lampe", d)
        split("chien maison arbre route oiseau pierre fleuve nuage lampe", f)
        for (i = 0; i < n; i++) {
            s = tag; t = ""
            for (k = 2 + int(rand() * 3); k > 0; k--) {
                w = first + int(rand() * (last - first + 1))
                s = s (s == "" ? "" : " ") e[w]; t = t (t == "" ? "" : " ") (tag == ">>fra<<" ? f[w] : d[w])
            }
            print s > "pairs.en"; print t > "pairs.de"
        }
    }'
}
mkdir -p base corpus
for set in train:400 valid:20; do
    for tag in deu:1 fra:2; do
        pairs "${set#*:}" "${tag#*:}" 1 6 ">>${tag%:*}<<"
        for side in en de; do cat "pairs.$side" >>"base/${set%:*}.$side"; done
    done
done
cat >base.yaml <<X
source-lang: en
target-lang: de
trainpref: train
validpref: valid
joined-dictionary: true
share-all-embeddings: true
vocab-size: 60
user-defined-symbols: ">>deu<<,>>fra<<"
encoder-embed-dim: 32
encoder-ffn-embed-dim: 48
decoder-ffn-embed-dim: 48
encoder-attention-heads: 2
decoder-attention-heads: 2
encoder-layers: 1
decoder-layers: 1
max-source-positions: 40
max-target-positions: 40
lr: 1e-2
warmup-updates: 10
max-tokens: 512
max-update: 300
validate-interval-updates: 300
X
"$bin/rdrop-preprocess" base.yaml --data base --dest base-bin >log 2>&1 || fail "preprocessing: $(cat log)"
"$bin/rdrop-train" base.yaml --data base-bin --save-dir base-out --threads 1 >log 2>&1 || fail "training: $(cat log)"
"$bin/rdrop-convert" --export base-out/model --output opus 2>log || fail "exporting: $(cat log)"
# A piece that it must never choose: tests of what is made of it have to leave it out, too.
piece=$(grep -oE '"[^"]*Vogel": [0-9]+' opus/vocab.json | awk '{ print length($1), $2 }' | sort -rn | sed -n '1s/.* //p')
[ -n "$piece" ] || fail "no piece is Vogel: $(cat opus/vocab.json)"
sed -i "1s/{/{ \"suppress_tokens\": [$piece],/" opus/generation_config.json

# The domain has words that the model has not seen, and a symbol that its vocabulary has not.
pairs 300 3 5 9 "" && for side in en de; do sed '1~3s/^/<x> /' "pairs.$side" >"corpus/train.$side"; done
pairs 20 4 1 6 "" && for side in en de; do gzip -c "pairs.$side" >"corpus/general.$side.gz"; done
export OPUS_MT_DIR=$work/opus CORPUS_DIR=$work/corpus TAG=">>deu<<"
small=(--set max-tokens=512 --set lr=1e-2 --set warmup-updates=5 --set max-update=250 --set validate-interval-updates=250 --set patience=0 --set max-epoch=0 --set average-last=1
    --set update-freq=1 --set max-len-b=20 --set "extend-vocab=<x>" --set "freeze=encoder, output-bias" --set reg-alpha=0.5 --set label-smoothing=0)
ln -s "$repository/recipes" recipes
run() { bash recipes/stages.sh recipes/finetune-opus-mt.yaml out/finetune-opus-mt "$bin" --threads 1 "${small[@]}" "$@" 2>log; }
run || fail "the recipe: $(cat log)"
out=out/finetune-opus-mt
same "$(cut -d " " -f 1 $out/data/valid.en | sort -u)" ">>deu<<" "the tag"
same "$(wc -l <$out/data/train.en) $(wc -l <$out/data/valid.en) $(wc -l <$out/data/domain.en)" "285 7 8" "lines of train, valid, domain"
grep "frozen: encoder, output-bias: " log >/dev/null || fail "what is frozen is not said: $(cat log)"
before=$(awk '$1 == "domain" && $2 ~ /chrF/ { print $3 }' $out/data/before.txt)
after=$(awk '$1 == "domain" { print $3 }' $out/scores.txt)
awk -v b="$before" -v a="$after" 'BEGIN { exit !(a > b + 20) }' || fail "domain: chrF $before before, $after after"
awk '$1 == "general" && $3 > 0 { found = 1 } END { exit !found }' $out/scores.txt || fail "scores: $(cat $out/scores.txt)"
grep "^suppress-tokens: \"$piece " $out/train/model/config.yaml >/dev/null || fail "what is suppressed: $(cat $out/train/model/config.yaml)"
"$bin/rdrop-translate" --model $out/train/model --threads 1 <$out/data/general.en | cmp - $out/translations/general.de ||
    fail "the test sets are translated with other settings than the model's"
run || fail "again: $(cat log)"
grep "score is up to date" log >/dev/null || fail "not up to date: $(cat log)"

# One id each, in and out; the encoder is the one that came.
model=$out/train/model
same "$(echo '>>deu<< <x>' | "$bin/rdrop-translate" --model "$model" --max-input-length 2 2>&1 >/dev/null)" "" "tag and symbol are two tokens"
"$bin/rdrop-convert" --export "$model" --output adapted 2>/dev/null
grep '"<x>"' adapted/added_tokens.json >/dev/null || fail "the symbol is not exported"

# What makes no sense is refused.
refused() {
    ! "$bin/rdrop-train" recipes/finetune-opus-mt.yaml --data $out/bin --save-dir refused --set max-update=1 "${@:2}" 2>log >&2 ||
        fail "accepted: $*"
    grep "$1" log >/dev/null || fail "message: $(cat log), expected $1"
}
refused "freeze: no part 'head'" --set "extend-vocab=<x>" --set freeze=head
refused "nothing is left to train" --set "extend-vocab=<x>" --set "freeze=encoder, decoder, embeddings, output-bias"
refused "no parameters of the part output," --set "extend-vocab=<x>" --set "freeze=encoder, output"
refused "run rdrop-preprocess again" --set "extend-vocab=<x> <y>"
! "$bin/rdrop-preprocess" recipes/finetune-opus-mt.yaml --data $out/data --dest refused --set extend-vocab="Hund <x> <x>" >log 2>&1 ||
    fail "accepted: a symbol twice"
grep "extend-vocab: <x> is there twice" log >/dev/null || fail "message: $(cat log)"

# Another model in the place of this one is not trained on.
import() { bash recipes/prepare-model.sh opus out/opus-mt "$bin" >log 2>&1; }
import || fail "the same model: $(cat log)"
printf x | dd of=out/opus-mt/model.safetensors bs=1 seek=1000 conv=notrunc 2>/dev/null
! import || fail "accepted: another model"
grep "out/opus-mt is another model than opus" log >/dev/null || fail "message: $(cat log)"
echo "passed"
