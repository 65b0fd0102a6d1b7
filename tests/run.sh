#!/usr/bin/env bash
# Builds and tests everything: as released, then under AddressSanitizer and
# UndefinedBehaviorSanitizer, warnings being errors in both. Missing Debian packages are installed
# first and named.
#
#   tests/run.sh [--no-install]     --no-install: name the missing packages and stop instead
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. recipes/setup.sh

install_option=
case "${1:-}" in
"") ;;
--no-install) install_option=--no-install ;;
-h | --help)
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
    exit 0
    ;;
*)
    echo "tests/run.sh: unknown argument '$1'; usage: tests/run.sh [--no-install]" >&2
    exit 2
    ;;
esac

# shellcheck disable=SC2086 # empty means no argument
rd_setup_packages $install_option || exit 1

# Trainings inside the tests are far too small for many threads.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}"
summary=
failed=0

# configure_build_test PRESET
configure_build_test() {
    local preset=$1 start=$SECONDS outcome
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
            if ctest --preset "$preset"; then outcome=passed; else outcome="tests failed"; fi
        fi
    fi
    [ "$outcome" = passed ] || failed=1
    summary+=$(printf '%-12s %s in %d s' "$preset" "$outcome" $((SECONDS - start)))$'\n'
}

configure_build_test debug-asan
configure_build_test release

printf '\n== summary\n%s' "$summary"
exit $failed
