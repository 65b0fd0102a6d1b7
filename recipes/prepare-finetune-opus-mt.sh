#!/usr/bin/env bash
# The texts of finetune-opus-mt and the model's scores before it is trained, into DATA_DIR; the model itself.
#
#   prepare-finetune-opus-mt.sh DATA_DIR BUILD_DIR
#
#   OPUS_MT_DIR  a MarianMT directory of transformers
#   CORPUS_DIR   train.SRC and train.TGT, a sentence a line; valid.* and domain.*, or every 40th and 41st pair of train
#                is taken for them; general.*, which must be there: a test set of other texts. All may be
#                gzipped (.gz)
#   LANGUAGES    "SRC TGT"; recipes/run.sh gives those of the recipe (en de)
#   START        what the model becomes; recipes/run.sh gives the recipe's finetune-from-model (out/opus-mt)
#   TAG          what each source line begins with, for multilingual models: ">>deu<<"
set -euo pipefail
data=$1 bin=$2
fail() {
    echo "prepare-finetune-opus-mt.sh: $*" >&2
    exit 1
}
[ -n "${OPUS_MT_DIR:-}" ] || fail "set OPUS_MT_DIR to the folder of a MarianMT model"
[ -n "${CORPUS_DIR:-}" ] || fail "set CORPUS_DIR to the folder with train.SRC and train.TGT"
read -r source target <<<"${LANGUAGES:-en de}"
tag=${TAG:+$TAG }
model=${START:-out/opus-mt}
[ ! "$CORPUS_DIR" -ef "$data" ] || fail "CORPUS_DIR is $data, where the result goes; move your texts elsewhere"
mkdir -p "$data/before"
# corpus NAME: the file itself, or gzipped
corpus() {
    if [ -e "$CORPUS_DIR/$1" ]; then printf '%s\n' "$CORPUS_DIR/$1"; else printf '%s\n' "$CORPUS_DIR/$1.gz"; fi
}
for side in "$source" "$target"; do
    for set in train general; do
        [ -r "$(corpus "$set.$side")" ] || fail "$CORPUS_DIR/$set.$side is missing, and so is $set.$side.gz"
    done
done
# put SET SIDE FILTER: a set's side into DATA_DIR, sources with the tag
put() {
    local from=$1 side=$2 to=$3 filter=${4:-1} before=""
    [ "$side" != "$source" ] || before=$tag
    gzip -cdf -- "$(corpus "$from.$side")" | LC_ALL=C TAG=$before awk "$filter"' { print ENVIRON["TAG"] $0 }' >"$data/$to.$side"
}
for side in "$source" "$target"; do
    put general "$side" general
    rest='1'
    for set in valid:0 domain:1; do
        name=${set%:*} place=${set#*:}
        if [ -e "$(corpus "$name.$source")" ]; then
            put "$name" "$side" "$name"
        else
            put train "$side" "$name" "NR % 40 == $place"
            rest="$rest && NR % 40 != $place"
        fi
    done
    put train "$side" train "$rest"
done
bash "$(dirname "$0")/prepare-model.sh" "$OPUS_MT_DIR" "$model" "$bin"
for set in domain general; do
    "$bin/rdrop-translate" --model "$model" --input "$data/$set.$source" --output "$data/before/$set.$target"
    "$bin/rdrop-score" --metric bleu,chrf --language-pair "$source-$target" --force --width 2 \
        --ref "$data/$set.$target" "$data/before/$set.$target" | sed "s/^/$set\t/"
done >"$data/before.log"
awk -F '\t' '{ split($2, p, " = "); split(p[1], m, "|"); split(p[2], s, " ")
               print $1 "\t" m[1] "\t" s[1] }' "$data/before.log" >"$data/before.txt"
cat "$data/before.txt"
