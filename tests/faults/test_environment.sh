#!/usr/bin/env bash
# A full or read-only disk, files that vanish or may not be read, readers that leave, and too little
# memory: one line that says so, a failure, and nothing half written.
set -u
. "$(dirname "$(realpath "$0")")/setup.sh"
n=0

# failed CODE TEXT PROGRAM: what a run ended by CODE left in err
failed() {
    [ "$1" -eq 1 ] || fail "$3: exit $1: $(cat err)"
    [ "$(wc -l <err)" -eq 1 ] || fail "$3: not one line: $(cat err)"
    grep -q "^rdrop-$3: " err && grep -qE -- "$2" err || fail "$3: '$(cat err)' does not say '$2'"
    n=$((n + 1))
}
no_temporaries() {
    [ -z "$(find "$1" -name '*.tmp.*')" ] || fail "temporary files are left: $(find "$1" -name '*.tmp.*')"
}

zcat data/valid.de.gz >ref
for ((i = 0; i < 3000; i++)); do cat input; done >many

# Standard output on a full disk.
"$bin/rdrop-recipe" tiny.yaml >/dev/full 2>err
failed $? 'cannot write' recipe
"$bin/rdrop-score" --ref ref ref >/dev/full 2>err
failed $? 'No space left' score
"$bin/rdrop-translate" --model out/model <input >/dev/full 2>err
failed $? 'No space left' translate

# A reader that leaves early: the end comes soon, silently or in a line, not by a crash.
{
    "$bin/rdrop-translate" --model out/model <many 2>err
    echo $? >code
} | head -n 1 >/dev/null
[ "$(cat code)" -eq 1 ] && [ ! -s err ] || fail "translate | head: exit $(cat code): $(cat err)"
for program in "recipe tiny.yaml" "score --per-line --ref many many" "translate --model out/model"; do
    # shellcheck disable=SC2086 # arguments
    (trap '' PIPE && exec "$bin"/rdrop-$program <input 2>err >&7) 7> >(exec true) || code=$?
    [ "${code:-0}" -le 1 ] || fail "$program, with nobody reading: exit $code: $(cat err)"
    n=$((n + 1))
done
# Training goes on when nobody looks, or ends as if by a signal: the next run makes it whole.
"$bin/rdrop-train" tiny.yaml --data bin --save-dir unseen 2>err | head -n 1 >/dev/null
"$bin/rdrop-train" tiny.yaml --data bin --save-dir unseen >/dev/null 2>err || fail "train | head: $(cat err)"
cmp -s out/model/model.safetensors unseen/model/model.safetensors || fail "train | head: other weights"

# Files that are missing, folders, or fifos nobody writes to.
mkfifo fifo
mkdir folder
for what in nowhere folder fifo; do
    echo "extends: $what" >extending.yaml
    "$bin/rdrop-recipe" extending.yaml >got 2>err
    failed $? "$what" recipe
    [ $what = fifo ] && continue # a stream is a fine corpus
    "$bin/rdrop-score" --ref $what ref 2>err
    failed $? "$what" score
    "$bin/rdrop-translate" --model out/model --input $what 2>err
    failed $? "$what" translate
done
for file in model.safetensors config.yaml spm.model; do
    for what in missing folder empty; do
        rm -rf lacking && cp -r out/model lacking && rm lacking/$file
        if [ $what = folder ]; then mkdir lacking/$file; fi
        if [ $what = empty ]; then : >lacking/$file; fi
        "$bin/rdrop-translate" --model lacking <input >got 2>err
        failed $? lacking translate
        [ ! -s got ] || fail "$file $what: something was translated"
    done
done

# A file in use that another program cuts short.
cp -r bin shrinking
mkfifo updates
"$bin/rdrop-train" tiny.yaml --data shrinking --save-dir cut --set max-update=1000000 \
    --set validate-interval-updates=1000000 >updates 2>err &
exec 3<updates
while read -r line <&3; do case $line in "train  3/"*) : >shrinking/train.bin ;; esac; done
exec 3<&-
wait $!
failed $? "^rdrop-train: .*/shrinking/train.bin: can no longer be read: cut short while in use" train

# What a conversion lacks.
"$bin/rdrop-convert" --export out/model --output marian 2>err || fail "convert: $(cat err)"
for file in marian/*; do
    name=${file#marian/}
    case $name in generation_config.json | tokenizer_config.json | special_tokens_map.json) continue ;; esac
    for what in missing folder empty cut; do
        rm -rf lacking converted && cp -r marian lacking && rm "lacking/$name"
        case $what in
        folder) mkdir "lacking/$name" ;;
        empty) : >"lacking/$name" ;;
        cut) head -c 40 "marian/$name" >"lacking/$name" ;;
        esac
        "$bin/rdrop-convert" --import lacking --output converted 2>err
        failed $? lacking convert
        [ -z "$(find . -maxdepth 1 -name 'converted*')" ] || fail "convert, $name $what: something was made"
    done
done

# A recipe, or a model made of one, writes into its output directory alone, whatever it names, and runs
# nothing.
mkdir -p outside/deep && cp data/test.*.gz outside
for file in data/test.*.gz; do cp "$file" "outside/other${file#data/test}"; done
cp tiny.yaml outside/deep/hostile.yaml
cat >>outside/deep/hostile.yaml <<'YAML'
prepare: "touch ../../ran; $(touch ran) `touch ran`; |touch ran"
testpref: "../outside/test,../outside/deep/../other,/nowhere/$(touch ran)"
YAML
: >stamp
"$bin/rdrop-preprocess" outside/deep/hostile.yaml --data data --dest jail/bin --threads 1 >got 2>err ||
    fail "hostile recipe: $(cat err)"
[ -e jail/bin/test.bin ] || fail "hostile recipe: no test set"
"$bin/rdrop-train" outside/deep/hostile.yaml --data jail/bin --save-dir jail/out >got 2>err ||
    fail "hostile recipe: $(cat err)"
"$bin/rdrop-translate" --model jail/out/model <input >got 2>err || fail "hostile model: $(cat err)"
[ -z "$(find . -name ran)" ] || fail "a recipe ran a command"
written=$(find . -newer stamp -type f ! -path './jail/*' ! -name got ! -name err)
[ -z "$written" ] || fail "a recipe made a program write $written"
n=$((n + 1))

# A small disk that fills up, at every size up to what is needed; and one that may not be written to.
# The same program makes the same files once there is room.
on_small_disk() {
    mkdir -p disk
    mount -t tmpfs -o "size=$1k" tmpfs disk 2>/dev/null || return 1
    [ -z "${2:-}" ] || { cp -r out disk/out && mount -o remount,ro disk; }
}
if (on_small_disk 64 && umount disk); then
    for size in 4 12 24 40 60 80 100 140; do
        on_small_disk $size
        "$bin/rdrop-train" tiny.yaml --data bin --save-dir disk/out >got 2>err
        code=$?
        [ $code -eq 0 ] || failed $code 'No space left' train
        no_temporaries disk
        mount -o remount,size=2m disk
        "$bin/rdrop-train" tiny.yaml --data bin --save-dir disk/out >got 2>err || fail "goes on: $(cat err)"
        cmp -s out/model/model.safetensors disk/out/model/model.safetensors || fail "$size: other weights"
        umount disk
        on_small_disk $size
        "$bin/rdrop-preprocess" tiny.yaml --data data --dest disk --threads 1 >got 2>err
        code=$?
        [ $code -eq 0 ] || failed $code 'No space left' preprocess
        no_temporaries disk
        for file in disk/*; do
            [ ! -e "$file" ] || cmp -s "$file" "bin/${file#disk/}" || fail "$file is not whole"
        done
        "$bin/rdrop-translate" --model out/model --threads 1 <many --output disk/page 2>err
        code=$?
        [ $code -eq 0 ] || failed $code 'No space left' translate
        no_temporaries disk
        umount disk
        on_small_disk $size
        "$bin/rdrop-convert" --export out/model --output disk/marian 2>err
        code=$?
        [ $code -eq 0 ] || failed $code 'No space left' convert
        no_temporaries disk
        [ $code -eq 0 ] || [ ! -e disk/marian ] || fail "$size: half a directory was made"
        umount disk
    done
    on_small_disk 2048 read-only
    "$bin/rdrop-train" tiny.yaml --data bin --save-dir disk/out >got 2>err
    failed $? 'Read-only' train
    "$bin/rdrop-train" tiny.yaml --data bin --save-dir disk/new >got 2>err
    failed $? 'Read-only' train
    "$bin/rdrop-preprocess" tiny.yaml --data data --dest disk/out >got 2>err
    failed $? 'Read-only' preprocess
    "$bin/rdrop-translate" --model out/model --output disk/page <input 2>err
    failed $? 'Read-only' translate
    "$bin/rdrop-score" --worst 2 --html disk/page --ref ref ref 2>err
    failed $? 'Read-only' score
    "$bin/rdrop-convert" --export out/model --output disk/marian 2>err
    failed $? 'Read-only' convert
    umount disk
else
    echo "file systems cannot be mounted here: small and read-only disks are left out"
fi

# Too little memory, at every size up to what is needed: what was asked for, and for training what
# could be smaller. What they make is the folder `new`, each time again. Loading the program's libraries
# alone takes some; below that the loader speaks.
little_memory() {
    local text=$1 program=$2 least most code kib
    shift 2
    rm -rf new
    (ulimit -v 8000000 && "$bin/rdrop-$program" "$@" <input >got 2>err) || fail "$program: $(cat err)"
    least=20000 most=400000
    for ((kib = least; kib < most; kib += kib / 12)); do
        rm -rf new
        (ulimit -v $kib && exec "$bin/rdrop-$program" "$@" <input >got 2>err) 2>/dev/null
        code=$?
        [ $code -ne 0 ] || break
        [ $code -ne 127 ] || continue
        [ $code -eq 1 ] || fail "$program in $kib KiB: exit $code: $(cat err)"
        grep -qiE "$text" err || fail "$program in $kib KiB: $(cat err)"
        n=$((n + 1))
    done
}
if ! sanitized; then
    OPENBLAS_NUM_THREADS=1 little_memory 'memory' recipe tiny.yaml
    OPENBLAS_NUM_THREADS=1 little_memory 'memory' score --threads 1 --ref ref ref
    OPENBLAS_NUM_THREADS=1 little_memory 'memory' translate --threads 1 --model out/model
    OPENBLAS_NUM_THREADS=1 little_memory 'memory' preprocess tiny.yaml --data data --dest new --threads 1
    OPENBLAS_NUM_THREADS=1 little_memory 'memory' convert --export out/model --output new
    OPENBLAS_NUM_THREADS=1 little_memory 'memory' train tiny.yaml --data bin --save-dir new
    # A batch too large for the memory there is: what to change.
    (ulimit -v 500000 && exec "$bin/rdrop-train" tiny.yaml --data bin --save-dir large \
        --set encoder-embed-dim=512 --set encoder-ffn-embed-dim=8192 --set decoder-ffn-embed-dim=8192 \
        --set max-tokens=100000 >got 2>err)
    failed $? 'out of memory: .* MiB asked for; a lower max-tokens \(now 100000' train
fi
echo "$n failures, each as expected"
