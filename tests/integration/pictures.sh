#!/usr/bin/env bash
# Pictures from folders and archives to a model that knows them: broken ones left out and counted, R-Drop with all
# augmentations, resuming, and fine-tuning of an imported model at another size.
set -euo pipefail
. "$(dirname "$0")/../assert.sh"
build=$1
repository=$(cd "$(dirname "$0")/../.." && pwd)
golden=$repository/tests/golden
bin=$(cd "$build" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1
contains() { grep -F -- "$2" "$1" >/dev/null || fail "no '$2' in: $(cat "$1")"; }

mkdir -p "$work/data/train/colour" "$work/data/train/other"
cp "$golden"/pictures/{colour.jpg,progressive.jpg,halved.jpg,colour.png,colour16.png,animated.png,palette.png} "$work/data/train/colour"
cp "$golden"/pictures/{grey.jpg,cmyk.jpg,grey.png,alpha.png,grey_alpha.png,one_bit.png} "$work/data/train/other"
head -c 500 "$golden/pictures/colour.jpg" >"$work/data/train/other/cut.jpg"
printf 'GIF89a' >"$work/data/train/other/moving.gif"
tar -czf "$work/data/pictures.tar.gz" -C "$work/data" train
cat >"$work/tiny.yaml" <<END
task: image_classification
arch: vit-ti16
trainpref: train
validpref: pictures.tar.gz:train
picture-size: 16
patch-size: 4
encoder-embed-dim: 32
encoder-layers: 2
encoder-ffn-embed-dim: 32
encoder-attention-heads: 2
decoder-attention-heads: 2
zero-init-head: false
dropout: 0
activation-dropout: 0
max-tokens: 0
max-sentences: 5
lr: 2e-3
warmup-updates: 10
lr-scheduler: fixed
max-update: 200
validate-interval-updates: 100
best-checkpoint-metric: accuracy
keep-last-n: 1
threads: 1
END
"$bin/rdrop-preprocess" "$work/tiny.yaml" --data "$work/data" --dest "$work/bin" >"$work/log" 2>&1 || fail "$(cat "$work/log")"
contains "$work/log" "classes: 2: colour, other"
contains "$work/log" "train.bin: 13 pictures of 15 (left out because they cannot be read: 2, listed in train.bin.left-out); a class: 6 to 7"
same "$(wc -l <"$work/bin/train.bin.left-out")" 2 "the list of what is left out"
contains "$work/log" "left out: $work/data/train/other/cut.jpg: JPEG: cut short"
contains "$work/log" "left out: $work/data/train/other/moving.gif: a GIF picture, which is not read here"
contains "$work/log" "valid.bin: 13 pictures of 15"
same "$(cat "$work/bin/labels.txt")" $'colour\nother' labels.txt

"$bin/rdrop-train" "$work/tiny.yaml" --data "$work/bin" --save-dir "$work/out" >"$work/log" 2>&1 || fail "$(cat "$work/log")"
contains "$work/log" "13 training pictures, 13 validation pictures"
contains "$work/log" "accuracy 1.0000 top 5 1.0000"
contains "$work/log" " pictures/s loss "
for text in '<span>pictures/s, mean</span>' '>Loss of training, per picture<' '>Negative log-likelihood, per picture<' \
    '>Speed, pictures per second<'; do
    contains "$work/out/report.html" "$text"
done
! grep -i token "$work/out/report.html" | grep -v '<code>' || fail "the report counts tokens of pictures"
contains "$work/out/model/config.yaml" 'picture-mean: "0.5"'
cmp -s "$work/bin/labels.txt" "$work/out/model/labels.txt" || fail "the model has no labels.txt"

# Classes of pictures that are named, or whose names come in; of those that cannot be read, none.
"$bin/rdrop-predict" --model "$work/out/model" "$work/data/train/colour/"* >"$work/labels" || fail "rdrop-predict"
same "$(sort "$work/labels" | uniq -c | tr -s ' ')" " 7 colour" "labels"
status=0
printf '%s\n' "$work/data/train/other/"{cmyk.jpg,cut.jpg,grey.jpg} |
    "$bin/rdrop-predict" --model "$work/out/model" --probabilities >"$work/labels" 2>"$work/log" || status=$?
same "$status $(cut -f 1 "$work/labels")" $'1 other\n\nother' "labels of a list"
same "$(awk -F '\t' 'NF { print int($2 + $3 + 0.5), NF }' "$work/labels" | sort -u)" "1 3" "probabilities"
contains "$work/log" "cut.jpg: JPEG: cut short"
contains "$work/log" "pictures that could not be read: 1"
latin=$work/$(printf 'caf\351.png') # a name that is not UTF-8
cp "$golden/pictures/grey.png" "$latin"
printf '%s\n' "$latin" | "$bin/rdrop-predict" --model "$work/out/model" >"$work/labels" 2>"$work/log" || fail "a name in Latin-1: $(cat "$work/log")"
"$bin/rdrop-predict" --model "$work/out/model" --json "$latin" "$work/$(printf '\351')" >"$work/labels" 2>"$work/log" && fail "a picture that is not there"
contains "$work/labels" $'caf\xEF\xBF\xBD.png","label"'
contains "$work/labels" 'cannot open'
"$bin/rdrop-predict" --model "$work/out/model" --json "$golden/pictures/grey.png" >"$work/labels"
contains "$work/labels" '"label":"other"'
! "$bin/rdrop-predict" --model "$work/out/model" --plain "$golden/pictures/grey.png" 2>"$work/log" || fail "--plain of pictures"
contains "$work/log" "the model reads pictures"

for picture in "$golden/pictures/grey.png" "$work/data/train/other/grey.jpg"; do
    "$bin/rdrop-predict" --model "$work/out/model" --input "$picture" >"$work/labels" 2>"$work/log" && fail "a picture as a list"
    contains "$work/log" "the input is a picture, but should list names"
done

# One name at a time is answered at once; a signal ends the wait for the next.
coproc asked { exec "$bin/rdrop-predict" --model "$work/out/model" 2>"$work/log"; }
pid=$asked_PID
echo "$golden/pictures/grey.png" >&"${asked[1]}"
read -r answer <&"${asked[0]}"
same "$answer" other "an answer to the first name"
kill -TERM "$pid" && status=0 && { wait "$pid" || status=$?; }
same "$status" 1 "a program that waits for names is stopped"
contains "$work/log" "stopped by a signal"

! printf '%s\n\n' "$golden/pictures/grey.png" | "$bin/rdrop-predict" --model "$work/out/model" >"$work/log" 2>&1 || fail "an empty name"
contains "$work/log" "standard input:2: empty; expected the name of a picture"
! printf 'grey.png\tcat\n' | "$bin/rdrop-predict" --model "$work/out/model" >"$work/log" 2>&1 || fail "a list with classes"
contains "$work/log" "standard input:1: expected the name of a picture, without a tab"

# No picture is written over, whether it is named or listed.
cp "$golden/pictures/grey.png" "$work/own.png"
! "$bin/rdrop-predict" --model "$work/out/model" --output "$work/own.png" "$work/own.png" 2>"$work/log" || fail "a picture was written over"
contains "$work/log" "own.png: both read and written"
! printf '%s\n' "$work/own.png" | "$bin/rdrop-predict" --model "$work/out/model" --output "$work/own.png" 2>"$work/log" || fail "a listed one"
cmp "$work/own.png" "$golden/pictures/grey.png" || fail "a picture was written over"
! "$bin/rdrop-predict" --model "$work/out/model" --input list "$work/own.png" 2>"$work/log" || fail "names and a list"
contains "$work/log" "--input lists others"

# Folders are classes by their names, whatever these look like; a file that is no picture is left out and named, hidden
# folders are none, a picture may be a thousand times as high as wide, and each test set has a file of its own.
named=$work/named
for class in 01 1 10 2 .notes; do mkdir -p "$named/train/$class" && cp "$golden/pictures/grey.png" "$named/train/$class"; done
mkdir -p "$named/train/2/folder.png" "$named/a/test" "$named/b/test" && ln -s nowhere "$named/train/1/lost.png"
cp "$golden/pictures/thin.png" "$named/train/2"
cp -r "$named/train/1" "$named/a/test/1" && cp -r "$named/train/1" "$named/b/test/2" && rm "$named/"?/test/?/lost.png
tar -cf "$named/all.tar" -C "$named" --exclude=folder.png --exclude=lost.png train
"$bin/rdrop-preprocess" "$work/tiny.yaml" --data "$named" --dest "$work/named-bin" --set validpref=all.tar:train \
    --set testpref=a/test/ >"$work/log" 2>&1 || fail "named: $(cat "$work/log")"
same "$(tr '\n' ' ' <"$work/named-bin/labels.txt")" "01 1 2 10 " "classes that are numbers"
contains "$work/log" "train.bin: 5 pictures of 7 (left out because they cannot be read: 2, listed in train.bin.left-out)"
contains "$work/named-bin/train.bin.left-out" "lost.png: cannot open"
contains "$work/named-bin/train.bin.left-out" "folder.png"
contains "$work/log" "valid.bin: 5 pictures;"
contains "$work/log" "test.bin: 1 pictures;"
[ ! -e "$work/named-bin/valid.bin.left-out" ] || fail "nothing was left out"
"$bin/rdrop-train" "$work/tiny.yaml" --data "$work/named-bin" --save-dir "$work/thin" --set picture-resize=256 --set max-update=2 \
    --set validate-interval-updates=2 >"$work/log" 2>&1 || fail "a thin picture: $(cat "$work/log")"
# A list's header, whose picture is none, and an empty folder make no class; a class may lack pictures where it is named.
find "$named/train" -name '*.png' -type f | grep -v notes | sed -E 's/.*train.([^/]*).[^/]*/&\t\1/' >"$named/list.tsv"
sed -i '1i path\tlabel' "$named/list.tsv"
! "$bin/rdrop-preprocess" "$work/tiny.yaml" --data "$named" --dest "$work/list-bin" --set trainpref=list.tsv \
    --set validpref=list.tsv >"$work/log" 2>&1 || fail "a header is a class"
contains "$work/log" "train.bin: no picture of class 'label' can be read (train.bin.left-out)"
contains "$work/list-bin/train.bin.left-out" "path: cannot open"
mkdir "$named/train/empty"
! "$bin/rdrop-preprocess" "$work/tiny.yaml" --data "$named" --dest "$work/list-bin" >"$work/log" 2>&1 || fail "an empty folder"
contains "$work/log" "train/empty: no picture in this folder"
contains "$work/log" "no picture of class 'empty' can be read"
rmdir "$named/train/empty" && sed -i 1d "$named/list.tsv"
"$bin/rdrop-preprocess" "$work/tiny.yaml" --data "$named" --dest "$work/list-bin" --set trainpref=list.tsv \
    --set validpref=list.tsv --set class-names=01,1,2,3,10 >"$work/log" 2>&1 || fail "a class without pictures: $(cat "$work/log")"
contains "$work/log" "warning: no picture of class '3' in train.bin"
contains "$work/log" "1 class has none"
! "$bin/rdrop-preprocess" "$work/tiny.yaml" --data "$named" --dest "$work/named-bin" --set validpref=all.tar:train \
    --set testpref=a/test,b/test >"$work/log" 2>&1 || fail "two test sets of one name"
contains "$work/log" "test set 'b/test' would overwrite test.bin"
[ ! -e "$work/named-bin/made-with.yaml" ] || fail "data of a run that failed have the record of an earlier one"

# R-Drop with everything on; stopped and gone on with, the same weights.
all=(--set reg-alpha=0.6 --set dropout=0.1 --set drop-path=0.1 --set random-resized-crop=true --set horizontal-flip=0.5
    --set rand-augment=2 --set mixup=0.8 --set cutmix=1 --set random-erasing=0.3 --set label-smoothing=0.1)
"$bin/rdrop-train" "$work/tiny.yaml" --data "$work/bin" --save-dir "$work/whole" "${all[@]}" >"$work/log" 2>&1 || fail "$(cat "$work/log")"
contains "$work/log" " kl "
"$bin/rdrop-train" "$work/tiny.yaml" --data "$work/bin" --save-dir "$work/half" "${all[@]}" --set max-update=101 >"$work/log" 2>&1
"$bin/rdrop-train" "$work/tiny.yaml" --data "$work/bin" --save-dir "$work/half" "${all[@]}" >"$work/log" 2>&1
cmp "$work/whole/checkpoints/00000200.safetensors" "$work/half/checkpoints/00000200.safetensors" || fail "resuming"

# An imported model, fine-tuned on pictures of twice its size, with other classes.
"$bin/rdrop-convert" --import "$golden/vit/hf" --output "$work/vit"
"$bin/rdrop-preprocess" "$work/tiny.yaml" --data "$work/data" --dest "$work/fine-bin" --set "finetune-from-model=$work/vit" \
    >"$work/log" 2>&1 || fail "data for fine-tuning: $(cat "$work/log")"
contains "$work/log" "classes: 2: colour, other"
"$bin/rdrop-train" "$work/tiny.yaml" --data "$work/fine-bin" --save-dir "$work/fine" --set "finetune-from-model=$work/vit" \
    --set arch=vit-ti16 --set max-update=2 --set picture-size=32 --set encoder-embed-dim=16 --set encoder-ffn-embed-dim=24 \
    --set layer-norm-eps=1e-12 >"$work/log" 2>&1 || fail "$(cat "$work/log")"
contains "$work/log" "positions are resized from pictures of 16 pixels to 32"
contains "$work/log" "classification_head.out_proj.weight starts anew"
! grep 'position-interpolation' "$work/log" >/dev/null || fail "a warning: $(cat "$work/log")"
"$bin/rdrop-train" "$work/tiny.yaml" --data "$work/bin" --save-dir "$work/same" --set "finetune-from-model=$work/vit" \
    --set arch=vit-ti16 --set max-update=2 --set encoder-embed-dim=16 --set encoder-ffn-embed-dim=24 \
    --set layer-norm-eps=1e-12 --set position-interpolation=timm --set optimizer=sgd --set adam-eps=1e-6 \
    >"$work/log" 2>&1 || fail "$(cat "$work/log")"
contains "$work/log" "position-interpolation has no effect without another picture-size"
contains "$work/log" "adam-eps has no effect without optimizer: adam"

# Refused.
! "$bin/rdrop-train" "$work/tiny.yaml" --data "$work/bin" --save-dir "$work/no" --set picture-size=15 >"$work/log" 2>&1 ||
    fail "a size that patches do not divide"
contains "$work/log" "patches of 4 pixels (patch-size) do not divide pictures of 15"
! "$bin/rdrop-train" "$work/tiny.yaml" --data "$work/bin" --save-dir "$work/no" --set arch=bert-base --set picture-size=0 >"$work/log" 2>&1 ||
    fail "a model without pictures"
contains "$work/log" "the model reads no pictures"
! "$bin/rdrop-train" "$work/tiny.yaml" --data "$work/bin" --save-dir "$work/no" --set max-sentences=0 --set max-tokens=4096 \
    >"$work/log" 2>&1 || fail "batches without a size"
contains "$work/log" "max-sentences"
mkdir "$work/data/new" && cp -r "$work/data/train/other" "$work/data/new/unheard"
! "$bin/rdrop-preprocess" "$work/tiny.yaml" --data "$work/data" --dest "$work/bin" --only binarize --set validpref=new \
    >"$work/log" 2>&1 || fail "a class that training does not have"
contains "$work/log" "class 'unheard' is none of: colour, other"
head -c 3073 /dev/zero >"$work/data/numbers.bin" # a picture of CIFAR-10's class 0
! "$bin/rdrop-preprocess" "$work/tiny.yaml" --data "$work/data" --dest "$work/bin" --only binarize --set validpref=numbers.bin \
    >"$work/log" 2>&1 || fail "numbers taken for the places of names"
contains "$work/log" "class '0' is none of: colour, other; set class-names: the file has numbers"
! "$bin/rdrop-preprocess" "$work/tiny.yaml" --data "$work/data" --dest "$work/bin" --set trainpref=nowhere \
    >"$work/log" 2>&1 || fail "a folder that is not there"
contains "$work/log" "nowhere: cannot open"

# CIFAR-100's own train.bin is not written over, nor is the recipe.
mkdir "$work/cifar" && head -c 3074 /dev/zero >"$work/cifar/train.bin" && cp "$work/cifar/train.bin" "$work/cifar/test.bin"
cp "$work/cifar/train.bin" "$work/kept"
! "$bin/rdrop-preprocess" "$work/tiny.yaml" --data "$work/cifar" --dest "$work/cifar" --set trainpref=train.bin \
    --set validpref=test.bin --set class-names=a,b >"$work/log" 2>&1 || fail "CIFAR's train.bin was written over"
contains "$work/log" "train.bin: both read and written"
cmp "$work/cifar/train.bin" "$work/kept"
! "$bin/rdrop-preprocess" "$work/tiny.yaml" --data "$work/data" --dest "$work/data/train" >"$work/log" 2>&1 ||
    fail "the result among the classes"
contains "$work/log" "the pictures are there; name another folder with --dest"
[ ! -e "$work/data/train/labels.txt" ] || fail "a file among the classes"
mkdir "$work/lists" && cp "$work/tiny.yaml" "$work/lists/valid.bin"
! "$bin/rdrop-preprocess" "$work/lists/valid.bin" --data "$work/data" --dest "$work/lists" >"$work/log" 2>&1 || fail "the recipe was written over"
contains "$work/log" "valid.bin: both read and written"
