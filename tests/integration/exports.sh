#!/usr/bin/env bash
# librdrop.so exports the functions of include/rdrop and nothing else: those listed in exports.txt, so that a function
# is added to the library, or taken from it, knowingly. Argument: the build directory.
set -euo pipefail
. "$(dirname "$0")/../assert.sh"
build=$(realpath "$1")
! grep -q "^RD_ONE_LIBRARY:BOOL=ON" "$build/CMakeCache.txt" || exit 77 # there all is shown
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C
nm -D --defined-only "$build/librdrop.so" | awk '$2 != "A" { print $3 }' | sort >"$work/versioned"
# All are of the version that the soname has: librdrop.so.0.2, RDROP_0.2.
soname=$(objdump -p "$build/librdrop.so" | sed -n 's/.*SONAME *librdrop\.so\.//p')
grep -v "@@RDROP_$soname\$" "$work/versioned" && fail "functions of another version than RDROP_$soname"
sed 's/@.*//' "$work/versioned" >"$work/exported"
diff "$here/exports.txt" "$work/exported" ||
    fail "librdrop.so exports other functions (>) than tests/integration/exports.txt lists (<)"
# Declarations begin a line; comments do not.
sed 's|/\*.*||' "$here"/../../include/rdrop/*.h | grep -oE '^[a-zA-Z].*\brd_[a-z0-9_]+\(' | grep -v '^typedef' >"$work/declared"
grep -v '^RD_API ' "$work/declared" && fail "public functions that are not RD_API"
grep -oE '\brd_[a-z0-9_]+\($' "$work/declared" | tr -d '(' | sort | diff "$work/exported" - ||
    fail "librdrop.so exports other functions (<) than include/rdrop declares (>)"
echo "$(wc -l <"$work/exported") functions, all declared in include/rdrop"
