#!/usr/bin/env bash
# rdrop-preprocess end to end on a small corpus, the same whatever the number of threads, and every
# kind of bad input.
set -euo pipefail
export LC_ALL=C
program=$(cd "$1" && pwd)/rdrop-preprocess
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "FAILED: $*" >&2
    exit 1
}

mkdir "$work/raw"
for set in train valid test; do
    for i in $(seq 400); do
        printf 'the number %d is not %d\n' $i $((i * 37 % 101)) >&3
        printf 'die Zahl %d ist nicht %d\n' $i $((i * 37 % 101))
    done 3>"$work/raw/$set.en" >"$work/raw/$set.de"
done
gzip "$work/raw/train.de"
cat >"$work/recipe.yaml" <<END
source-lang: en
target-lang: de
trainpref: train
validpref: valid
testpref: test
vocab-type: bpe
joined-dictionary: true
vocab-size: 60
max-epoch: 1
END
run() { "$program" "$work/recipe.yaml" --data "$work/raw" "$@"; }

run --dest "$work/one" --threads 1 >"$work/log"
run --dest "$work/four" --threads 4 >/dev/null
for file in spm.model train.bin valid.bin test.bin; do
    cmp "$work/one/$file" "$work/four/$file" || fail "$file depends on the number of threads"
done
grep -q '^train.bin: 400 pairs of 400;' "$work/log" || fail "statistics: $(cat "$work/log")"
run --dest "$work/one" --only binarize --set max-source-len=1 >"$work/log"
grep -q '^train.bin: dropped 0 too short, 400 too long' "$work/log" || fail "filter: $(cat "$work/log")"
grep -q '^test.bin: 400 pairs of 400;' "$work/log" || fail "a test set was filtered"

# refuses EXIT-STATUS WORDS ARGUMENT...: one line on standard error that holds the words.
refuses() {
    local expected=$1 words=$2 status=0
    shift 2
    "$@" >/dev/null 2>"$work/message" || status=$?
    [ $status = "$expected" ] || fail "'$words': exit $status, expected $expected"
    [ "$(wc -l <"$work/message")" = 1 ] || fail "not one line: $(cat "$work/message")"
    grep -q "^rdrop-preprocess: .*$words" "$work/message" || fail "'$words': $(cat "$work/message")"
}
refuses 2 'expected a recipe' "$program"
refuses 2 '--only takes' run --dest "$work/bad" --only train
refuses 1 'no/recipe' "$program" /no/recipe --data "$work/raw" --dest "$work/bad"
refuses 1 'no such corpus' "$program" "$work/recipe.yaml" --data /no/corpora --dest "$work/bad"
refuses 1 'recipe.yaml/text' run --dest "$work/recipe.yaml/text/dest"
binarize() { run --dest "$work/four" --only binarize; }
before=$(cksum "$work/four/train.bin")
echo extra >>"$work/raw/train.en"
refuses 1 'train.en has 401, .*train.de.gz has 400' binarize
sed -i '$d' "$work/raw/train.en"
sed -i '7s/.*/\xff/' "$work/raw/train.en"
refuses 1 'train.en:7: byte 1 ' binarize
sed -i '7s/.*/seven/' "$work/raw/train.en"
truncate -s -20 "$work/raw/train.de.gz"
refuses 1 'train.de.gz.*truncated' binarize
[ "$before" = "$(cksum "$work/four/train.bin")" ] || fail "a failed run touched train.bin"
[ -z "$(find "$work" -name '*.tmp.*')" ] || fail "temporary files stay behind"
