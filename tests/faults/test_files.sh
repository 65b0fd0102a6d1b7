#!/usr/bin/env bash
# What is at the places that programs write to: devices, pipes, links, files with modes, inputs; links
# inside a directory that a training saves to, and that directory removed under it; standard descriptors
# that are closed; a limit of file sizes. Nothing is replaced that is no regular file, nothing outside
# is touched, and nothing half written is left.
set -u
. "$(dirname "$(realpath "$0")")/setup.sh"
n=0
running=
trap 'kill -9 $running 2>/dev/null; rm -rf "$work"' EXIT

# failed CODE EXPECTED TEXT PROGRAM: what a run ended by CODE left in err
failed() {
    [ "$1" -eq "$2" ] || fail "$4: exit $1, expected $2: $(cat err)"
    [ "$(wc -l <err)" -eq 1 ] || fail "$4: not one line: $(cat err)"
    grep -q "^rdrop-$4: " err && grep -qF -- "$3" err || fail "$4: '$(cat err)' does not say '$3'"
    n=$((n + 1))
}
is() { # PATH TYPE-AND-MODE
    [ "$(stat -c '%F %a' "$1")" = "$2" ] || fail "$1 is now $(stat -c '%F %a' "$1"), not $2"
    n=$((n + 1))
}
same_file() {
    cmp -s "$1" "$2" || fail "$2 is not like $1: $(head -c 200 "$2")"
    n=$((n + 1))
}
no_temporaries() {
    [ -z "$(find "${1:-.}" -name '*.tmp.*')" ] || fail "temporary files are left: $(find "${1:-.}" -name '*.tmp.*')"
}

# Every kind of place for a file. The devices are of this folder: a fault must not cost root its own.
translate_to() {
    "$bin/rdrop-translate" --model out/model --threads 1 --input input --output "$@" 2>err
}
score_to() {
    "$bin/rdrop-score" --worst 2 --ref input translated --html "$@" 2>err
}
mkdir folder
device() { # NAME MINOR
    mknod -m 606 "$1" c 1 "$2" 2>/dev/null && (: >"$1") 2>/dev/null
}
score_to - >page || fail "score: $(cat err)"
for to in "translate translated" "score page"; do
    read -r program expected <<<"$to"
    "${program}_to" new || fail "$program: $(cat err)"
    same_file "$expected" new
    is new "regular file $(printf %o $((0666 & ~$(umask))))"
    echo old >target && chmod 600 target && ln -s target link
    "${program}_to" target || fail "$program: $(cat err)"
    same_file "$expected" target
    is target "regular file 600"
    echo old >target
    "${program}_to" link || fail "$program: $(cat err)"
    same_file "$expected" target
    is target "regular file 600" && is link "symbolic link 777"
    mkfifo -m 600 fifo && ln -s fifo to_fifo
    for path in fifo to_fifo; do
        cat fifo >got &
        "${program}_to" $path || fail "$program: $(cat err)"
        wait $! && same_file "$expected" got
    done
    is fifo "fifo 600" && is to_fifo "symbolic link 777"
    for stream in - /dev/stdout /dev/fd/1; do
        "${program}_to" $stream | cat >got
        same_file "$expected" got
    done
    echo first >both && "${program}_to" - >>both && { echo first && cat "$expected"; } | cmp -s - both ||
        fail "$program: standard output was not appended to"
    [ ! -e - ] || fail "$program: a file of the name -"
    "${program}_to" folder
    failed $? 1 'Is a directory' "$program"
    if device null 3; then
        "${program}_to" null || fail "$program: $(cat err)"
        is null "character special file 606"
        device full 7
        "${program}_to" full
        failed $? 1 'No space left' "$program"
        is full "character special file 606"
    fi
    no_temporaries
    rm -f new target link fifo to_fifo null full
done

# An output that is an input as well, however it is named.
cp input both && ln -s both link
for path in both link ./both; do
    for other in "--input both" "--input input --prefix both" "--input input --score both" "--input input --constraints both"; do
        # shellcheck disable=SC2086 # words
        "$bin/rdrop-translate" --model out/model $other --output $path 2>err
        failed $? 2 "both read and written" translate
    done
    "$bin/rdrop-translate" --model out/model --output $path <both 2>err
    failed $? 2 "both read and written" translate
    "$bin/rdrop-score" --worst 2 --ref translated both --html $path 2>err
    failed $? 2 "both read and written" score
    "$bin/rdrop-score" --worst 2 --ref both translated --html $path 2>err
    failed $? 2 "both read and written" score
done
"$bin/rdrop-translate" --model out/model --input both >>both 2>err
failed $? 2 "both read and written" translate
same_file input both
rm link
cp -r out/model own
for file in own/*; do
    "$bin/rdrop-translate" --model own --input input --output "$file" 2>err
    failed $? 2 "both read and written" translate
done
diff -r out/model own || fail "a model's own files were written to"
rm -r own
# Files that options name: terms, a shortlist, a tokenizer's model or its dictionary.
printf 'one\teins\n' >terms && cp bin/shortlist.bin bin/spm.model .
for option in "glossary terms" "shortlist shortlist.bin"; do
    read -r option path <<<"$option"
    "$bin/rdrop-translate" --model out/model --input input --$option "$path" --output "./$path" 2>err
    failed $? 2 "$path: both read and written" translate
done
ln spm.model other_name
for path in spm.model ./spm.model other_name; do
    for option in "--tokenize spm:spm.model" "--metric rouge --rouge-tokenizer spm:spm.model" "--tokenize flores200:spm.model"; do
        # shellcheck disable=SC2086 # words
        "$bin/rdrop-score" $option --worst 2 --ref input translated --html $path 2>err
        failed $? 2 "spm.model: both read and written" score
    done
done
mkdir -p cache/models && cp spm.model cache/models/flores200sacrebleuspm
SACREBLEU=$PWD/cache "$bin/rdrop-score" --tokenize flores200 --worst 2 --ref input translated --html cache/models/flores200sacrebleuspm 2>err
failed $? 2 "both read and written" score
same_file bin/spm.model spm.model && same_file bin/shortlist.bin shortlist.bin && same_file bin/spm.model cache/models/flores200sacrebleuspm
rm -r terms shortlist.bin spm.model other_name cache

# Corpora and a recipe where the files of --dest go; one folder as vocab-from and --dest.
in_dest() { # SOURCE-LANG TARGET-LANG TRAINPREF VALIDPREF TESTPREF
    mkdir shared
    for prefix in "$3" "$4" "$5"; do
        zcat data/train.en.gz >"shared/$prefix.$1"
        zcat data/train.de.gz >"shared/$prefix.$2"
    done
    cp -r shared kept
    "$bin/rdrop-preprocess" tiny.yaml --data shared --dest shared --threads 1 --shortlist --set source-lang="$1" \
        --set target-lang="$2" --set trainpref="$3" --set validpref="$4" --set testpref="$5" >got 2>err
    failed $? 1 "both read and written" preprocess
    for file in kept/*; do same_file "$file" "shared/${file#kept/}"; done
    rm -r shared kept
}
in_dest bin de train dev test
in_dest en bin corpus valid test
in_dest en bin corpus dev test
in_dest bin de corpus dev shortlist
in_dest model de spm dev test
mkdir made && cp tiny.yaml made/valid.bin
"$bin/rdrop-preprocess" made/valid.bin --data data --dest made --threads 1 >got 2>err
failed $? 1 "made/valid.bin: both read and written" preprocess
same_file tiny.yaml made/valid.bin
# Neither is a recipe that it extends written over.
printf 'extends: made/train.bin\n' >child.yaml && mv made/valid.bin made/train.bin
"$bin/rdrop-preprocess" child.yaml --data data --dest made --threads 1 >got 2>err
failed $? 1 "made/train.bin: both read and written" preprocess
same_file tiny.yaml made/train.bin
rm -r made
mkdir shared && cp bin/spm.model shared && cp "$golden"/bpe/vocab.json "$golden"/bpe/merges.txt shared && cp -r shared kept
"$bin/rdrop-preprocess" tiny.yaml --data data --dest shared --threads 1 --only vocab --set vocab-from=shared >got 2>err || fail "$(cat err)"
diff -r kept shared || fail "preprocess: a vocabulary was taken from its own folder, and not left there as it was"
rm -r shared kept

# A start that the training's own model would replace, and a recipe.
cp -r out own && mkdir linked && ln -s "$PWD"/own/checkpoint_best.safetensors linked/model.safetensors
cp own/model/config.yaml own/model/spm.model linked
for start in own/model ./own/../own/model linked; do
    "$bin/rdrop-train" tiny.yaml --data bin --save-dir own --set finetune-from-model=$start >got 2>err
    failed $? 1 "both read and written" train
done
for file in train.jsonl report.html model/config.yaml; do
    cp tiny.yaml own/$file
    "$bin/rdrop-train" own/$file --data bin --save-dir own >got 2>err
    failed $? 1 "own/$file: both read and written" train
    same_file tiny.yaml own/$file
    printf 'extends: own/%s\n' $file >child.yaml
    "$bin/rdrop-train" child.yaml --data bin --save-dir own >got 2>err
    failed $? 1 "own/$file: both read and written" train
    same_file tiny.yaml own/$file
done
rm -r own linked

# A directory that is made: where there was an empty one, or a link to one, it is filled.
"$bin/rdrop-convert" --export out/model --output good || fail "convert"
mkdir -m 711 real && ln -s real link && mkdir here
"$bin/rdrop-convert" --export out/model --output link 2>err || fail "convert: $(cat err)"
is link "symbolic link 777" && is real "directory 711"
(cd here && "$bin/rdrop-convert" --export ../out/model --output . 2>../err) || fail "convert: $(cat err)"
for made in real here; do diff -r good $made || fail "convert: $made differs"; done
"$bin/rdrop-convert" --export out/model --output link 2>err
failed $? 1 'not empty: it holds' convert
no_temporaries

# A link inside a directory that is filled leads nowhere: it is refused by its name.
echo precious >precious
for file in train.bin valid.bin shortlist.bin spm.model; do
    rm -rf made && cp -r bin made && ln -sf ../precious "made/$file"
    stage=binarize
    case $file in shortlist.bin) stage=shortlist ;; spm.model) stage=vocab ;; esac
    "$bin/rdrop-preprocess" tiny.yaml --data data --dest made --threads 1 --only $stage >got 2>err
    failed $? 1 "made/$file: a symbolic link" preprocess
    grep -qx precious precious || fail "preprocess: $file was followed"
    no_temporaries made
done
train() {
    "$bin/rdrop-train" tiny.yaml --data bin --save-dir "$@" >got 2>err
}
home() { find home -type f -exec md5sum {} + | sort; }
mkdir -p home/docs home/tokenizer
echo precious >home/rc
touch home/docs/{thesis,notes.tmp.1,99999999.safetensors} && cp bin/spm.model home/tokenizer && echo '{}' >home/tokenizer/vocab.json
cp -r out/checkpoints/*.safetensors home/docs && cp out/checkpoint_last home
home >before
for link in lock:rc train.jsonl:rc report.html:rc checkpoint_last:checkpoint_last checkpoint_previous:checkpoint_last \
    checkpoint_damaged:rc checkpoint_best.safetensors:rc model:tokenizer checkpoints:docs model/spm.model:tokenizer/spm.model \
    model/config.yaml:none model/model.safetensors:rc checkpoints/00000009.safetensors:docs/99999999.safetensors \
    train.jsonl:none lock:none model:none; do
    for way in "" --average; do
        for old in none out; do # a new training, and one to go on with
            rm -rf saved && mkdir -p saved/model saved/checkpoints
            [ $old = none ] || cp -r out/. saved
            rm -rf "saved/${link%%:*}" && ln -s "$work/home/${link#*:}" "saved/${link%%:*}"
            # shellcheck disable=SC2086 # no word or one
            train saved $way
            failed $? 1 "saved/${link%%:*}: a symbolic link" train
            home | cmp -s - before || fail "train $way: ${link%%:*} was followed"
            [ -z "$(find home -xtype l -o -name none)" ] || fail "train $way: ${link%%:*} was followed"
        done
    done
done
# The directory itself may be one.
rm -rf saved && mkdir elsewhere && ln -s elsewhere saved
train saved || fail "train: $(cat err)"
same_file out/model/model.safetensors elsewhere/model/model.safetensors
# What a killed training left is removed, what only looks like it is not.
mkdir elsewhere/checkpoint_last.tmp.0 && touch elsewhere/{checkpoint_last.tmp.0123456789abcdef,model/x.tmp.12,notes.tmp.mine}
train saved || fail "train: $(cat err)"
[ "$(find elsewhere -name '*.tmp.*' | sort | tr '\n' ' ')" = "elsewhere/checkpoint_last.tmp.0 elsewhere/model/x.tmp.12 elsewhere/notes.tmp.mine " ] ||
    fail "tidied: $(find elsewhere -name '*.tmp.*')"

# One training at a time, whatever is removed: it prints to a pipe, and is known to run by that.
start() {
    rm -f lines && mkfifo lines
    "$bin/rdrop-train" tiny.yaml --data bin --save-dir "$1" --set max-update=1000000 \
        --set validate-interval-updates=1000000 >lines 2>err.first &
    running=$!
    exec 3<lines
    while read -r line <&3; do case $line in "train  "[3-9]/*) return ;; esac; done
    fail "train: $(cat err.first)"
}
ended() { # CODE
    cat <&3 >/dev/null
    exec 3<&-
    wait $running
    [ $? -eq "$1" ] || fail "train: $(cat err.first)"
    running=
}
start first
rm first/lock
train first
failed $? 1 "first: another process is training here" train
[ ! -e first/lock ] || fail "train: a lock was made"
# Its directory moved away, and another made: that is not its own, and nothing is lost of either.
mv first moved
train first || fail "train: $(cat err)"
find first -type f -exec md5sum {} + >first.before
kill -TERM $running
ended 1
grep -q '^rdrop-train: first: removed or replaced while training' err.first || fail "train: $(cat err.first)"
find first -type f -exec md5sum {} + | cmp -s - first.before || fail "train: wrote to a directory not its own"
for name in model checkpoints; do
    cp -r out "late$name" && rm "late$name/lock" && mkdir -p "late$name/checkpoints"
    start "late$name"
    mv "late$name/$name" aside$name && ln -s "$work/home/docs" "late$name/$name"
    kill -TERM $running
    ended 1
    grep -q "^rdrop-train: late$name/$name: a symbolic link" err.first || fail "train: $(cat err.first)"
done
home | cmp -s - before || fail "train: a late link was followed"

# Closed standard descriptors: the same files, and nothing in them that was printed.
closed() { # DESCRIPTORS COMMAND...
    local which=$1
    shift
    case $which in
    0) "$@" <&- ;;
    1) "$@" >&- ;;
    2) "$@" 2>&- ;;
    01) "$@" <&- >&- ;;
    12) "$@" >&- 2>&- ;;
    012) "$@" <&- >&- 2>&- ;;
    esac
}
translate_to cut --max-input-length 2 || fail "translate: $(cat err)"
grep -q 'line cut' err || fail "translate: no warnings"
for which in 0 1 2 01 12 012; do
    rm -rf made saved page.html converted new
    closed $which "$bin/rdrop-train" tiny.yaml --data bin --save-dir saved >got 2>&1 || fail "train, $which closed"
    for file in model/model.safetensors model/config.yaml checkpoint_best.safetensors; do same_file "out/$file" "saved/$file"; done
    grep -vq '^{"event":.*}$' saved/train.jsonl && fail "train, $which closed: $(cat saved/train.jsonl)"
    grep -vq '^[0-9]*$' saved/lock && fail "train, $which closed: $(cat saved/lock)"
    closed $which "$bin/rdrop-preprocess" tiny.yaml --data data --dest made --threads 1 --shortlist >got 2>&1 ||
        fail "preprocess, $which closed"
    diff -r bin made || fail "preprocess, $which closed"
    closed $which "$bin/rdrop-translate" --model out/model --threads 1 --max-input-length 2 --input input \
        --output new >got 2>&1 || fail "translate, $which closed"
    same_file cut new
    closed $which "$bin/rdrop-score" --worst 2 --ref input translated --html page.html >got 2>&1 ||
        fail "score, $which closed"
    same_file page page.html
    closed $which "$bin/rdrop-convert" --export out/model --output converted >got 2>&1 || fail "convert, $which closed"
    diff -r good converted || fail "convert, $which closed"
done
# What should have been read or printed there is an error.
"$bin/rdrop-translate" --model out/model <&- >got 2>err
failed $? 1 'Bad file descriptor' translate
"$bin/rdrop-translate" --model out/model <input 2>err >&-
failed $? 1 'Bad file descriptor' translate
"$bin/rdrop-score" --ref input translated 2>err >&-
failed $? 1 'Bad file descriptor' score
"$bin/rdrop-recipe" tiny.yaml 2>err >&-
failed $? 1 'cannot write' recipe

# A limit of file sizes is an error like a full disk.
for ((i = 0; i < 200; i++)); do cat input; done >many
limited() { # KIB PROGRAM ARGUMENTS...
    local kib=$1 program=$2
    shift 2
    rm -rf new
    (ulimit -f "$kib" && exec "$bin/rdrop-$program" "$@" >/dev/null 2>err)
    failed $? 1 'File too large' "$program"
    [ ! -e new ] || [ -d new ] || fail "$program: half a file"
    [ ! -d new ] || no_temporaries new
}
limited 8 train tiny.yaml --data bin --save-dir new
mkdir begun && printf '1\nunsaved\n' >begun/lock # what was begun there may begin again when there is room
(ulimit -f 0 && exec "$bin/rdrop-train" tiny.yaml --data bin --save-dir begun 2>&1 >/dev/null) | grep -q 'File too large' || fail "no limit"
grep -q unsaved begun/lock || fail "lock: $(cat begun/lock)"
rm -rf begun
limited 4 preprocess tiny.yaml --data data --dest new --threads 1
limited 1 convert --export out/model --output new
limited 1 translate --model out/model --threads 1 --input many --output new
limited 1 score --worst 99 --ref many many --html new
rm -rf elsewhere home
no_temporaries
echo "$n checks of files"
