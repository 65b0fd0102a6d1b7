#!/usr/bin/env bash
# Every system call of every program by which something can go wrong outside fails in turn, once, by
# strace's fault injection: the program says so in a line and fails, or does without and gives the
# right result; never by a signal, never with half a file, and what was there before is still whole.
# RDROP_FAULT_STEP=N tries every N-th call only; without it, every fourth. Not where sanitizers make system calls of their own.
set -u
# Thousands of runs sync their files: memory is the faster disk, where there is one.
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi
. "$(dirname "$(realpath "$0")")/setup.sh"
if sanitized; then exit 77; fi
if ! strace -f --seccomp-bpf -o /dev/null true 2>/dev/null; then
    echo "strace is not installed, or tracing is not allowed here"
    exit 77
fi
# CALL:ERROR. Mappings of files only: those of memory are test_allocation.sh's (and oneDNN does not
# outlive one that fails under the code it makes).
mapped=()
for file in tiny.yaml bin/* out/model/* made/checkpoint_last "$golden"/bart/*; do mapped+=(-P "$file"); done
faults="openat:EMFILE read:EIO write:ENOSPC fsync:EIO rename:EIO close:EIO
    unlink,unlinkat:EIO mkdir:EROFS mmap:ENOMEM
    ftruncate:EIO flock:ENOLCK lseek:EIO fstat,newfstatat:EIO getdents64:EIO clone3,clone:EAGAIN"
step=${RDROP_FAULT_STEP:-4}
problems=0

problem() {
    echo "$program, $call $n: $*"
    grep -h 'INJECTED' trace | head -n 3
    sed 's/^/    > /' err | tail -n 25
    problems=$((problems + 1))
    [ $problems -lt "${RDROP_FAULT_PROBLEMS:-5}" ] || exit 1
}

# How often the program makes the call before it does anything of its own: while it is loaded.
calls_of_loading() {
    strace -f --seccomp-bpf -o trace -e "trace=$call" "$bin/rdrop-$program" --help >/dev/null 2>&1
    grep -vcE 'exited|\+\+\+|---|resumed' trace
}

# same_or_absent GOOD OTHER: each file of OTHER is as in GOOD, or not there
same_or_absent() {
    local file
    for file in $(cd "$2" && find . -type f); do
        case $file in
        *.tmp.*) [ "$call" = unlink,unlinkat ] || problem "left $file" ;;
        *) cmp -s "$1/$file" "$2/$file" || problem "$file is not whole" ;;
        esac
    done
}

# try PROGRAM BEFORE AFTER ARGUMENTS...: as in test_allocation.sh
try() {
    local before=$2 after=$3 code fault first count=0 only
    program=$1
    shift 3
    for fault in $faults; do
        call=${fault%:*}
        first=$(($(calls_of_loading) - 2))
        only=()
        if [ "$call" = mmap ]; then only=("${mapped[@]}") first=1; fi
        for ((n = first > 1 ? first : 1; ; n += step)); do
            $before
            { strace -f --seccomp-bpf "${only[@]}" -o trace -e "trace=$call" -e "inject=$call:error=${fault#*:}:when=$n" \
                "$bin/rdrop-$program" "$@" <in >got 2>err; } 2>/dev/null
            code=$?
            grep -q INJECTED trace || break
            count=$((count + 1))
            if [ $code -eq 127 ]; then
                : # the loader's, in its own words
            elif [ $code -gt 2 ]; then
                problem "exit $code"
            elif [ $code -ne 0 ] && ! grep -qE "^rdrop-$program: .|^libgomp: " err &&
                ! grep -qE 'write\(2, ' trace; then
                problem "exit $code without a message"
            fi
            $after $code
        done
    done
    echo "$program: $count calls"
    [ $((count * step)) -gt 10 ] || problem "there are more calls than that"
    total=$((total + count))
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
"$bin/rdrop-score" --metric bleu,ter --ref ref sys >expected || fail "score"
try score nothing output_or_error --metric bleu,ter --threads 1 --ref ref sys

cp input in
cp translated expected
try translate nothing output_or_error --model out/model --threads 1
echo old >expected.old
old_page() { cp expected.old page; }
old_or_new() {
    cmp -s page translated || cmp -s page expected.old || problem "half a file"
    [ "$1" -ne 0 ] || cmp -s page translated || problem "exit 0 with the old file"
    [ -z "$(find . -maxdepth 1 -name 'page.tmp.*')" ] || [ "$call" = unlink,unlinkat ] ||
        problem "a temporary file is left"
    rm -f page.tmp.*
}
try translate old_page old_or_new --model out/model --threads 1 --output page

: >in
fresh_bin() { rm -rf made && cp -r bin made; }
whole_bin() { same_or_absent bin made; }
try preprocess fresh_bin whole_bin tiny.yaml --data data --dest made --threads 1 --only binarize
try preprocess fresh_bin whole_bin tiny.yaml --data data --dest made --threads 1 --only vocab
try preprocess fresh_bin whole_bin tiny.yaml --data data --dest made --threads 1 --only shortlist
# A training that failed goes on, or starts again, to the same weights.
fresh_training() { rm -rf made; }
resumes() {
    "$bin/rdrop-train" tiny.yaml --data bin --save-dir made >/dev/null 2>err.again ||
        problem "does not go on: $(cat err.again)"
    cmp -s out/model/model.safetensors made/model/model.safetensors || problem "other weights"
    [ -z "$(find . -path './made/*.tmp.*')" ] || problem "left a temporary file"
}
try train fresh_training resumes tiny.yaml --data bin --save-dir made
# What is converted is there whole or not at all.
fresh_converted() { rm -rf converted converted.tmp.*; }
whole_or_absent() {
    [ -z "$(find . -maxdepth 1 -name 'converted.tmp.*')" ] || [ "$call" = unlink,unlinkat ] || problem "left a directory"
    if [ "$1" -eq 0 ] || [ -e converted ]; then
        diff -r good converted >/dev/null || problem "exit $1 with another output"
    fi
}
for what in "--export out/model" "--import $golden/bart"; do
    rm -rf good
    # shellcheck disable=SC2086 # arguments
    "$bin/rdrop-convert" $what --output good >/dev/null || fail "convert $what"
    # shellcheck disable=SC2086
    try convert fresh_converted whole_or_absent $what --output converted
done
[ $problems -eq 0 ] || fail "$problems problems"
echo "$total system calls failed, each survived"
