#!/usr/bin/env bash
# Runs every fuzz target of a build (the fuzz preset's) from the seeds of corpus/ for a number of
# executions. What it finds new stays in BUILD_DIR/fuzz/TARGET and is used again by the next run; an
# input that fails is left in BUILD_DIR/fuzz and named.
#
#   tests/fuzz/run.sh BUILD_DIR RUNS SECONDS [TARGET...]
#
# A target ends after RUNS executions, or SECONDS if that comes first and is not 0. As many targets run at
# a time as there are processors.
#
# Bounds: 10 s an input (sanitizers are several times slower than the release), 1.1 GiB in one
# allocation, 4 GiB in all.
set -uo pipefail
build=$(realpath "$1") runs=$2 seconds=$3
shift 3
here=$(realpath "$(dirname "$0")")
export OMP_NUM_THREADS=1
if [ $# -eq 0 ]; then
    for source in "$here"/fuzz_*.c; do set -- "$@" "$(basename "$source" .c)"; done
fi
# fuzz TARGET: what it did, in one piece
fuzz() {
    local name=${1#fuzz_} log
    mkdir -p "$build/fuzz/$name"
    log=$build/fuzz/$name.log
    if "$build/fuzz_$name" -runs="$runs" -max_total_time="$seconds" -seed=1 -timeout=10 -malloc_limit_mb=1100 -rss_limit_mb=4096 \
        -max_len=8192 -artifact_prefix="$build/fuzz/$name-" -print_final_stats=1 \
        "$build/fuzz/$name" "$here/corpus/$name" >"$log" 2>&1 </dev/null; then
        sed -n "s/^stat::number_of_executed_units: */fuzz_$name: executions: /p" "$log"
        return 0
    fi
    echo "fuzz_$name failed:
$(grep -vE '^#|^INFO:' "$log" | sed -n '1,60p')"
    return 255 # xargs starts no other
}
export -f fuzz
export build here runs seconds
printf '%s\n' "$@" | xargs -P "$(nproc)" -I {} bash -c 'fuzz {}'
