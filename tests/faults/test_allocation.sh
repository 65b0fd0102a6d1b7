#!/usr/bin/env bash
# Every allocation of every program fails in turn, once: the program says so in a line and exits 1, or
# does without and gives the right result; never by a signal, never with half a file, and what was
# there before is still whole. RDROP_FAULT_STEP=N tries every N-th place only: without it, every seventh
# where sanitizers make a process slow, else every fourth.
set -u
# Thousands of runs sync their files: memory is the faster disk, where there is one.
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi
. "$(dirname "$(realpath "$0")")/setup.sh"
# An error of a sanitizer, a leak included, is told from a failure by its status.
export ASAN_OPTIONS=exitcode=86:allocator_may_return_null=1 UBSAN_OPTIONS=exitcode=86
export RDROP_FAIL_REPORT=$work/place
step=4
if sanitized; then step=7; fi
step=${RDROP_FAULT_STEP:-$step}
problems=0

problem() {
    echo "$program, place $place: $*; called from:"
    # shellcheck disable=SC2046 # one address a line
    addr2line -sfp -e "$bin/fault-$program" $(cat place) 2>/dev/null | sed 's/^/    /'
    sed 's/^/    > /' err | tail -n 25
    problems=$((problems + 1))
    [ $problems -lt "${RDROP_FAULT_PROBLEMS:-5}" ] || exit 1
}

# same_or_absent GOOD OTHER: each file of OTHER is as in GOOD, or not there
same_or_absent() {
    local file name
    for file in $(cd "$2" && find . -type f ! -name lock); do
        case $file in
        *.tmp.*) problem "left $file" ;;
        */train.jsonl | */report.html | */checkpoint_last | */checkpoint_previous) ;;
        *) cmp -s "$1/$file" "$2/$file" || problem "$file is not whole" ;;
        esac
    done
}

# try PROGRAM BEFORE AFTER ARGUMENTS...: BEFORE prepares each run; AFTER judges what it left, given
# the exit code. Input is the file `in`, output the file `got`.
try() {
    local before=$2 after=$3 code
    program=$1
    shift 3
    for ((place = 1; ; place += step)); do
        $before
        rm -f place
        { RDROP_FAIL_PLACE=$place "$bin/fault-$program" "$@" <in >got 2>err; } 2>/dev/null
        code=$?
        [ -e place ] || break
        if [ $code -gt 2 ]; then
            problem "exit $code"
        elif [ $code -ne 0 ] && ! grep -q "^rdrop-$program: ." err; then
            problem "exit $code without a message"
        elif [ $code -ne 0 ] && ! grep -qiE 'memory|bad_alloc|temporarily unavailable' err; then
            problem "exit $code with a message of something else"
        fi
        $after $code
    done
    [ $code -eq 0 ] || problem "fails without a failure: exit $code"
    [ $place -gt 10 ] || problem "there are more places than that"
    echo "$program: $(((place - 1) / step)) places"
    total=$((total + (place - 1) / step))
}
total=0
nothing() { :; }
output_or_error() {
    [ "$1" -ne 0 ] || cmp -s expected got || problem "exit 0 with another output"
}

: >in
"$bin/rdrop-recipe" tiny.yaml >expected
try recipe nothing output_or_error tiny.yaml

zcat data/valid.de.gz >ref
sed 's/a/b/' ref >sys
score=(--metric bleu,chrf++,ter,rouge --rouge-stemmer porter --paired-bs --paired-bs-n 3 --threads 1 --ref ref)
"$bin/rdrop-score" "${score[@]}" ref sys >expected || fail "score"
try score nothing output_or_error "${score[@]}" ref sys
"$bin/rdrop-score" --metric bleu,rouge --json --ref ref sys >expected || fail "score --json"
try score nothing output_or_error --metric bleu,rouge --json --threads 1 --ref ref sys
sed 's/.*/["&", "x"]/' ref >refs.jsonl
"$bin/rdrop-score" --worst 3 --ref refs.jsonl sys >expected || fail "score --worst"
try score nothing output_or_error --worst 3 --threads 1 --ref refs.jsonl sys

for i in $(seq 40); do echo $((i * i % 3)); done >ref
sed 's/2/1/' ref >sys
score=(--metric accuracy,f1-macro,spearman --json --threads 1 --ref ref)
"$bin/rdrop-score" "${score[@]}" --paired-bs --paired-bs-n 2 ref sys >expected || fail "score of labels"
try score nothing output_or_error "${score[@]}" --paired-bs --paired-bs-n 2 ref sys
"$bin/rdrop-score" "${score[@]}" --paired-ar --paired-ar-n 2 ref sys >expected || fail "score of labels"
try score nothing output_or_error "${score[@]}" --paired-ar --paired-ar-n 2 ref sys

cp input in
cp translated expected
try translate nothing output_or_error --model out/model --threads 1
same_or_absent out out
printf 'house\tHaus\nthe\tdie\n' >terms.tsv
printf 'Haus\tdas\n\nein\n' >constraints
for options in "--constraints constraints" "--shortlist bin/shortlist.bin" \
    "--glossary terms.tsv --split-sentences --window-tokens 9 --window-overlap 3 --print-alignment"; do
    # shellcheck disable=SC2086 # options are words
    "$bin/rdrop-translate" --model out/model --threads 1 $options <in >expected 2>/dev/null || fail "$options"
    # shellcheck disable=SC2086
    try translate nothing output_or_error --model out/model --threads 1 $options
done
rm_page() { rm -f page; }
page_or_error() {
    output_or_error "$1"
    [ ! -e page ] || cmp -s expected.page page || problem "half a file"
    [ -z "$(find . -maxdepth 1 -name 'page.tmp.*')" ] || problem "a temporary file is left"
}
cp translated expected.page
: >expected
try translate rm_page page_or_error --model out/model --threads 1 --output page

: >in
fresh_bin() { rm -rf made && cp -r bin made; }
whole_bin() { same_or_absent bin made; }
try preprocess fresh_bin whole_bin tiny.yaml --data data --dest made --threads 1 --only binarize
try preprocess fresh_bin whole_bin tiny.yaml --data data --dest made --threads 1 --only vocab
try preprocess fresh_bin whole_bin tiny.yaml --data data --dest made --threads 1 --only shortlist
: >expected
# A training that failed goes on, or starts again, to the same weights.
fresh_training() { rm -rf made; }
resumes() {
    [ -z "$(find . -path './made/*.tmp.*')" ] || problem "left a temporary file"
    "$bin/rdrop-train" tiny.yaml --data bin --save-dir made >/dev/null 2>err.again ||
        problem "does not go on: $(cat err.again)"
    cmp -s out/model/model.safetensors made/model/model.safetensors || problem "other weights"
}
try train fresh_training resumes tiny.yaml --data bin --save-dir made
cp -r out averaged
average_again() { same_or_absent out averaged; }
try train nothing average_again tiny.yaml --data bin --save-dir averaged --average

# A text for a language model.
cat >text.yaml <<YAML
task: language_modeling
arch: transformer-lm
target-lang: de
trainpref: train
validpref: valid
vocab-type: words
max-update: 1
YAML
"$bin/rdrop-preprocess" text.yaml --data data --dest text >/dev/null || fail "preprocess a text"
fresh_text() { rm -rf made && cp -r text made; }
whole_text() { same_or_absent text made; }
try preprocess fresh_text whole_text text.yaml --data data --dest made --threads 1

"$bin/rdrop-convert" --import "$golden/gpt2" --output lm >/dev/null || fail "convert gpt2"
printf 'the cat\n\nan isle\n' >in
for options in "--context-window 3 --tokens-per-sample 8" "--per-line --per-token" \
    "--generate --beam 2 --max-len-b 4"; do
    # shellcheck disable=SC2086 # options are words
    "$bin/rdrop-lm" --model lm --threads 1 $options <in >expected 2>/dev/null || fail "lm $options"
    # shellcheck disable=SC2086
    try lm nothing output_or_error --model lm --threads 1 $options
done

# What is converted is there whole or not at all.
fresh_converted() { rm -rf converted; }
whole_or_absent() {
    [ -z "$(find . -maxdepth 1 -name 'converted.tmp.*')" ] || problem "left a directory"
    if [ "$1" -eq 0 ] || [ -e converted ]; then
        diff -r good converted >/dev/null || problem "exit $1 with another output"
    fi
}
: >in
: >expected
for what in "--export out/model" "--quantize int8 --model out/model" "--import $golden/marian/separate" "--import $golden/marian_npz/opus" \
    "--import $golden/marian_npz/spm" "--import $golden/gpt2" "--import $golden/fairseq/old" "--export lm"; do
    rm -rf good
    # shellcheck disable=SC2086 # arguments
    "$bin/rdrop-convert" $what --output good >/dev/null || fail "convert $what"
    # shellcheck disable=SC2086
    try convert fresh_converted whole_or_absent $what --output converted
done
for what in out/model "$golden/marian/tied" "$golden/marian_npz/opus/model.npz" "$golden/fairseq/post"; do
    "$bin/rdrop-convert" --info "$what" >expected || fail "convert --info $what"
    try convert nothing output_or_error --info "$what"
done
[ $problems -eq 0 ] || fail "$problems problems"
echo "$total allocations failed, each survived"
