#!/usr/bin/env bash
# clang-tidy (.clang-tidy says what and why) and cppcheck over src: clean, except what is suppressed
# here and there with a reason. Doxygen over include: without a warning.
#
#   tests/static/run.sh BUILD_DIR      of clang, with compile_commands.json
set -uo pipefail
build=$(realpath "$1")
cd "$(dirname "$0")/../.." || exit 1
failed=0
# simd.c: does not see that rows are filled by blocks of 32 elements.
# Functions of very many paths are given up on after 40,000 states, not 225,000: options.c takes 26 s, not 115.
# The largest files come first, so that no processor waits for the other.
tidy=(clang-tidy -p "$build" --quiet)
for word in -analyzer-config max-nodes=40000; do tidy+=(--extra-arg=-Xclang "--extra-arg=$word"); done
find src -name '*.c' ! -name simd.c -printf '%s %p\n' | sort -rn | cut -d ' ' -f 2 |
    nice xargs -P "$(nproc)" -n 1 "${tidy[@]}" 2>/dev/null || failed=1
cppcheck -j "$(nproc)" --quiet --std=c11 --enable=warning,performance,portability --error-exitcode=1 \
    --inline-suppr --suppressions-list=tests/static/cppcheck.suppressions -D_GNU_SOURCE \
    -DRD_VERSION='"0"' -DRD_KERNELS_NAME=kernels -I include -I src -I third_party src || failed=1
tests/static/doxygen.sh || failed=1
# Operations alone divide rows among threads, so that another device could take their place.
if grep -rnE 'pragma omp|omp\.h|ops/cpu/' src/layers src/criterion src/model src/optim src/ops/*.h; then
    echo "threads, or kernels of the processor, outside ops/cpu"
    failed=1
fi
[ $failed -eq 0 ] && echo "clang-tidy, cppcheck and Doxygen: clean"
exit $failed
