#!/usr/bin/env bash
# Numbers that go wrong: what diverges is said, stopped, and leaves a model that still translates; sizes
# that do not fit are said before anything is computed with them.
set -u
. "$(dirname "$(realpath "$0")")/setup.sh"
n=0

train() {
    "$bin/rdrop-train" tiny.yaml --data bin "$@" >got 2>err
}
# refused TEXT: what the last command, ended by code $?, must have said in one line
refused() {
    local code=$?
    [ $code -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] && grep -qE -- "$1" err ||
        fail "exit $code, '$(cat err)' does not say '$1'"
    n=$((n + 1))
}
# sound MODEL: loads (which refuses numbers that are not finite) and translates
sound() {
    "$bin/rdrop-translate" --model "$1" --threads 1 <input >got 2>err && [ "$(wc -l <got)" -eq 3 ] ||
        fail "$1: $(cat err)"
}

# Weights that explode: updates without a finite loss are left out, ten in a row end training, and the
# checkpoints of before stay. In both precisions, where the processor has the second.
for precision in fp32 bf16; do
    name=explodes-$precision
    train --save-dir $name --set precision=$precision || {
        grep -q 'precision bf16' err && continue
        fail "$precision: $(cat err)"
    }
    cp $name/model/model.safetensors before
    train --save-dir $name --set precision=$precision --set lr=100 --set weight-decay=1 --set warmup-updates=0 \
        --set clip-norm=0 --set max-update=100 --set validate-interval-updates=1000
    refused 'not finite 10 times in a row after update [0-9]+: training diverged; .*Lower lr'
    [ "$(tail -n 10 $name/train.jsonl | grep -c '"event":"skipped"')" -eq 10 ] || fail "$precision: skips not logged"
    cmp before $name/model/model.safetensors || fail "$precision: the best model was replaced"
    sound $name/model
    # Nor are weights kept that have overflowed, when they are saved at every update.
    cp -r $name overflows
    train --save-dir overflows --set precision=$precision --set lr=100 --set weight-decay=1 \
        --set warmup-updates=0 --set clip-norm=0 --set max-update=100 --set save-interval-updates=1 \
        --set validate-interval-updates=1000
    refused 'training diverged'
    rm -r overflows
    # Gone on from the checkpoint of before with a sane rate, it trains again.
    train --save-dir $name --set precision=$precision --set max-update=6 || fail "$precision: $(cat err)"
    sound $name/model
done

# Gradients far too large: clipping keeps their direction and a step's size.
train --save-dir clipped --set clip-norm=0.1 --set reg-alpha=1000 --set max-update=20 \
    --set validate-interval-updates=20 || fail "clipped: $(cat err)"
grep -q '"event":"skipped"' clipped/train.jsonl && fail "clipped: updates were skipped"
awk -F'"gnorm":' '/"event":"train"/ { split($2, g, ","); if (g[1] > 10) large++ } END { exit large < 10 }' \
    clipped/train.jsonl || fail "clipped: the gradients were not large: $(cat clipped/train.jsonl)"
sound clipped/model

# Batches of one sentence that is nothing but its end, on either side or both.
mkdir short
printf '\na\n\nsome words\n' >short/train.en
printf '\n\nb\nmore words\n' >short/train.de
cp short/train.en short/valid.en && cp short/train.de short/valid.de
cp -r bin one && rm one/*.bin
"$bin/rdrop-preprocess" tiny.yaml --data short --dest one --threads 1 --only binarize \
    --set min-source-len=0 --set min-target-len=0 >log 2>&1 || fail "short: $(cat log)"
grep -q '^train.bin: 4 sentence pairs' log || fail "short: $(cat log)"
"$bin/rdrop-train" tiny.yaml --data one --save-dir single --set max-sentences=1 --set max-update=8 \
    >got 2>err || fail "one token: $(cat err)"
[ "$(grep -c '"event":"train".*"loss":[0-9.]' single/train.jsonl)" -eq 8 ] ||
    fail "one token: $(cat single/train.jsonl)"
sound single/model

# A validation set that is empty, a training set of which nothing is left.
: >short/none.en && : >short/none.de
"$bin/rdrop-preprocess" tiny.yaml --data short --dest one --threads 1 --only binarize --set validpref=none >got 2>err
refused 'one/valid.bin: its corpora hold no sentences'
"$bin/rdrop-preprocess" tiny.yaml --data short --dest one --threads 1 --only binarize --set testpref=none >log 2>&1 ||
    fail "empty: $(cat log)"
mv one/none.bin one/valid.bin # as other programs may make it
"$bin/rdrop-train" tiny.yaml --data one --save-dir empty >got 2>err
refused 'one/valid.bin: holds no sentences'
[ ! -e empty ] || fail "an empty validation set: a directory was made"
"$bin/rdrop-preprocess" tiny.yaml --data short --dest one --threads 1 --only binarize \
    --set max-source-len=1 --set min-target-len=2 >got 2>err
refused 'no training pair is left'

# Targets longer than the position table are refused before training; an output never is, a source is
# cut and that said, a given translation is cut.
train --save-dir positions --set max-target-positions=5
refused 'valid.bin: pair [0-9]+ has|train.bin: pair [0-9]+ has'
for ((i = 0; i < 3000; i++)); do printf 'words '; done >long && echo >>long
"$bin/rdrop-translate" --model out/model --max-len-b 1000000 --beam 2 --lenpen 3 <input >got 2>err ||
    fail "long outputs: $(cat err)"
[ "$(wc -l <got)" -eq 3 ] || fail "long outputs: $(wc -l <got) lines"
"$bin/rdrop-translate" --model out/model <long >got 2>err || fail "long source: $(cat err)"
grep -q 'standard input:1: line cut, its last [0-9]* tokens' err || fail "long source: $(cat err)"
"$bin/rdrop-translate" --model out/model --input long --score long >got 2>err || fail "long target: $(cat err)"
grep -qE '^-[0-9.]+$' got || fail "long target: $(cat got)"

# A vocabulary that is not the model's.
"$bin/rdrop-preprocess" tiny.yaml --data data --dest other --threads 1 --only vocab --set vocab-size=121 \
    >log 2>&1 || fail "other: $(cat log)"
cp -r out/model mixed && cp other/spm.model mixed
"$bin/rdrop-translate" --model mixed <input >got 2>err
refused 'mixed: its vocabulary [(][0-9a-f]{12}\.\.\.[)] is not the one'
"$bin/rdrop-translate" --model out/model --model mixed <input >got 2>err
refused 'mixed: its vocabulary '
sed -i '/^vocabulary:/d' mixed/config.yaml # as older versions wrote it
"$bin/rdrop-translate" --model mixed <input >got 2>err
refused 'mixed: the vocabularies have 121 and 121 pieces, but config.yaml says 120 and 120'
cp bin/*.bin other
"$bin/rdrop-train" tiny.yaml --data other --save-dir mixed2 --set vocab-size=121 >got 2>err
refused 'run rdrop-preprocess again'
echo "$n refusals, each as expected"
