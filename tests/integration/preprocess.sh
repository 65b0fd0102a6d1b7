#!/usr/bin/env bash
# rdrop-preprocess from the outside: what it makes of a small corpus, and of bad input.
set -u
. "$(dirname "$0")/../assert.sh"
preprocess="$(realpath "$1")/rdrop-preprocess"
golden=$(dirname "$(realpath "$0")")/../golden/bpe
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1

# corpus LINES SEED: sentences of made-up words, the same for the same seed
corpus() {
    awk -v n="$1" -v seed="$2" 'BEGIN {
        srand(seed); split("ka ro mi te su na lo vi", part, " ")
        for (i = 0; i < n; i++) {
            line = ""
            for (words = 1 + int(rand() * 9); words > 0; words--) {
                word = ""
                for (k = 1 + int(rand() * 3); k > 0; k--) word = word part[1 + int(rand() * 8)]
                line = line (line == "" ? "" : " ") word
            }
            print line
        } }'
}

mkdir data
corpus 400 1 >data/one.xx && corpus 400 2 >data/one.yy
corpus 300 3 | gzip >data/two.xx.gz && corpus 300 4 | gzip >data/two.yy.gz
corpus 30 5 >data/valid.xx && corpus 30 6 | sed 's/$/\r/' >data/valid.yy
corpus 20 7 >data/test.xx && corpus 20 8 >data/test.yy
{ echo; echo; echo ka; echo ka ro mi te su na lo vi; } >>data/one.xx
{ echo; echo ka; echo ka ro mi te su na lo vi ka ro mi; echo ka; } >>data/one.yy
{ echo; cat data/valid.xx; } >v && mv v data/valid.xx
{ echo; cat data/valid.yy; } >v && mv v data/valid.yy
cat >recipe.yaml <<YAML
source-lang: xx
target-lang: yy
trainpref: one,two
validpref: valid
testpref: test,absent
vocab-size: 40
joined-dictionary: true
max-ratio: 8
arch: transformer-tiny
share-all-embeddings: true
max-epoch: 1
YAML

"$preprocess" recipe.yaml --data data --dest out/bin >log 2>err || fail "$(cat log err)"
for file in spm.model train.bin valid.bin test.bin; do
    [ -s out/bin/$file ] || fail "no $file: $(cat log)"
done
grep -q '^max-ratio: 8$' out/bin/made-with.yaml || fail "what the data were made with: $(cat out/bin/made-with.yaml)"
"$preprocess" recipe.yaml --data nowhere --dest out/bin --only binarize --set max-ratio=4 >/dev/null 2>&1 && fail "no corpora"
[ -e out/bin/made-with.yaml ] || fail "the data are as they were, and what they were made with is not known"
"$preprocess" recipe.yaml --data data --dest out/bin --only binarize --set max-ratio=4 --set validpref=absent >/dev/null 2>&1 &&
    fail "no validation set"
[ ! -e out/bin/made-with.yaml ] || fail "after a failure, it is not known what the data were made with"
cp recipe.yaml out/bin/made-with.yaml
"$preprocess" out/bin/made-with.yaml --data data --dest out/bin >/dev/null 2>err && fail "a recipe is written over"
cmp recipe.yaml out/bin/made-with.yaml || fail "a recipe was written over"
rm out/bin/made-with.yaml
"$preprocess" recipe.yaml --data data --dest out/bin >log 2>err || fail "$(cat log err)"
grep -q "test set skipped: .*absent.xx" err || fail "a missing test set is not noted: $(cat err)"
grep -q '^train.bin: [0-9]* sentence pairs of 704 (dropped: source shorter than 1: 2, longer' log ||
    fail "training statistics: $(cat log)"
grep -q '^valid.bin: 31 sentence pairs;' log || fail "the validation set was filtered: $(cat log)"
[ "$(grep -c '% unknown; a sentence: mean' log)" -eq 6 ] || fail "statistics of sides: $(cat log)"
grep -q $'\r' err && fail "a progress bar where there is no terminal"
[ -z "$(find out -name '*.tmp.*')" ] || fail "temporary files are left"

# The same bytes with any number of threads, and stage by stage.
for threads in 1 3; do
    "$preprocess" recipe.yaml --data data --dest "t$threads" --only vocab --threads $threads >/dev/null &&
        "$preprocess" recipe.yaml --data data --dest "t$threads" --only binarize \
            --threads $threads >/dev/null 2>&1 || fail "--only"
    for file in spm.model train.bin valid.bin test.bin; do
        cmp out/bin/$file "t$threads/$file" || fail "$file depends on threads"
    done
done

# A shortlist with the data, or later.
"$preprocess" recipe.yaml --data data --dest t1 --only shortlist >log 2>err || fail "--only shortlist: $(cat err)"
grep -q '^t1/shortlist.bin: up to 100 target pieces for each of 40 source pieces' log || fail "shortlist: $(cat log)"
"$preprocess" recipe.yaml --data data --dest t3 --only binarize --shortlist >log 2>&1 || fail "--shortlist: $(cat log)"
cmp t1/shortlist.bin t3/shortlist.bin || fail "the shortlist depends on how it is made"

# Limits drop and count; keeping text for subword regularization makes a larger file.
"$preprocess" recipe.yaml --data data --dest limits --set max-source-len=5 --set max-ratio=0 \
    --set sentencepiece-alpha=0.1 >log 2>/dev/null || fail "limits: $(cat log)"
grep -q 'longer than 5: [1-9]' log && grep -q 'ratio over 0: 0' log || fail "limits: $(cat log)"
grep -a -q 'ka' limits/train.bin && ! grep -a -q 'karo' out/bin/train.bin ||
    fail "text is kept with sentencepiece-alpha only"

"$preprocess" recipe.yaml --data data --dest separate --set joined-dictionary=false \
    --set share-all-embeddings=false --set vocab-type=bpe --set vocab-size=50 >log 2>/dev/null ||
    fail "separate vocabularies: $(cat log)"
[ -s separate/source.spm ] && [ -s separate/target.spm ] && [ ! -e separate/spm.model ] ||
    fail "separate vocabularies are not there"
cmp -s separate/source.spm separate/target.spm && fail "separate vocabularies are one"

# Long sources cut, counted and kept, in all sets, by key or option.
"$preprocess" recipe.yaml --data data --dest cut --set max-source-len=5 --truncate-source >log 2>/dev/null ||
    fail "truncate-source: $(cat log)"
grep -q '^train.bin: .*source shorter than 1: 2, longer than 5: 0;.*; [1-9][0-9]* sources cut to 5 tokens' log ||
    fail "truncate-source, training: $(cat log)"
grep -q '^valid.bin: 31 sentence pairs; [1-9][0-9]* sources cut to 5 tokens' log || fail "truncate-source: $(cat log)"
[ "$(grep -c '^  xx .* longest 5$' log)" -eq 3 ] || fail "longer sources than the longest: $(cat log)"
"$preprocess" recipe.yaml --data data --dest cut2 --set max-source-len=5 --set truncate-source=true >/dev/null 2>&1
cmp cut/train.bin cut2/train.bin || fail "--truncate-source and truncate-source differ"

# A vocabulary that is there already, of either kind; what another one left behind goes.
"$preprocess" recipe.yaml --data data --dest again --set vocab-from=out/bin >log 2>/dev/null ||
    fail "vocab-from: $(cat log)"
grep -q '^vocabulary: 40 pieces, that of out/bin$' log || fail "vocab-from: $(cat log)"
cmp out/bin/spm.model again/spm.model && cmp out/bin/train.bin again/train.bin || fail "vocab-from another folder"
mkdir bpe && cp "$golden"/vocab.json "$golden"/merges.txt bpe
for folder in bpe "$golden"; do
    "$preprocess" recipe.yaml --data data --dest again --set vocab-from="$folder" >log 2>/dev/null ||
        fail "byte-level BPE: $(cat log)"
    grep -q '^vocabulary: 701 pieces' log || fail "byte-level BPE: $(cat log)"
    [ ! -e again/spm.model ] || fail "the vocabulary that was there before is left"
    # Headers tell the two apart; the data after them are the same.
    [ ! -e before.bin ] || cmp -i 288 before.bin again/train.bin || fail "two forms of one vocabulary differ"
    cp again/train.bin before.bin
done
[ -e again/tokenizer.json ] && [ ! -e again/vocab.json ] || fail "tokenizer.json comes first"
"$preprocess" recipe.yaml --data data --dest masked --only vocab --set mask-piece=true >/dev/null
grep -aq '<mask>' masked/spm.model && ! grep -aq '<mask>' out/bin/spm.model || fail "mask-piece"

"$preprocess" --help | grep 'trainpref' >/dev/null || fail "--help"

# reject CODE TEXT ARGUMENTS...: one line naming the trouble, and nothing half done
reject() {
    local code="$1" text="$2" got
    shift 2
    "$preprocess" "$@" >log 2>err
    got=$?
    [ $got -eq "$code" ] || fail "$*: exit $got, expected $code ($(cat err))"
    [ "$(wc -l <err)" -eq 1 ] || fail "$*: not one line: $(cat err)"
    grep -q '^rdrop-preprocess: ' err && grep -qF -- "$text" err ||
        fail "$*: '$(cat err)' does not say '$text'"
    [ -z "$(find . -name '*.tmp.*')" ] || fail "$*: temporary files are left"
}

# bad NAME: a copy of the data to damage
bad() {
    rm -rf "$1" && cp -r data "$1"
}
reject 1 'none/train.bin' recipe.yaml --data data --dest none --only shortlist
reject 2 'only vocab makes none' recipe.yaml --data data --dest t1 --only vocab --shortlist
bad unequal && echo extra >>unequal/one.yy
reject 1 'unequal/one.xx has 404, unequal/one.yy has 405' recipe.yaml --data unequal --dest t1 --only binarize
# Before a vocabulary is trained, of the training set and of the validation set.
reject 1 'unequal/one.xx has 404, unequal/one.yy has 405' recipe.yaml --data unequal --dest t2
[ ! -e t2/spm.model ] || fail "a vocabulary was trained of files of unequal length"
reject 1 'unequal/one.xx has 404, unequal/one.yy has 405' recipe.yaml --data unequal --dest t2 --only vocab
bad unequal && echo extra >>unequal/valid.yy
reject 1 'unequal/valid.yy has' recipe.yaml --data unequal --dest t2
[ ! -e t2/spm.model ] || fail "a vocabulary was trained beside a validation set of unequal length"
bad cut && head -c 900 data/two.yy.gz >cut/two.yy.gz
reject 1 'cut/two.yy.gz' recipe.yaml --data cut --dest t1 --only binarize
reject 1 'cut/two.yy.gz' recipe.yaml --data cut --dest new
bad bytes && sed -i '17s/$/ \xff/' bytes/one.xx
reject 1 'bytes/one.xx:17: byte' recipe.yaml --data bytes --dest t1 --only binarize
bad gone && rm gone/valid.yy
reject 1 'gone/valid.yy' recipe.yaml --data gone --dest t1 --only binarize --set testpref=test
bad gone && rm gone/two.xx.gz
reject 1 'gone/two.xx' recipe.yaml --data gone --dest t1
bad empty && : >empty/one.xx && : >empty/one.yy
reject 1 'no training pair' recipe.yaml --data empty --dest t1 --only binarize --set trainpref=one
# What is there stays where nothing, or nothing else, would replace it.
cp t1/train.bin before.bin
reject 1 'no training pair' recipe.yaml --data data --dest t1 --only binarize --set min-source-len=240 --set testpref=
cmp t1/train.bin before.bin || fail "a filter that leaves nothing destroyed train.bin"
grep -q '^train.bin: 0 sentence pairs of' log || fail "no counts of what was dropped: $(cat log)"
cp t1/valid.bin before.bin
bad empty && : >empty/valid.xx && : >empty/valid.yy
reject 1 'valid.bin: its corpora hold no sentences' recipe.yaml --data empty --dest t1 --only binarize --set testpref=
cmp t1/valid.bin before.bin || fail "an empty validation set replaced valid.bin"
bad pipe && rm pipe/one.xx && mkfifo pipe/one.xx
reject 1 'pipe/one.xx: not a regular file' recipe.yaml --data pipe --dest t1
reject 1 'nowhere' recipe.yaml --data nowhere --dest t1
reject 1 'new2: no vocabulary there; looked for spm.model, ' recipe.yaml --data data --dest new2 --only binarize
mkdir broken && echo nonsense >broken/spm.model
reject 1 'broken/spm.model' recipe.yaml --data data --dest broken --only binarize
reject 1 '5000' recipe.yaml --data data --dest new3 --set vocab-size=5000
reject 1 'nowhere: no vocabulary: cannot open this directory: No such file' recipe.yaml --data data --dest new5 --set vocab-from=nowhere
reject 1 'bpe: has one vocabulary for both sides (vocab.json), so set joined-dictionary: true' recipe.yaml --data data \
    --dest new5 --set vocab-from=bpe \
    --set joined-dictionary=false --set share-all-embeddings=false
reject 1 'exclude each other' recipe.yaml --data data --dest new5 --truncate-source --set sentencepiece-alpha=0.1
reject 1 'validpref is not set' recipe.yaml --data data --dest new4 --set validpref=
reject 1 'task translation: line-end has no meaning here' recipe.yaml --data data --dest new6 --set line-end=eos
[ ! -e new6 ] || fail "a folder was made for a recipe that is refused"
reject 1 'nowhere.yaml' nowhere.yaml --data data --dest new4
reject 1 'max-ration' recipe.yaml --data data --dest new4 --set max-ration=3
mkdir data/sub && cp data/test.xx data/sub/train.xx && cp data/test.yy data/sub/train.yy
reject 1 'overwrite train.bin' recipe.yaml --data data --dest t1 --only binarize --set testpref=sub/train
mkdir data/again && cp data/test.xx data/test.yy data/again
reject 1 "test set 'again/test' would overwrite test.bin" recipe.yaml --data data --dest t1 --only binarize --set testpref=test,again/test
cp data/test.xx data/shortlist.xx && cp data/test.yy data/shortlist.yy
reject 1 "would overwrite shortlist.bin" recipe.yaml --data data --dest t1 --only binarize --shortlist --set testpref=shortlist
cmp out/bin/train.bin t1/train.bin || fail "a failure damaged the dataset that was there"
mkdir model other && touch model/config.yaml model/model.safetensors other/config.json && cp out/bin/spm.model other
for folder in model other; do
    reject 1 "$folder: a model is there (config." recipe.yaml --data data --dest $folder --set vocab-type=bpe
done
cmp out/bin/spm.model other/spm.model || fail "the vocabulary of a model was removed"
reject 1 'the name of a directory is empty' recipe.yaml --data data --dest ''
for symbols in 'a,,b' 'a,b,a' '<unk>' 'a,'; do
    reject 1 'user-defined-symbols: ' recipe.yaml --data data --dest new4 --set "user-defined-symbols=$symbols"
done
printf 'ka ro\nka\0ro\n' >data/nul.xx && printf 'ka\nro\n' >data/nul.yy
sed '/^vocab-size/d' recipe.yaml >words.yaml
reject 1 'nul.xx:2: a NUL byte' words.yaml --data data --dest new4 --set vocab-type=words --set trainpref=nul
reject 1 'vocab-sentences is 50; expected 0, for all, or 101 or more' recipe.yaml --data data --dest new4 --set vocab-sentences=50
# Keys without effect are said. A long line is read in parts, between words: the same vocabulary.
"$preprocess" recipe.yaml --data data --dest idle --only vocab --set vocab-type=words --set vocab-size=60 >log 2>err ||
    fail "words: $(cat err)"
grep 'warning: vocab-size-src has no effect without vocab-type: unigram or bpe$' err >/dev/null || fail "idle: $(cat err)"
{ corpus 900 9 | tr '\n' ' ' | sed 's/ $//' && echo; } >data/long.xx
[ "$(wc -c <data/long.xx)" -gt 8400 ] || fail "a long line: $(wc -c <data/long.xx)"
fold -s -w 4193 data/long.xx | sed 's/ $//' >data/parts.xx
for text in long parts; do
    cp data/$text.xx data/$text.yy
    "$preprocess" recipe.yaml --data data --dest $text --only vocab --set trainpref=$text --set vocab-type=bpe \
        --set vocab-size=60 >log 2>&1 || fail "$text: $(cat log)"
done
cmp long/spm.model parts/spm.model || fail "a long line and its parts make different vocabularies"
touch file
reject 1 'file' recipe.yaml --data data --dest file/bin
mkdir sealed && chmod a-w sealed
[ -w sealed ] || reject 1 'sealed' recipe.yaml --data data --dest sealed # root may write anywhere
reject 2 'expected --dest DIR' recipe.yaml --data data
reject 2 'expected one RECIPE' recipe.yaml other.yaml --data data --dest t1
reject 2 "--only is 'train'" recipe.yaml --data data --dest t1 --only train
reject 2 "--threads is 'two'" recipe.yaml --data data --dest t1 --threads two
reject 2 'unknown option' recipe.yaml --data data --dest t1 --bogus
echo "all as expected"
