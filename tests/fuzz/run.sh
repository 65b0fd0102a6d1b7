#!/usr/bin/env bash
# Runs every fuzz target of a build (the fuzz preset's) from the seeds of corpus/ for a number of
# executions. What it finds new stays in BUILD_DIR/fuzz/TARGET and is used again by the next run; an
# input that fails is left in BUILD_DIR/fuzz and named.
#
#   tests/fuzz/run.sh BUILD_DIR RUNS [TARGET...]
#
# Bounds: 10 s an input (sanitizers are several times slower than the release), 1.1 GiB in one
# allocation, 4 GiB in all.
set -uo pipefail
build=$(realpath "$1") runs=$2
shift 2
here=$(realpath "$(dirname "$0")")
export OMP_NUM_THREADS=1
failed=0
if [ $# -eq 0 ]; then
    for source in "$here"/fuzz_*.c; do set -- "$@" "$(basename "$source" .c)"; done
fi
mkdir -p "$build/fuzz"
for target in "$@"; do
    name=${target#fuzz_}
    mkdir -p "$build/fuzz/$name"
    log=$build/fuzz/$name.log
    if "$build/fuzz_$name" -runs="$runs" -seed=1 -timeout=10 -malloc_limit_mb=1100 -rss_limit_mb=4096 \
        -max_len=8192 -artifact_prefix="$build/fuzz/$name-" -print_final_stats=1 \
        "$build/fuzz/$name" "$here/corpus/$name" >"$log" 2>&1 </dev/null; then
        sed -n "s/^stat::number_of_executed_units: */fuzz_$name: executions: /p" "$log"
    else
        echo "fuzz_$name failed:"
        grep -vE '^#|^INFO:' "$log" | head -n 60
        failed=1
    fi
done
exit $failed
