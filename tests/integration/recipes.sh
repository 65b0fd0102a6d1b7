#!/usr/bin/env bash
# Recipes load; an archive of IWSLT14's layout is prepared; run.sh skips and runs again what it should, with short scripts
# in the place of the programs; --no-install.
set -euo pipefail
. "$(dirname "$0")/../assert.sh"
build=$1
! grep -q '^RD_SANITIZE:BOOL=ON' "$build/CMakeCache.txt" || exit 77 # scripts are the same there
repository=$(cd "$(dirname "$0")/../.." && pwd)
recipe_program=$(cd "$build" && pwd)/rdrop-recipe
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Every recipe loads. Vocabularies are settings that recipes extend, of nothing but vocabularies.
for recipe in "$repository"/recipes/*.yaml; do
    "$recipe_program" "$recipe" >"$work/resolved" || fail "$recipe does not load"
    "$recipe_program" "$work/resolved" | cmp - "$work/resolved" || fail "$recipe: what is printed does not load as it was"
done
for vocabulary in "$repository"/vocab/*.yaml; do
    grep -q "^extends: ../vocab/$(basename "$vocabulary")$" "$repository"/recipes/*.yaml ||
        fail "$vocabulary: no recipe extends it"
    [ -z "$(grep -vE '^(#|vocab-(type|size|sentences)|joined-dictionary|character-coverage|byte-fallback|mask-piece|normalization|user-defined-symbols)' "$vocabulary")" ] ||
        fail "$vocabulary says more than how a vocabulary is trained"
done
printf 'max-token: 3\n' >"$work/bad.yaml"
status=0
message=$("$recipe_program" "$work/bad.yaml" 2>&1) || status=$?
same "$status $message" \
    "1 rdrop-recipe: $work/bad.yaml:1: unknown key 'max-token'; did you mean 'max-tokens'?" "bad key"

# IWSLT14: an archive of the real one's layout.
mkdir -p "$work/de-en" "$work/iwslt"
for language in de en; do
    {
        printf '<url>http://x</url>\n<keywords>talks</keywords>\n<title>Ein TITEL</title>\n'
        for i in $(seq 45); do printf ' ÜBER Satz %d \r\n' "$i"; done
        if [ $language = de ]; then printf 'eins zwei drei vier\n'; else printf 'one\n'; fi
    } >"$work/de-en/train.tags.de-en.$language"
    for set in TED.dev2010 TEDX.dev2012 TED.tst2010 TED.tst2011 TED.tst2012; do
        printf '<mteval>\n<seg id="1"> So geht’s Ä </seg>\n</mteval>\n' \
            >"$work/de-en/IWSLT14.$set.de-en.$language.xml"
    done
done
tar -czf "$work/de-en.tgz" -C "$work" de-en
IWSLT14_ARCHIVE=$work/de-en.tgz bash "$repository/recipes/prepare-iwslt14.sh" "$work/iwslt" "$build" 2>/dev/null
for language in de en; do
    same "$(wc -l <"$work/iwslt/train.$language")" 44 "training lines" # 46 good pairs, 2 held out
    same "$(wc -l <"$work/iwslt/valid.$language")" 2 "validation lines"
    same "$(sort -u "$work/iwslt/test.$language")" "so geht's ä" "test text"
    same "$(head -n 2 "$work/iwslt/train.$language")" $'ein titel\nüber satz 1' "training text"
done
head -c 100 "$work/de-en.tgz" >"$work/cut.tgz"
! IWSLT14_ARCHIVE=$work/cut.tgz bash "$repository/recipes/prepare-iwslt14.sh" "$work/iwslt" x 2>"$work/log" ||
    fail "a truncated archive is accepted"
grep -q 'not a readable tar.gz' "$work/log" || fail "message on a truncated archive: $(cat "$work/log")"

# Multi30k in lower case.
mkdir "$work/m30k"
for prefix in train val test_2016_flickr test_2017_flickr test_2017_mscoco; do
    for language in en de fr; do echo "Äpfel UND Öl $prefix" | gzip >"$work/m30k/$prefix.$language.gz"; done
done
MULTI30K_DIR=$work/m30k bash "$repository/recipes/prepare-multi30k.sh" "$work/m30k-data" "$build"
same "$(find "$work/m30k-data" -type f | wc -l)" 15 "files without Czech"
for prefix in train val test_2016_flickr; do echo "JABLKO" | gzip >"$work/m30k/$prefix.cs.gz"; done
for again in 1 2; do
    LANGUAGES="en cs" MULTI30K_DIR=$work/m30k bash "$repository/recipes/prepare-multi30k-lower.sh" "$work/lower" "$build"
    same "$(zcat "$work/lower/val.en.gz")" "äpfel und öl val" "lower case, time $again"
    same "$(find "$work/lower" -type f | wc -l)" 8 "files of two languages, time $again"
done

# Pictures: archives of the real ones' layouts.
mkdir -p "$work/fashion" "$work/cifar/cifar-10-batches-bin" "$work/cifar/cifar-100-binary" "$work/cifar/train/cat" "$work/cifar/test/cat"
touch "$work/fashion/"{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz
FASHION_MNIST_DIR=$work/fashion bash "$repository/recipes/prepare-fashion-mnist.sh" "$work/fashion-data" "$build"
same "$(ls "$work/fashion")" "$(ls "$work/fashion-data")" "files of Fashion-MNIST"
for number in 1 2 3 4 5; do head -c 3073 /dev/zero >"$work/cifar/cifar-10-batches-bin/data_batch_$number.bin"; done
cp "$work/cifar/cifar-10-batches-bin/data_batch_1.bin" "$work/cifar/cifar-10-batches-bin/test_batch.bin"
head -c 3074 /dev/zero | tee "$work/cifar/cifar-100-binary/train.bin" >"$work/cifar/cifar-100-binary/test.bin"
touch "$work/cifar/train/cat/1.jpg" "$work/cifar/test/cat/2.jpg"
tar -czf "$work/cifar-10-binary.tar.gz" -C "$work/cifar" cifar-10-batches-bin
tar -czf "$work/cifar-100-binary.tar.gz" -C "$work/cifar" cifar-100-binary
tar -czf "$work/cifar-jpeg.tar.gz" -C "$work/cifar" train test
CIFAR10_ARCHIVE=$work/cifar-10-binary.tar.gz bash "$repository/recipes/prepare-cifar10.sh" "$work/cifar-data" "$build"
same "$(tar -tzf "$work/cifar-data/cifar10.tar.gz" | LC_ALL=C sort | tr '\n' ' ')" \
    "test.bin train_1.bin train_2.bin train_3.bin train_4.bin train_5.bin " "CIFAR-10's binary files"
CIFAR10_ARCHIVE=$work/cifar-jpeg.tar.gz bash "$repository/recipes/prepare-cifar10.sh" "$work/cifar-data" "$build"
cmp "$work/cifar-jpeg.tar.gz" "$work/cifar-data/cifar10.tar.gz" || fail "an archive of folders is changed"
CIFAR100_ARCHIVE=$work/cifar-100-binary.tar.gz bash "$repository/recipes/prepare-cifar100.sh" "$work/cifar-data" "$build"
! CIFAR100_ARCHIVE=$work/cifar-jpeg.tar.gz bash "$repository/recipes/prepare-cifar100.sh" "$work/cifar-data" x 2>"$work/log" ||
    fail "an archive without train.bin is accepted"
grep 'holds no train.bin' "$work/log" >/dev/null || fail "message on CIFAR-100: $(cat "$work/log")"

# ImageNet: archives in an archive, and a flat one.
mkdir -p "$work/imagenet/n01" "$work/imagenet/n02" "$work/imagenet/flat"
touch "$work/imagenet/n01/n01_1.JPEG" "$work/imagenet/n02/n02_1.JPEG" "$work/imagenet/flat/"{val_1,val_2,val_3}.JPEG
for class in n01 n02; do tar -cf "$work/imagenet/$class.tar" -C "$work/imagenet/$class" "${class}_1.JPEG"; done
tar -cf "$work/imagenet/ILSVRC2012_img_train.tar" -C "$work/imagenet" n01.tar n02.tar
tar -cf "$work/imagenet/ILSVRC2012_img_val.tar" -C "$work/imagenet/flat" val_1.JPEG val_2.JPEG val_3.JPEG
printf 'n02\nn01\nn02\n' >"$work/imagenet/val_classes.txt"
for again in 1 2; do
    IMAGENET_DIR=$work/imagenet bash "$repository/recipes/prepare-imagenet.sh" "$work/imagenet-data" "$build"
    same "$(cd "$work/imagenet-data" && find train val -type f | LC_ALL=C sort | tr '\n' ' ')" \
        "train/n01/n01_1.JPEG train/n02/n02_1.JPEG val/n01/val_2.JPEG val/n02/val_1.JPEG val/n02/val_3.JPEG " \
        "ImageNet, time $again"
done
mkdir -p "$work/imagenet-own/train/cats" && touch "$work/imagenet-own/train/cats/own.jpg"
IMAGENET_DIR=$work/imagenet bash "$repository/recipes/prepare-imagenet.sh" "$work/imagenet-own" "$build" 2>"$work/log" &&
    fail "pictures that are there already"
grep 'train is to be made of' "$work/log" >/dev/null && [ -e "$work/imagenet-own/train/cats/own.jpg" ] ||
    fail "pictures that are there already: $(cat "$work/log")"
printf 'n02\n../up\nn02\n' >"$work/imagenet/val_classes.txt"
! IMAGENET_DIR=$work/imagenet bash "$repository/recipes/prepare-imagenet.sh" "$work/imagenet-data" x 2>"$work/log" ||
    fail "a class that leads outside is accepted"
grep "val_classes.txt:2: '../up' is no class" "$work/log" >/dev/null || fail "message on ImageNet: $(cat "$work/log")"
IMAGENET_DIR=$work/imagenet-data bash "$repository/recipes/prepare-imagenet.sh" "$work/imagenet-links" "$build"
same "$(cat "$work/imagenet-links/train/n01/n01_1.JPEG" && readlink "$work/imagenet-links/train")" "$work/imagenet-data/train" "links"

# SciTLDR: a folder of the real one's layout, and one that lacks a file.
mkdir "$work/sci"
touch "$work/sci/"{train,val,test}.{source,target}.gz "$work/sci/"{val,test}.refs.jsonl
SCITLDR_DIR=$work/sci bash "$repository/recipes/prepare-scitldr.sh" "$work/scitldr" "$build"
same "$(ls "$work/sci")" "$(ls "$work/scitldr")" "files of scitldr"
echo keep >"$work/keep" && ln -sf "$work/keep" "$work/scitldr/train.source.gz" # what a link leads to is not written to
SCITLDR_DIR=$work/sci bash "$repository/recipes/prepare-scitldr.sh" "$work/scitldr" "$build"
same "$(cat "$work/keep")" keep "a file that a link leads to"
rm "$work/sci/val.refs.jsonl"
! SCITLDR_DIR=$work/sci bash "$repository/recipes/prepare-scitldr.sh" "$work/scitldr" "$build" 2>"$work/log" ||
    fail "a folder without val.refs.jsonl is accepted"
grep -q 'val.refs.jsonl is missing; set SCITLDR_DIR' "$work/log" || fail "message: $(cat "$work/log")"

# Text to denoise: long documents cut behind a full stop, or anywhere; every 50th held out; nothing lost.
{ for i in $(seq 98); do echo "a document $i"; done; echo "one two. three four. five six"; echo "a b c d e f"; } |
    gzip >"$work/text.gz"
echo "the  end" >"$work/more"
DENOISE_TEXT="$work/text.gz $work/more" DENOISE_WORDS=5 \
    bash "$repository/recipes/prepare-denoise.sh" "$work/denoise" "$build"
same "$(tail -n 4 "$work/denoise/train.text")" $'one two. three four.\na b c d e\nf\nthe end' "documents"
same "$(paste -s -d , "$work/denoise/valid.text")" "a document 50,five six" "documents held out"
cp "$work/more" "$work/a blank"
! DENOISE_TEXT="$work/a blank" bash "$repository/recipes/prepare-denoise.sh" "$work/denoise" "$build" 2>"$work/log" ||
    fail "two words to denoise are enough"
grep -q 'fewer than 50 documents' "$work/log" || fail "message: $(cat "$work/log")"

# What a script would write over, or cannot keep, is left alone.
cp "$work/more" "$work/denoise/train.text"
! DENOISE_TEXT="$work/denoise/train.text" bash "$repository/recipes/prepare-denoise.sh" "$work/denoise" "$build" 2>"$work/log" ||
    fail "a text is written over"
cmp "$work/more" "$work/denoise/train.text" || fail "a text was written over"
mkdir -p "$work/glue/QQP" && printf 'a\tb\tc\td\te\tf\n' | tee "$work/glue/QQP/train.tsv" >"$work/glue/QQP/dev.tsv"
! GLUE_DIR=$work/glue bash "$repository/recipes/prepare-glue.sh" "$work/glue" "$build" 2>"$work/log" || fail "tables are written over"
[ -s "$work/glue/QQP/train.tsv" ] || fail "tables were written over"
mkdir -p "$work/stories/cnn/stories" "$work/stories/dailymail/stories" "$work/disk"
printf 'news\n\n@highlight\n\nmore\n' >"$work/stories/cnn/stories/$(printf url | sha1sum | cut -d' ' -f1).story"
for source in cnn dailymail; do tar -czf "$work/stories/${source}_stories.tgz" -C "$work/stories" $source; done
for set in train val test; do echo url >"$work/stories/all_$set.txt"; done
CNNDM_DIR=$work/stories bash "$repository/recipes/prepare-cnndm.sh" "$work/cnndm" "$build" 2>"$work/log" || fail "stories: $(cat "$work/log")"
printf '#!/bin/sh\ncase "$*" in *train.source) echo "No space left on device" >&2; exit 1 ;; esac\nexec %s "$@"\n' \
    "$(command -v gzip)" >"$work/disk/gzip" && chmod +x "$work/disk/gzip"
! PATH=$work/disk:$PATH CNNDM_DIR=$work/stories bash "$repository/recipes/prepare-cnndm.sh" "$work/cnndm" "$build" 2>"$work/log" ||
    fail "a full disk is not noticed"
# WikiText: from the first address that has the published file, and no other.
mkdir -p "$work/web" "$work/wikitext-2" "$work/checkout/recipes"
cp "$repository/recipes/download.sh" "$repository/recipes/prepare-wikitext.sh" "$work/checkout/recipes"
for part in train valid test; do echo $part >"$work/wikitext-2/wiki.$part.tokens"; done
wiki() { PATH=$work/web:$PATH bash "$work/checkout/recipes/prepare-wikitext.sh" wikitext-2 "$work/wiki" 2>"$work/log"; }
printf '#!/bin/bash\nfor last; do :; done\necho "$last" >>"%s"\necho page >"$5"\n' "$work/asked" >"$work/web/curl"
chmod +x "$work/web/curl"
! wiki || fail "a page is no archive"
same "$(sed 's|/wikitext-2-v1.zip$||' "$work/asked" | tr '\n' ' ')" \
    "https://wikitext.smerity.com https://s3.amazonaws.com/research.metamind.io/wikitext " "addresses"
grep 'not the file that was published' "$work/log" >/dev/null || fail "message: $(cat "$work/log")"
same "$(ls "$work/wiki")" "" "what is left of a failed download"
if command -v zip >/dev/null && command -v unzip >/dev/null; then
    (cd "$work" && zip -q -r wiki.zip wikitext-2)
    WIKITEXT_ZIP=$work/wiki.zip wiki || fail "an archive: $(cat "$work/log")"
    same "$(zcat "$work/wiki/wiki.valid.tokens.gz")" valid "text of the archive"
fi
# What is kept is not downloaded again.
cp "$repository/recipes/prepare-shakespeare.sh" "$work/checkout/recipes" && mkdir "$work/kept" && rm "$work/asked"
for n in 1 2; do
    PATH=$work/web:$PATH RDROP_DOWNLOADS=$work/kept bash "$work/checkout/recipes/prepare-shakespeare.sh" "$work/plays$n" "$build" \
        2>"$work/log" || fail "shakespeare: $(cat "$work/log")"
done
same "$(wc -l <"$work/asked") $(cat "$work/plays2/input.txt")" "1 page" "downloads that are kept"
mkdir "$work/few"
for command in bash dirname mkdir; do ln -s "$(command -v $command)" "$work/few/$command"; done
! WIKITEXT_ZIP=$work/wiki.zip PATH=$work/few bash "$work/checkout/recipes/prepare-wikitext.sh" wikitext-2 "$work/wiki" 2>"$work/log" ||
    fail "no unzip"
grep 'there is no program unzip; install the package unzip' "$work/log" >/dev/null || fail "message: $(cat "$work/log")"

# A job of Slurm queues itself again only when its training was saved and stopped.
mkdir "$work/slurm"
printf '#!/bin/sh\necho "$@" >>"%s"\n' "$work/requeued" >"$work/slurm/scontrol"
cat >"$work/slurm/rdrop-train" <<'END'
#!/bin/sh
stop() { trap '' USR1; exit "$1"; } # a further signal must not end it
trap "stop $1" USR1
while kill -USR1 $PPID; do :; done
END
chmod +x "$work/slurm/"*
for code in 1 137 138; do
    status=0
    PATH=$work/slurm:$PATH RDROP_LAUNCH=env SLURM_JOB_ID=17 bash "$repository/recipes/slurm/train.sh" $code 2>/dev/null || status=$?
    same "$status $(cat "$work/requeued" 2>/dev/null)" "$([ $code = 138 ] && echo '0 requeue 17' || echo "$code ")" "a job that ends with $code"
done

# Stand-ins that note how they were called, and leave files whose content depends on what is real for it.
mkdir -p "$work/bin" "$work/recipes"
ln -s "$recipe_program" "$work/bin/rdrop-recipe"
for program in preprocess train translate score; do
    cat >"$work/bin/rdrop-$program" <<END
#!/bin/bash
echo "$program \$*" >>"$work/calls"
recipe=\$1 settings=() average=no unchanged=no
for argument; do
    case \$last in
    --data) data=\$argument ;;
    --dest | --save-dir) dest=\$argument ;;
    --only) only=\$argument ;;
    --model) model=\$argument ;;
    --output) output=\$argument ;;
    --set) settings+=(--set "\$argument") ;;
    esac
    [ "\$argument" != --average ] || average=yes
    [ "\$argument" != --unchanged ] || unchanged=yes
    last=\$argument
done
END
    chmod +x "$work/bin/rdrop-$program"
done
cat >>"$work/bin/rdrop-preprocess" <<'END'
mkdir -p "$dest"
case $only in
vocab) cat "$data"/train.* >"$dest/spm.model" ;;
binarize) for set in train valid; do cat "$dest/spm.model" "$data"/t*.* >"$dest/$set.bin"; done ;;
esac
END
cat >>"$work/bin/rdrop-train" <<'END'
mkdir -p "$dest/checkpoints" "$dest/model"
if [ $average = yes ]; then
    { cat "$dest"/checkpoints/*; echo average; } >"$dest/model/model.safetensors"
else
    resolved=$("$(dirname "$0")/rdrop-recipe" "$recipe" "${settings[@]}")
    start=$(sed -n 's/^finetune-from-model: "\(.*\)"$/\1/p' <<<"$resolved")
    grep -E '^(lr|reg-alpha|label-smoothing):' <<<"$resolved" >"$dest/lock"
    cat "$data"/* ${start:+"$start/model.safetensors"} >>"$dest/lock"
    [ $unchanged = no ] || [ ! -e "$dest/began" ] || cmp -s "$dest/lock" "$dest/began" || exit 3
    cp "$dest/lock" "$dest/began"
    { echo "$resolved"; cat "$dest/began"; } >"$dest/checkpoints/1"
    echo best >"$dest/model/model.safetensors"
fi
END
cat >>"$work/bin/rdrop-translate" <<'END'
{ echo "$*"; cat "$model/model.safetensors"; } >"$output"
END
printf 'echo "BLEU|case:lc = 41.5 60/50"\necho "chrF2|case:lc = 62.0"\n' >>"$work/bin/rdrop-score"
printf 'mkdir -p "$1"; for f in train val t1 t2; do echo x >"$1/$f.en"; echo y >"$1/$f.de"; done\n' \
    >"$work/recipes/prepare-toy.sh"
cat >"$work/recipes/base.yaml" <<END
prepare: prepare-toy.sh
source-lang: en
target-lang: de
trainpref: train
validpref: val
testpref: t1,t2
max-epoch: 1
END
printf 'extends: base.yaml\nreg-alpha: 5\n' >"$work/recipes/toy.yaml"
# Runs run.sh and prints the stages it ran.
run() {
    RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" "$work/recipes/toy.yaml" --out "$work/out" "$@" \
        >"$work/table" 2>"$work/log" || fail "run.sh $*: $(cat "$work/log")"
    sed -n 's/^\[toy\] [1-7]\/7 \([a-z]*\)$/\1/p' "$work/log" | tr '\n' ' '
}
same "$(run)" "prepare vocab binarize train average translate score " "first run"
grep -q '^score .*--language-pair source-de .*--ref' "$work/calls" || fail "scores are not told the target language"
same "$(run --set score-tokenizer=intl)" "score " "another tokenizer"
tail -1 "$work/calls" | grep -- '--tokenize intl --rouge-tokenizer intl ' >/dev/null || fail "the recipe's tokenizer: $(tail -1 "$work/calls")"
same "$(run --set score-tokenizer=13a)" "score " "13a"
tail -1 "$work/calls" | grep -- '--tokenize 13a --rouge-tokenizer default ' >/dev/null || fail "13a: $(tail -1 "$work/calls")"
same "$(run)" "score " "the language's tokenizer"
same "$(tr -s ' ' <"$work/table")" $'test set BLEU chrF2\nt1 41.5 62.0\nt2 41.5 62.0' "table"
same "$(run)" "" "nothing changed"
# A key that an older version did not know counts as its default.
sed -i '/^label-smoothing: 0$/d; /^threshold: 0$/d' "$work/out/stages/"*
same "$(run)" "" "keys at their defaults are new"
same "$(run --threads 2)" "" "threads change no result"
touch -d '+1 minute' "$work/out/data/"* "$work/out/bin/"* "$work/out/train/model/"*
same "$(run)" "" "dates alone changed"
same "$(run --set beam=2)" "translate score " "--set beam"
same "$(run)" "translate score " "back to the recipe's beam"
same "$(run --from average)" "average translate score " "--from"
echo "lr: 1e-3" >>"$work/recipes/base.yaml"
same "$(run)" "train average translate score " "a change of the extended recipe"
[ -d "$work/out/train.1" ] || fail "the model of the other recipe was not put aside"
# Not while another process trains there.
(
    flock -n 9 && ! RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" "$work/recipes/toy.yaml" --out "$work/out" \
        --set lr=2e-3 >/dev/null 2>"$work/log"
) 9>>"$work/out/train/lock" || fail "a training whose lock is held goes on: $(cat "$work/log")"
[ ! -e "$work/out/train.2" ] || fail "a training whose lock is held was moved away"
run >/dev/null
# Nor while another run is at work, which is named.
(
    flock -n 9 && echo '123 on here' >"$work/out/stages/lock" &&
        ! RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" "$work/recipes/toy.yaml" --out "$work/out" \
            --set lr=2e-3 >/dev/null 2>"$work/log"
) 9>>"$work/out/stages/lock" || fail "two runs in one folder: $(cat "$work/log")"
same "$(cat "$work/log")" \
    "[toy] $work/out: process 123 on here, or a program that it started, is at work there" "two runs in one folder"
same "$(run)" "" "the second run changed nothing"
same "$(run --set max-epoch=2)" "train average translate score " "more epochs"
grep -q -- '--ref .*/t1.de ' "$work/calls" || fail "the reference of t1"
printf '["y"]\n' >"$work/out/data/t1.refs.jsonl"
run --set max-epoch=2 --from score >/dev/null
grep -q -- '--ref .*/t1.refs.jsonl ' "$work/calls" || fail "several references are not used"
rm "$work/out/data/t1.refs.jsonl"
# Where subword-nmt cut the text, references are joined as the model's words are.
cp "$work/out/data/t1.de" "$work/whole" && echo 'ein@@ es Hun@@ des@@' >"$work/out/data/t1.de"
run --set max-epoch=2 >/dev/null
printf 'ein@@ 1\nes 1\n' >"$work/out/train/model/dict.target.txt"
run --set max-epoch=2 --from score >/dev/null
same "$(cat "$work/out/references/t1.de")" "eines Hundes" "a reference of pieces"
grep -q -- '--ref .*/references/t1.de ' "$work/calls" || fail "a reference of pieces is scored against"
echo '["ein@@ es", "Hun@@ des@@"]' >"$work/out/data/t1.refs.jsonl"
run --set max-epoch=2 --from score >/dev/null
same "$(cat "$work/out/references/t1.refs.jsonl")" '["eines", "Hundes"]' "several references of pieces"
grep -q -- '--ref .*/references/t1.refs.jsonl ' "$work/calls" || fail "several references of pieces are scored against"
rm -r "$work/out/data/t1.refs.jsonl" "$work/out/references"
{ echo 'ein@@ 1' && seq -f 'w%g 1' 100; } >"$work/out/train/model/dict.target.txt"
run --set max-epoch=2 --from score >/dev/null
[ ! -e "$work/out/references" ] || fail "one word of a hundred that ends with @@ makes no pieces"
mv "$work/whole" "$work/out/data/t1.de" && rm "$work/out/train/model/dict.target.txt"
mkdir "$work/start" && echo one >"$work/start/model.safetensors"
case $(run --set finetune-from-model="$work/start") in *train*) ;; *) fail "another start is another training" ;; esac
same "$(run --set finetune-from-model="$work/start")" "" "the same start"
touch -d '+1 minute' "$work/start/model.safetensors"
same "$(run --set finetune-from-model="$work/start")" "" "a start of another date"
echo two >"$work/start/model.safetensors"
same "$(run --set finetune-from-model="$work/start")" "train average translate score " "a start trained anew"
rm -r "$work/out/train".*
run >/dev/null && rm -rf "$work/out/train".*
case $(run --set workers=2 --set tensorboard=true) in *train*) ;; *) fail "other workers, and nothing runs" ;; esac
[ ! -d "$work/out/train.1" ] || fail "other workers started training afresh"
run >/dev/null
[ ! -d "$work/out/train.2" ] || fail "more epochs started training afresh"
rm -rf "$work/out/train".*
echo more >>"$work/out/data/train.en" && touch -d '-1 day' "$work/out/data/train.en"
same "$(run --set max-epoch=2)" "vocab binarize train average translate score " "more data, of an older date"
[ -d "$work/out/train.1" ] || fail "the model of other data was not put aside"
echo z >"$work/out/data/t2.en"
same "$(run --set max-epoch=2)" "binarize train average translate score " "another test set" # a stand-in's train.bin has it
run --set max-epoch=2 --from prepare >/dev/null # the corpora as they were
same "$(run --set max-epoch=2 --set testpref=t1)" "prepare binarize translate score " "fewer test sets: no new training"
same "$(run --set max-epoch=2 --set testpref=' t1, t2')" "prepare binarize translate score " "blanks between test sets"
run --set max-epoch=2 >/dev/null
echo 'not the model' >"$work/out/train/model/model.safetensors"
same "$(run --set max-epoch=2)" "average " "what averaging left is gone"
echo x >"$work/out/bin/dict.source.txt"
same "$(run --set max-epoch=2)" "vocab binarize train average translate score " "a vocabulary file appeared"
rm "$work/out/bin/dict.source.txt" && run --set max-epoch=2 >/dev/null
rm "$work/out/data/t2.en"
same "$(run --set max-epoch=2)" "prepare " "a corpus is gone"
# Texts are passed on as they are.
run --set max-epoch=2 --set sequence-bias='5 6: -2.5, 7: -inf' >/dev/null || fail "a bias: $(cat "$work/log")"
grep -F -- '--sequence-bias=5 6: -2.5, 7: -inf --' "$work/calls" >/dev/null || fail "sequence-bias: $(tail -n 3 "$work/calls")"
run --set max-epoch=2 >/dev/null
rm "$work/out/translations/t2.de"
same "$(run --set max-epoch=2)" "translate " "a translation is gone"
grep -q -- "--set max-epoch=2" "$work/calls" || fail "--set is not passed on"
# Recipes beside it, named by its key and by --compare: each once, with the same options, all scores in one
# table; one that is not there is known before anything runs.
run --compare "$work/recipes/toy-baseline.yaml" --set compare="toy-baseline, toy" --set max-epoch=2 --set reg-alpha=4 >/dev/null
same "$(tr -s ' ' <"$work/table")" "recipe reg-alpha test set BLEU chrF2
toy 4 t1 41.5 62.0
toy 4 t2 41.5 62.0
toy-baseline 0 t1 41.5 62.0
toy-baseline 0 t2 41.5 62.0" "table of a recipe and its twin"
[ "$(grep -c '^\[toy-baseline\] 4/7 train$' "$work/log")" = 1 ] || fail "the second recipe: $(cat "$work/log")"
grep -q -- "train $work/recipes/toy.yaml --data $work/out-toy-baseline/bin .*--set max-epoch=2 .*--set reg-alpha=0" \
    "$work/calls" || fail "calls of the second recipe: $(cat "$work/calls")"
same "$(cat "$work/out-toy-baseline/train/began" | grep reg-alpha)" "reg-alpha: 0" "what the twin was trained with"
# Its twin can be run alone; a file of that name goes first; one without R-Drop has no twin.
RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" "$work/recipes/toy-baseline.yaml" --out "$work/alone" 2>"$work/log" |
    grep '^t2 .*41.5' >/dev/null || fail "a twin alone: $(cat "$work/log")"
same "$(grep reg-alpha "$work/alone/train/began")" "reg-alpha: 0" "a twin alone"
printf 'extends: toy.yaml\nreg-alpha: 2\n' >"$work/recipes/toy-baseline.yaml"
run --compare toy-baseline >/dev/null
same "$(tr -s ' ' <"$work/table" | sed -n 4p)" "toy-baseline 2 t1 41.5 62.0" "a file that is called baseline"
rm "$work/recipes/toy-baseline.yaml"
# A recipe is itself under all its names, and its own twin's, whatever is called so here; what one that it extends is
# compared with is none of its.
mkdir "$work/own" && printf 'extends: %s/recipes/toy.yaml\ncompare: toy-baseline\nlr: 0.5\n' "$work" >"$work/own/quickstart.yaml"
(cd "$work/own" && RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" quickstart.yaml --out "$work/mine" --compare ./quickstart.yaml \
    --compare quickstart-baseline.yaml --compare quickstart --set compare= >"$work/table" 2>"$work/log") || fail "names: $(cat "$work/log")"
same "$(tr -s ' ' <"$work/table" | cut -d' ' -f1-2 | tail -n +2 | uniq | tr '\n' ' ')" "quickstart 5 quickstart-baseline 0 " "its own twin"
same "$(cat "$work/mine/train/began" "$work/mine-quickstart-baseline/train/began" | grep -c '^lr: 0.5')" 2 "its own twin's rate"
printf 'extends: quickstart.yaml\n' >"$work/own/extended.yaml"
RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" "$work/own/extended.yaml" --out "$work/extended" >"$work/table" 2>"$work/log" ||
    fail "an extended recipe: $(cat "$work/log")"
same "$(tr -s ' ' <"$work/table" | head -1)" "test set BLEU chrF2" "a recipe that is compared with none"
RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" "$work/recipes/base-baseline.yaml" --out "$work/new" >/dev/null 2>"$work/log" &&
    fail "a twin of a recipe without R-Drop"
grep -q "base-baseline: .*base.yaml is without R-Drop itself" "$work/log" && [ ! -e "$work/new" ] || fail "message: $(cat "$work/log")"
RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" "$work/recipes/toy.yaml" --out "$work/new" \
    --set compare=nonesuch >/dev/null 2>"$work/log" && fail "no such recipe to compare with"
grep -q "no recipe 'nonesuch'" "$work/log" && [ ! -e "$work/new" ] || fail "message: $(cat "$work/log")"
RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" nonesuch >/dev/null 2>"$work/log" && fail "no such recipe"
grep -q "no recipe 'nonesuch'" "$work/log" || fail "message: $(cat "$work/log")"
# Seeds are numbers, each once, before anything is trained; an option is no value of another one.
wrong() {
    local text=$1 code=0
    shift
    RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" "$work/recipes/toy.yaml" "$@" >/dev/null 2>"$work/log" || code=$?
    [ "$code" -eq 2 ] && grep -F -- "$text" "$work/log" >/dev/null || fail "$*: exit $code, $(cat "$work/log")"
}
wrong "'' is no number" --seeds 1,,2
wrong "'x' is no number" --seeds '1, x'
wrong 'comes twice' --seeds 2,1,2
wrong '--seed 1 or --seeds 2 3?' --seed 1 --seeds 2,3
wrong 'needs numbers' --seeds ''
wrong '--out needs a value' --out --no-install
# A script that another folder's recipe names is there, not here.
mkdir "$work/elsewhere" && printf 'extends:\n  "../recipes/base.yaml"   # with a script\n' >"$work/elsewhere/far.yaml"
RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" "$work/elsewhere/far.yaml" --out "$work/far/" --compare "$work/recipes/toy.yaml" \
    >/dev/null 2>"$work/log" || fail "a script of an extended recipe: $(cat "$work/log")"
[ -e "$work/far-toy/scores.txt" ] || fail "--out with a slash at its end: $(ls "$work" "$work/far")"
# Names of test sets are names, whatever characters they have; absolute ones are found, and missing or
# ambiguous ones are known before anything is trained. A name without effect but on sed runs nothing.
: >"$work/calls"
cd "$work"
names=("touch pwned #|e;#" '-e' 'a&b\1|c' 'd$(touch pwned)`touch pwned`')
mkdir -p "$work/sets" "$work/odd/data"
for name in "${names[@]}"; do for language in en de; do echo x >"$work/sets/$name.$language"; done; done
for name in train val; do for language in en de; do echo x >"$work/odd/data/$name.$language"; done; done
{
    printf 'source-lang: en\ntarget-lang: de\ntrainpref: train\nvalidpref: val\nmax-epoch: 1\n'
    printf "testpref: '"
    printf '../../sets/%s,' "${names[@]:0:3}"
    printf "%s'\n" "$work/sets/${names[3]}"
} >"$work/odd.yaml"
odd() {
    RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" "$work/odd.yaml" --out "$work/odd" "$@" \
        >"$work/table" 2>"$work/log"
}
odd || fail "names of test sets: $(cat "$work/log")"
[ -z "$(find "$work" -name pwned)" ] || fail "a name ran a command"
same "$(tail -n +2 "$work/table" | sed 's/ *[0-9.]* *[0-9.]*$//' | tr '\n' ,)" \
    "$(printf '%s,' "${names[@]}")" "names in the table"
same "$(odd && grep -c 'is up to date' "$work/log")" 7 "odd names, nothing changed"
grep -qF -- "--input $work/sets/${names[3]}.en " "$work/calls" || fail "an absolute prefix: $(cat "$work/calls")"
: >"$work/calls"
! odd --set testpref="$work/sets/nowhere" || fail "no such test set"
grep -q "sets/nowhere.en: no such test set" "$work/log" || fail "message: $(cat "$work/log")"
! odd --set testpref="../../sets/-e,$work/sets/-e" || fail "two test sets of one name"
grep -q 'two test sets are called -e' "$work/log" || fail "message: $(cat "$work/log")"
! odd --set target-lang=../de || fail "a language with a slash"
grep -q 'without a slash' "$work/log" || fail "message: $(cat "$work/log")"
[ ! -s "$work/calls" ] || fail "programs ran before test sets were looked for: $(cat "$work/calls")"
cd "$repository"

# What prepare copies is known by the variables that it asks for: another folder, or other files in it, are prepared
# anew; without the variable what is there will do.
printf 'mkdir -p "$1"; cp "${TOY_DIR:-/nowhere}"/* "$1"; echo "${TOY_LIST:-}"\n' >"$work/recipes/prepare-inner.sh"
printf 'bash "$(dirname "$0")/prepare-inner.sh" "$1"\n' >"$work/recipes/prepare-given.sh"
printf 'extends: base.yaml\nprepare: prepare-given.sh\ntestpref: t1\n' >"$work/recipes/given.yaml"
for folder in first second; do mkdir "$work/$folder" && cp "$work/out/data/"*.?? "$work/$folder"; done
echo other >>"$work/second/train.en"
given() {
    RDROP_BIN=$work/bin bash "$repository/recipes/stages.sh" "$work/recipes/given.yaml" "$work/given" "$work/bin" 2>"$work/log" ||
        fail "stages.sh: $(cat "$work/log")"
    sed -n 's/^\[given\] [1-3]\/7 \([a-z]*\)$/\1/p' "$work/log" | tr '\n' ' '
}
same "$(TOY_DIR=$work/first given)" "prepare vocab binarize " "prepared from a folder"
same "$(TOY_DIR=$work/first given)" "" "the same folder"
same "$(given)" "" "no folder named"
same "$(TOY_DIR=$work/second given)" "prepare vocab binarize " "another folder"
echo more >>"$work/second/train.en"
same "$(TOY_DIR=$work/second given)" "prepare vocab binarize " "another file in it"
export TOY_LIST="$work/second/t1.en $work/first/t1.en"
same "$(TOY_DIR=$work/second given)" "prepare " "a list of files"
same "$(TOY_DIR=$work/second given)" "" "the same files"
echo more >>"$work/first/t1.en"
same "$(TOY_DIR=$work/second given)" "prepare " "another content of the last file"
unset TOY_LIST
# However the script writes the variable.
printf 'cp "${TOY_DIR:?}"/* "$1"; echo $TOY_LIST\n' >"$work/recipes/prepare-inner.sh"
TOY_DIR=$work/first given >/dev/null
same "$(TOY_DIR=$work/first given)" "" "the same folder, another form"
case $(TOY_DIR=$work/second given) in prepare*) ;; *) fail "another folder, \${TOY_DIR:?}" ;; esac
case $(TOY_DIR=$work/second TOY_LIST=$work/first/t1.en given) in prepare*) ;; *) fail "another list, \$TOY_LIST" ;; esac
printf 'cp "$TOY_DIR"/* "$1"; echo $SECONDS $OSTYPE $TERM\n' >"$work/recipes/prepare-inner.sh"
TOY_DIR=$work/first given >/dev/null
same "$(given)" "" "no folder named, and variables of the shell"
for words in 0 00 abc; do
    ! DENOISE_WORDS=$words DENOISE_TEXT=$work/first/train.en bash "$repository/recipes/prepare-denoise.sh" "$work/none" 2>"$work/log" ||
        fail "DENOISE_WORDS=$words"
    grep "DENOISE_WORDS is $words; expected a number from 1" "$work/log" >/dev/null || fail "message: $(cat "$work/log")"
done

# Two recipes, or two tables, of one name are refused; means have a row for each name, with its blanks.
mkdir "$work/twins" && cp "$work/recipes/toy.yaml" "$work/recipes/base.yaml" "$work/recipes/prepare-toy.sh" "$work/twins"
! RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" "$work/recipes/toy.yaml" --compare "$work/twins/toy.yaml" \
    --out "$work/new" >/dev/null 2>"$work/log" || fail "two recipes of one name"
grep 'two recipes are called toy;' "$work/log" >/dev/null || fail "message: $(cat "$work/log")"
printf 'extends: base.yaml\ntask: sentence_prediction\ntestpref: a/dev.csv,b/dev.csv\n' >"$work/recipes/tables.yaml"
! bash "$repository/recipes/stages.sh" "$work/recipes/tables.yaml" "$work/new" "$work/bin" 2>"$work/log" ||
    fail "two tables of one name"
grep 'two test sets are called dev.csv' "$work/log" >/dev/null || fail "message: $(cat "$work/log")"
! bash "$repository/recipes/stages.sh" "$work/recipes/tables.yaml" "$work/new" "$work/bin" --set testpref=dev.tsv,dev 2>"$work/log" ||
    fail "two tables of one row"
grep 'two test sets are called dev' "$work/log" >/dev/null || fail "message: $(cat "$work/log")"
message=$("$recipe_program" "$work/recipes/toy.yaml" --set score-tokenizer=foo 2>&1) && fail "a tokenizer that is none"
case $message in *"score-tokenizer: no such tokenizer: foo;"*) ;; *) fail "message: $message" ;; esac
printf 'set                 accuracy       top5\nmy test                50.00      60.00\nmy train  70.00 80\n' >"$work/s1"
printf 'set                 accuracy       top5\nmy test                52.00      60.00\nmy train  70.00 80\n' >"$work/s2"
eval "$(sed -n '/^means()/,/^}/p' "$repository/recipes/run.sh")"
same "$(means "$work/s1" "$work/s2" | tr -s ' ')" \
    $'test set accuracy top5\nmy test 51.00 (1.41) 60.00 (0.00)\nmy train 70.00 (0.00) 80.00 (0.00)' "means"
# Pictures: the scores are of the best validation, whose weights training leaves in model/.
printf 'task: image_classification\nvalidpref: valid\nmax-epoch: 1\n' >"$work/recipes/pictures.yaml"
! bash "$repository/recipes/stages.sh" "$work/recipes/pictures.yaml" "$work/new" "$work/bin" --from average 2>"$work/log" ||
    fail "pictures have an average"
grep 'are prepare vocab binarize train score$' "$work/log" >/dev/null || fail "message: $(cat "$work/log")"

bash "$repository/recipes/stages.sh" "$work/recipes/pictures.yaml" "$work/new" "$work/bin" --set testpref=x 2>"$work/log" || true
grep '^\[pictures\] testpref is binarized but not scored' "$work/log" >/dev/null || fail "pictures' tests: $(cat "$work/log")"

# What is made to be fine-tuned needs no test sets.
printf 'extends: base.yaml\ntask: denoising\nmask: 0.3\nmask-piece: true\njoined-dictionary: true\ntestpref: nowhere\n' >"$work/recipes/noise.yaml"
bash "$repository/recipes/stages.sh" "$work/recipes/noise.yaml" "$work/noise" "$work/bin" 2>"$work/log" ||
    fail "a test set that is not used: $(cat "$work/log")"
grep '^\[noise\] testpref is not used: task denoising scores no test sets$' "$work/log" >/dev/null ||
    fail "a test set that is not used: $(cat "$work/log")"

# A failing stage ends it; one that a signal stopped has said so.
printf '#!/bin/sh\nexit 130\n' >"$work/bin/rdrop-train"
status=0
RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" "$work/recipes/toy.yaml" --out "$work/out" \
    --from train >/dev/null 2>"$work/log" || status=$?
same "$status $(grep -c failed "$work/log")" "130 0" "a stage stopped by a signal"
printf '#!/bin/sh\nkill -KILL $$\n' >"$work/bin/rdrop-train"
status=0
RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" "$work/recipes/toy.yaml" --out "$work/out" \
    --from train >/dev/null 2>"$work/log" || status=$?
same "$status $(grep '^\[toy\] train was' "$work/log")" "137 [toy] train was ended by signal 9" "a stage that was killed"
printf '#!/bin/sh\nexit 1\n' >"$work/bin/rdrop-train"
RDROP_BIN=$work/bin bash "$repository/recipes/run.sh" "$work/recipes/toy.yaml" --out "$work/out" \
    --from train >/dev/null 2>"$work/log" && fail "a failing stage went unnoticed"
grep -q "train failed" "$work/log" || fail "message: $(cat "$work/log")"

# --no-install: nothing seems installed, so the line to type is printed and nothing is built.
mkdir "$work/path"
printf '#!/bin/sh\nexit 1\n' >"$work/path/dpkg-query"
printf '#!/bin/sh\n' >"$work/path/dpkg"
chmod +x "$work/path/"*
PATH=$work/path:$PATH bash "$repository/recipes/run.sh" multi30k-en-de --no-install --out "$work/none" \
    >/dev/null 2>"$work/log" && fail "--no-install went on without packages"
grep -q 'apt-get install build-essential cmake' "$work/log" || fail "message: $(cat "$work/log")"
# Nobody else builds in the folder while cmake does.
printf '#!/bin/sh\n! flock -n "%s/build/.lock" true && echo "$1" >>"%s/built"\n' "$work" "$work" >"$work/path/cmake"
chmod +x "$work/path/cmake"
PATH=$work/path:$PATH bash -c '. "$1/recipes/setup.sh"; rd_setup_build "$1" "$2/build" all' - "$repository" "$work" 2>"$work/log" ||
    fail "a build: $(cat "$work/log")"
same "$(paste -s -d ' ' "$work/built")" "--log-level=NOTICE --build" "builds with the lock held"
flock -n "$work/build/.lock" true || fail "the lock of a build is left"
echo "recipes: all checks passed"
