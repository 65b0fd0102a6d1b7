#!/usr/bin/env bash
# Line coverage of src by the tests: a table by folder, and which test runs which line.
#
#   tests/mutation/coverage.sh BUILD_DIR
#
# BUILD_DIR is made: a build by clang that counts, whose programs and tests share one library. Each test of
# CTest runs alone, except those about files of a build (bench, exports, install, package). Kept in BUILD_DIR:
# map.txt (FILE, line, TEST, between tabs), lines.txt (FILE, line, 1 if any test runs it or 0) and tests.txt (TEST,
# lines it runs, milliseconds of processor; by their product) of those that pass. Tests that ran before are not run again: remove
# BUILD_DIR/profiles/TEST to have it so.
set -uo pipefail
[ $# -eq 1 ] || {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2
    exit 2
}
here=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1" && build=$(realpath "$1")
. "$here/tests/mutation/support.sh"
# Counters are kept in the profile itself, which children that end by _exit or a signal leave valid.
configure "$here" "$build" -fprofile-instr-generate -fcoverage-mapping -mllvm -runtime-counter-relocation || exit 1
ninja -C "$build" >"$build/log" 2>&1 || { tail -n 30 "$build/log" && exit 1; }

from=$(sed -n "s/^CMAKE_HOME_DIRECTORY:INTERNAL=//p" "$build/CMakeCache.txt")
objects=("$build/librdrop-all.so")
for program in "$build"/rdrop-*; do [ ! -x "$program" ] || objects+=(-object "$program"); done
# lines TEST OBJECT...: FILE, line, how often TEST ran it
lines() {
    local test=$1
    shift
    llvm-cov export -format=lcov -instr-profile "$build/profiles/$test/all.profdata" "$@" 2>>"$build/log" |
        awk -F '[:,]' -v from="$from/" 'BEGIN { OFS = "\t" }
            /^SF:/ { file = index($2, from "src/") == 1 ? substr($2, length(from) + 1) : "" }
            /^DA:/ && file != "" { print file, $2, $3 }'
}

mkdir -p "$build/profiles" "$build/scratch"
TIMEFORMAT='%U %S'
while read -r test; do
    folder=$build/profiles/$test
    [ ! -e "$folder/lines.txt" ] || continue
    rm -rf "$folder" && mkdir -p "$folder"
    used=$({ time LLVM_PROFILE_FILE=$folder/%m%c.profraw run_test "$test" 600 >"$folder/log" 2>&1; } 2>&1) ||
        { [ $? -eq 77 ] || echo "$test fails; see $folder/log" >&2; continue; }
    llvm-profdata merge -sparse -o "$folder/all.profdata" "$folder"/*.profraw 2>>"$build/log" || continue
    of_test=()
    [ ! -x "$build/$test" ] || of_test=(-object "$build/$test")
    lines "$test" "${objects[@]}" "${of_test[@]}" | sort -u >"$folder/lines.new"
    awk '{ print 1000 * ($1 + $2) }' <<<"$used" >"$folder/milliseconds"
    mv "$folder/lines.new" "$folder/lines.txt"
    rm -f "$folder"/*.profraw
done < <(tests_of_build)

cat "$build"/profiles/*/lines.txt | awk -F '\t' 'BEGIN { OFS = "\t" }
    { if ($3 > 0) n[$1 OFS $2] = 1; else if (!($1 OFS $2 in n)) n[$1 OFS $2] = 0 }
    END { for (line in n) print line, n[line] }' | sort >"$build/lines.txt"
for folder in "$build"/profiles/*/; do
    awk -F '\t' -v test="$(basename "$folder")" 'BEGIN { OFS = "\t" } $3 > 0 { print $1, $2, test }' "$folder/lines.txt"
done | sort -u >"$build/map.txt"
cut -f 3 "$build/map.txt" | sort | uniq -c | while read -r n test; do
    echo "$test $n $(cat "$build/profiles/$test/milliseconds")"
done | awk '{ print $2 * $3, $0 }' | sort -n | cut -d " " -f 2- >"$build/tests.txt"
echo "| folder | lines | run by a test |"
echo "|---|---:|---:|"
awk -F '\t' '{ split($1, part, "/"); n[part[2]]++; all++; if ($3) { k[part[2]]++; run++ } }
    END { for (f in n) printf "| `%s/` | %d | %.1f%% |\n", f, n[f], 100 * k[f] / n[f] | "sort"
          close("sort")
          printf "| all | %d | %.1f%% |\n", all, 100 * run / all }' "$build/lines.txt"
