#!/usr/bin/env bash
# Hours, not minutes: the long forms of the tests for faults, run by tests/run.sh --long.
#
#   tests/faults/long.sh BUILD_DIR [kills|lines|updates|valgrind|threads]...     default: all
#
#   kills      200 kills at random moments of a training, each gone on from: the same bits at the end
#   lines      a million lines translated in the memory of a hundred thousand
#   updates    100,000 updates in the memory of 10,000
#   valgrind   memcheck over the unit tests, of which those that train take an hour or two
#   threads    ThreadSanitizer (a build of its own beside BUILD_DIR) over translation and loading on
#              several threads
#
# RDROP_SCALE=N divides the counts, for a quick look.
set -u
here=$(realpath "$(dirname "$0")")
build=$(realpath "$1")
scale=${RDROP_SCALE:-1}
. "$here/setup.sh"
shift
[ $# -gt 0 ] || set -- kills lines updates valgrind threads

# peak OUTPUT COMMAND...: runs it; its largest resident set, in KiB
peak() {
    local output=$1
    shift
    /usr/bin/time -f %M -o peak "$@" >"$output" 2>err || fail "$*: $(tail -n 3 err)"
    tail -n 1 peak
}
# flat WHAT SMALL LARGE: a tenth and 2 MiB of difference are the system's
flat() {
    echo "$1: peak of $2 KiB for a tenth, $3 KiB for all"
    [ "$3" -le $(($2 + $2 / 10 + 2048)) ] || fail "$1: memory grows"
}

# Each training is killed and gone on from until it comes to its end, at moments of the time that one left
# alone takes, most of which is the writing of checkpoints.
kills() {
    local count=$((200 / scale)) killed=0 writing=0 run=0 start duration pid code moment
    set -- tiny.yaml --data bin --set max-update=60 --set save-interval-updates=1 --set validate-interval-updates=7
    start=${EPOCHREALTIME/./}
    "$bin/rdrop-train" "$@" --save-dir whole >log 2>&1 || fail "kills: $(cat log)"
    duration=$(((${EPOCHREALTIME/./} - start) / 1000))
    RANDOM=1
    while [ $killed -lt $count ]; do
        run=$((run + 1))
        rm -rf broken
        while :; do
            "$bin/rdrop-train" "$@" --save-dir broken >log 2>&1 &
            pid=$!
            moment=$(printf %04d $((RANDOM % duration)))
            read -r -t "${moment::-3}.${moment: -3}" <>"$work/never"
            kill -9 $pid 2>/dev/null
            wait $pid 2>/dev/null
            code=$?
            [ $code -eq 137 ] || break
            killed=$((killed + 1))
            [ -z "$(find broken -name '*.tmp.*' 2>/dev/null)" ] || writing=$((writing + 1))
        done
        [ $code -eq 0 ] || fail "kills: does not go on: $(cat log)"
        cmp whole/model/model.safetensors broken/model/model.safetensors || fail "kills: other weights"
        cmp whole/checkpoint_best.safetensors broken/checkpoint_best.safetensors || fail "kills: other best"
        [ -z "$(find broken -name '*.tmp.*')" ] || fail "kills: temporary files are left"
    done
    echo "kills: $killed of $run trainings, $writing of them while a file was written"
}

lines() {
    local n=$((1000000 / scale)) small large
    yes "$(cat data/train.en 2>/dev/null || zcat data/train.en.gz)" | head -n $n >many
    head -n $((n / 10)) many >some
    small=$(peak got "$bin/rdrop-translate" --model out/model --beam 1 --max-len-a 0 --max-len-b 5 --input some)
    large=$(peak got "$bin/rdrop-translate" --model out/model --beam 1 --max-len-a 0 --max-len-b 5 --input many)
    [ "$(wc -l <got)" -eq $n ] || fail "lines: $(wc -l <got) of $n"
    flat "lines: $n" "$small" "$large"
}

updates() {
    local n=$((100000 / scale)) small large
    set -- tiny.yaml --data bin --set validate-interval-updates=1000 --set log-interval=1000
    small=$(peak got "$bin/rdrop-train" "$@" --save-dir few --set max-update=$((n / 10)))
    large=$(peak got "$bin/rdrop-train" "$@" --save-dir all --set max-update=$n)
    flat "updates: $n" "$small" "$large"
}

valgrind() {
    local test n=0
    for test in "$build"/test_*; do
        [ -x "$test" ] && [ -f "$test" ] || continue
        # Children that are killed leave what they held. oneDNN's code comes in blocks that are too long
        # to translate whole. Valgrind shows a processor without AVX-512: libraries round as on one.
        RDROP_ISA=avx2 command valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
            --trace-children=no --child-silent-after-fork=yes --suppressions="$here/valgrind.supp" \
            --vex-guest-max-insns=25 "$test" >got 2>err || fail "valgrind $(basename "$test"): $(grep -E '^==' err | head -n 40)"
        n=$((n + 1))
    done
    echo "valgrind: $n unit tests clean"
}

threads() {
    local tsan=$build-tsan
    cmake -S "$here/../.." -B "$tsan" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang \
        -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_C_FLAGS="-fsanitize=thread -O1" -DRD_ONEDNN=OFF \
        -DCMAKE_CXX_FLAGS="-fsanitize=thread -O1" >log 2>&1 && cmake --build "$tsan" >>log 2>&1 ||
        fail "threads: $(tail -n 20 log)"
    export TSAN_OPTIONS="exitcode=66 suppressions=$here/tsan.supp ignore_noninstrumented_modules=1"
    # Archer tells ThreadSanitizer what OpenMP's runtime orders; without it barriers look like races.
    OMP_TOOL_LIBRARIES=$(find /usr/lib/llvm-*/lib -name libarcher.so | head -n 1)
    [ -n "$OMP_TOOL_LIBRARIES" ] || fail "threads: libarcher.so, of LLVM's OpenMP, is not installed"
    export OMP_TOOL_LIBRARIES OMP_NUM_THREADS=4
    for ((i = 0; i < 300; i++)); do cat input; done >many
    "$tsan/rdrop-translate" --model out/model --threads 4 --input many >got 2>err ||
        fail "threads: translate: $(head -n 40 err)"
    "$tsan/rdrop-preprocess" tiny.yaml --data data --dest again --threads 4 \
        --set sentencepiece-alpha=0.2 >log 2>err || fail "threads: preprocess: $(head -n 40 err)"
    "$tsan/rdrop-train" tiny.yaml --data again --save-dir racing --threads 4 \
        --set sentencepiece-alpha=0.2 >log 2>err || fail "threads: train: $(head -n 40 err)"
    "$tsan/rdrop-train" tiny.yaml --data again --save-dir workers --workers 3 --threads 1 \
        --set sentencepiece-alpha=0.2 --set ema-decay=0.9 >log 2>err || fail "threads: workers: $(head -n 40 err)"
    "$tsan/test_comm" >log 2>err || fail "threads: test_comm: $(head -n 40 err)"
    "$tsan/rdrop-score" --metric bleu,chrf,ter,rouge --threads 4 --paired-bs --paired-bs-n 50 --ref many many many \
        >log 2>err || fail "threads: score: $(head -n 40 err)"
    "$tsan/test_prefetch" >log 2>err || fail "threads: test_prefetch: $(head -n 40 err)"
    echo "threads: ThreadSanitizer clean"
}

mkfifo "$work/never"
for part in "$@"; do $part; done
