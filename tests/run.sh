#!/usr/bin/env bash
# Builds and tests everything: as released, then under AddressSanitizer and
# UndefinedBehaviorSanitizer, warnings being errors in both; then a short run of the fuzzers, and
# clang-tidy, cppcheck and Doxygen. Missing Debian packages are installed first and named.
#
#   tests/run.sh [--no-install] [--long]
#
#   --no-install    name the missing packages and stop instead
#   --long          hours: 2 million executions of every fuzzer, all places of faults, and tests/faults/long.sh
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. recipes/setup.sh

install_option=
long=0
for argument in "$@"; do
    case $argument in
    --no-install) install_option=--no-install ;;
    --long) long=1 ;;
    -h | --help)
        sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
        exit 0
        ;;
    *)
        echo "tests/run.sh: unknown argument '$argument'; usage: tests/run.sh [--no-install] [--long]" >&2
        exit 2
        ;;
    esac
done

packages="zip unzip clang libclang-rt-dev libomp-dev strace clang-tidy cppcheck doxygen libopenmpi-dev openmpi-bin"
[ $long -eq 0 ] || packages+=" valgrind time"
# shellcheck disable=SC2086 # empty means no argument
rd_setup_packages $install_option $packages || exit 1

# Trainings inside the tests are far too small for many threads.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}"
summary=
failed=0

# stage NAME OUTCOME START: what the summary says of it
stage() {
    [ "$2" = passed ] || failed=1
    summary+=$(printf '%-12s %s in %d s' "$1" "$2" $((SECONDS - $3)))$'\n'
}

# build_and PRESET COMMAND...: configures, builds and runs the command
build_and() {
    local preset=$1 start=$SECONDS outcome
    shift
    echo "== $preset: configure"
    if ! cmake --preset "$preset" >"build-$preset.log" 2>&1; then
        cat "build-$preset.log"
        outcome="configuring failed"
    else
        echo "== $preset: build"
        if ! cmake --build --preset "$preset" >>"build-$preset.log" 2>&1; then
            tail -n 100 "build-$preset.log"
            outcome="building failed"
        else
            echo "== $preset: test"
            if "$@"; then outcome=passed; else outcome="tests failed"; fi
        fi
    fi
    stage "$preset" "$outcome" "$start"
}

fuzz_runs=10000 fuzz_seconds=3
if [ $long -eq 1 ]; then
    fuzz_runs=2000000 fuzz_seconds=0
    export RDROP_FAULT_STEP=1
fi
jobs=$(nproc)
build_and debug-asan ctest --preset debug-asan -j "$jobs"
build_and release ctest --preset release -j "$jobs"
build_and fuzz tests/fuzz/run.sh build-fuzz $fuzz_runs $fuzz_seconds

start=$SECONDS
echo "== static analysis"
if tests/static/run.sh build-fuzz; then stage static passed "$start"; else stage static failed "$start"; fi

if [ $long -eq 1 ]; then
    start=$SECONDS
    echo "== long forms"
    if tests/faults/long.sh build; then stage long passed "$start"; else stage long failed "$start"; fi
fi

printf '\n== summary\n%s' "$summary"
exit $failed
