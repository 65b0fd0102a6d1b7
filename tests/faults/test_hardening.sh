#!/usr/bin/env bash
# Programs and library are linked and compiled as CMakeLists.txt means them to be: position-independent,
# with read-only relocations bound at the start, stack protectors and checked string functions.
set -u
. "$(dirname "$0")/../assert.sh"
bin=$(realpath "$1")
grep -q '^RD_SANITIZE:BOOL=ON' "$bin/CMakeCache.txt" && exit 77
grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=Release' "$bin/CMakeCache.txt" || exit 77
command -v readelf >/dev/null || exit 77
for file in "$bin"/rdrop-{recipe,preprocess,train,translate,score,convert,lm,predict} "$bin/librdrop.so"; do
    readelf -hW "$file" | grep 'Type: *DYN' >/dev/null || fail "$file: not position-independent"
    readelf -lW "$file" | grep GNU_RELRO >/dev/null || fail "$file: relocations stay writable"
    readelf -lW "$file" | grep 'GNU_STACK' | grep 'RWE' >/dev/null && fail "$file: its stack is executable"
    readelf -dW "$file" | grep -E 'BIND_NOW|FLAGS.*NOW' >/dev/null || fail "$file: bound lazily"
    readelf --dyn-syms -W "$file" | grep __stack_chk_fail >/dev/null || fail "$file: no stack protector"
    readelf --dyn-syms -W "$file" | grep -E '__[a-z]+_chk' >/dev/null || fail "$file: no checked functions"
done
echo "all hardened"
