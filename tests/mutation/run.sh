#!/usr/bin/env bash
# Plants small faults in src, one at a time, and tells how many of them the tests notice. Each is one operator,
# constant, condition or statement changed (mutants.awk); those that the compiler refuses do not count.
#
#   tests/mutation/run.sh BUILD_DIR COVERAGE_DIR COUNT [SEED [FOLDER...]]
#
# COVERAGE_DIR is that of coverage.sh: a fault is shown only to tests that run its line, quick ones that run few
# lines first, until one fails, crashes or takes five times as long as without a fault. Those that do not fit into
# RDROP_MUTATION_SECONDS of processor (default 60) for all tests of a fault are left out, except the first, and those
# whose names do not match RDROP_MUTATION_TESTS, a regular expression. BUILD_DIR is made, with a copy of the tree in
# it, by clang, with one library for all programs and tests: a fault costs one object and one link.
#
# A folder gets its share of COUNT by lines, at least 4. The same SEED and source plant the same faults; a run that
# was stopped does what is left. BUILD_DIR/mutants.txt tells what became of each: FILE:line, noticed (and by which
# test), survived, not run (no test runs the line), refused or same code (to the compiler it is no fault), the
# seconds it took, kind of fault, and the line as it was planted. A table by folder of those that are faults comes at
# the end.
set -uo pipefail
[ $# -ge 3 ] || {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2
    exit 2
}
here=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1" && build=$(realpath "$1")
coverage=$(realpath "$2") count=$3 seed=${4:-1}
shift $(($# < 4 ? $# : 4))
tree=$build/tree
. "$here/tests/mutation/support.sh"
ulimit -v 16000000 # a fault may ask for any amount

# The tree is copied once.
if [ ! -d "$tree" ]; then
    mkdir -p "$tree.new"
    (cd "$here" && git ls-files -z | xargs -0 cp --parents -t "$tree.new") && mv "$tree.new" "$tree" || exit 1
fi
if [ ! -e "$build/commands.txt" ]; then
    configure "$tree" "$build" || exit 1
    binaries=()
    while read -r test; do
        case $test in
        test_*) binaries+=("$test") ;;
        fuzz_*) binaries+=("replay_${test#fuzz_}") ;;
        esac
    done < <(tests_of_build)
    ninja -C "$build" programs "${binaries[@]}" >"$build/log" 2>&1 || { tail -n 30 "$build/log" && exit 1; }
    ninja -C "$build" -t commands programs "${binaries[@]}" >"$build/commands.txt"
fi

# The faults of this run, in random order: a share of each folder's lines, one fault a line.
if [ ! -e "$build/chosen.txt" ]; then
    (cd "$tree" && find src -name '*.c' | sort | xargs awk -f "$here/tests/mutation/mutants.awk") >"$build/all.txt"
    awk -F '\t' -v seed="$seed" -v count="$count" -v folders="$*" '
        function random(n) { seed = (seed * 16807) % 2147483647; return int(seed / 2147483647 * n) }
        function choose(f,   share, i, k, key) {
            share = int(count * n[f] / total + 0.5)
            if (share < 4) share = 4
            for (i = 0; i < share && i < n[f]; i++) {
                k = i + random(n[f] - i)
                key = line[f, k]
                line[f, k] = line[f, i]
                print random(1000000) "\t" fault[key, random(faults[key])]
            }
        }
        BEGIN { seed = seed * 7919 + 1; for (i = split(folders, list, " "); i > 0; i--) wanted[list[i]] = 1 }
        { split($1, part, "/"); folder = part[2]; key = $1 ":" $2 }
        folders != "" && !(folder in wanted) { next }
        !(key in faults) { if (!(folder in n)) order[++kinds] = folder; line[folder, n[folder]++] = key; total++ }
        { fault[key, faults[key]++] = $0 }
        END { for (i = 1; i <= kinds; i++) choose(order[i]) }' "$build/all.txt" | sort -n | cut -f 2- >"$build/chosen.txt"
fi

# plant FILE LINE COLUMN LENGTH TEXT: FILE.fault next to it; prints the line as it is there
plant() {
    TEXT=$5 awk -v at="$2" -v column="$3" -v n="$4" 'NR == at {
        $0 = substr($0, 1, column - 1) ENVIRON["TEXT"] substr($0, column + n)
        print > "/dev/stderr"
    }
    { print }' "$tree/$1" 2>&1 >"$tree/$1.fault"
}

# compile FILE: its objects with the fault, below fault/; one library or program may have one each
compile() {
    local command object
    grep -F -- "-c $tree/$1" "$build/commands.txt" >"$build/compiling.txt" ||
        grep -F -- "-c $(realpath "$tree")/$1" "$build/commands.txt" >"$build/compiling.txt"
    while read -r command; do
        object=${command##* -o } && object=${object%% *}
        mkdir -p "$build/fault/$(dirname "$object")"
        command=${command//"$object"/"fault/$object"}
        (cd "$build" && bash -c "${command% -c *} -x c -c ${command##* -c }.fault") >>"$build/log" 2>&1 || return 1
        echo "$object"
    done <"$build/compiling.txt" >"$build/objects.txt"
}

# link: what holds those objects; what was there before goes to kept/
link() {
    local command object target
    mkdir -p "$build/kept"
    grep ' && .* -o \(librdrop-all\.so\|rdrop-[a-z]*\|test_[a-z_]*\) ' "$build/commands.txt" |
        grep -F -f "$build/objects.txt" >"$build/linking.txt"
    while read -r command; do
        target=${command##* -o } && target=${target%% *}
        while read -r object; do command=${command//" $object "/" fault/$object "}; done <"$build/objects.txt"
        mv "$build/$target" "$build/kept/"
        (cd "$build" && bash -c "${command/ -o / $linker -o }") >>"$build/log" 2>&1 || return 1
    done <"$build/linking.txt"
}
linker=
command -v ld.lld >/dev/null && linker=-fuse-ld=lld

restore() {
    [ ! -d "$build/kept" ] || find "$build/kept" -type f -exec mv -t "$build" {} +
    find "$tree/src" -name '*.fault' -delete
    rm -rf "$build/kept" "$build/fault"
}
trap 'restore; exit 130' INT TERM

# tests_of FILE LINE: those that run the line, with their milliseconds; of a line that is no code, as in a table,
# those that run any line of the file; of a file of tables alone, all
tests_of() {
    awk -F '\t' -v file="$1" -v line="$2" 'NR == FNR { if ($1 == file) { any = 1; if ($2 == line) code = 1 } next }
        !any || ($1 == file && ($2 == line || !code)) { print $3 }' "$coverage/lines.txt" "$coverage/map.txt" | sort -u |
        awk -v left="$((1000 * ${RDROP_MUTATION_SECONDS:-60}))" -v names="${RDROP_MUTATION_TESTS:-.}" '
            NR == FNR { runs[$1] = 1; next }
            $1 in runs && ($3 <= left || !n) && $1 ~ names { left -= $3; n++; print $1, $3 }' - "$coverage/tests.txt"
}

# same_code: whether the fault is none to the compiler, as in a branch that it leaves out
same_code() {
    local object
    while read -r object; do
        [ "$(code_of "$build/$object")" = "$(code_of "$build/fault/$object")" ] || return 1
    done <"$build/objects.txt"
}
# code_of OBJECT: a checksum of it without the name of its source
code_of() {
    objcopy -w --strip-symbol='*.c' --strip-symbol='*.fault' "$1" "$build/code.o" && sha256sum <"$build/code.o"
}

# judge FILE LINE: sets `outcome`
judge() {
    local test used
    tests_of "$1" "$2" >"$build/running.txt"
    [ -s "$build/running.txt" ] || { outcome="not run" && return; }
    : >"$build/log"
    compile "$1" || { outcome=refused && return; }
    ! same_code || { outcome="same code" && return; }
    link || { outcome=refused && return; }
    while read -r test used; do
        run_test "$test" $((2 + used / 200)) >"$build/log" 2>&1 || { outcome="noticed $test" && return; }
    done <"$build/running.txt"
    outcome=survived
}

restore
touch "$build/mutants.txt"
tail -n +$(($(wc -l <"$build/mutants.txt") + 1)) "$build/chosen.txt" >"$build/left.txt"
while IFS=$'\t' read -r file line column n kind text <&3; do
    start=$SECONDS
    planted=$(plant "$file" "$line" "$column" "$n" "$text")
    judge "$file" "$line"
    restore
    printf '%s:%d\t%s\t%d\t%s\t%s\n' "$file" "$line" "$outcome" $((SECONDS - start)) "$kind" "$planted" >>"$build/mutants.txt"
done 3<"$build/left.txt"
awk -F '\t' '{ split($1, part, "/"); f = part[2] }
    $2 != "refused" && $2 != "same code" { n[f]++; all++ } $2 ~ /^noticed/ { k[f]++; known++ }
    END { for (f in n) printf "%-12s %3d of %3d noticed\n", f, k[f], n[f] | "sort"
          close("sort")
          printf "all: %d of %d, %.1f%%\n", known, all, 100 * known / all }' "$build/mutants.txt"
