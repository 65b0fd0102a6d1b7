#!/usr/bin/env bash
# What the documents show: every option of a command is one that the program takes, every script is there, and the C
# program compiles, runs and prints numbers; the structs of the page of Python are those of the headers.
# Argument: the build directory.
set -euo pipefail
. "$(dirname "$0")/../assert.sh"
build=$(realpath "$1")
root=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# commands FILE: the commands of our programs in its indented blocks, one a line, without pipes and redirections
commands() {
    sed -n '/^    /p' "$1" | sed 's/ #.*//; s/&&/\n/g; s/|/\n/g; s/ [0-9]*[<>].*//' | grep -oE '(^|[ /])rdrop-[a-z]+ .*' |
        sed 's/^[ /]*//'
}
seen=0
for document in README.md recipes/README.md tests/bench/README.md; do
    while IFS= read -r line; do
        case $line in rdrop-recipe\ run*) continue ;; esac
        eval "words=($line)"
        program=${words[0]}
        # --help comes last, after all the others were looked up.
        "$build/$program" "${words[@]:1}" --help >"$work/help" 2>"$work/err" ||
            fail "$document: $line: $(cat "$work/err")"
        grep Usage "$work/help" >/dev/null || fail "$document: $line: no help"
        seen=$((seen + 1))
    done < <(commands "$root/$document")
    while IFS= read -r script; do
        [ -e "$root/$script" ] || fail "$document: there is no $script"
    done < <(grep -oE '(recipes|tests|vocab)/[a-z0-9_/-]+\.(sh|yaml|c|md)' "$root/$document" | sort -u)
done
[ $seen -ge 20 ] || fail "only $seen commands were found"

sed -n '/^    #include <rdrop/,/^    }/s/^    //p' "$root/README.md" >"$work/loss.c"
cc=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
sanitize=
! grep -q '^RD_SANITIZE:BOOL=ON' "$build/CMakeCache.txt" || sanitize=-fsanitize=address,undefined
# shellcheck disable=SC2086 # empty means no argument
"$cc" -std=c17 -Wall -Wextra -Werror $sanitize -I"$root/include" "$work/loss.c" -o "$work/loss" -L"$build" -lrdrop \
    -Wl,-rpath,"$build"
"$work/loss" | grep -E '^loss [0-9]+\.[0-9]+, KL 0\.[0-9]+$' >/dev/null || fail "the program: $("$work/loss")"

# The page of Python declares structs as the headers do: the same fields in the same order.
page=$root/tests/examples/README.md
fields_of_header() { # HEADER TYPE
    "$cc" -std=c17 -E -P -I"$root/include" "$root/include/rdrop/$1" | tr '\n' ' ' | grep -oE 'struct \{[^}]*\} '"$2;" |
        sed 's/^struct {//; s/}.*//; s/\[[^]]*\]//g' | tr ';,' '\n\n' | grep -oE '[a-z_0-9]+ *$' | tr -d ' '
}
fields_of_page() { # CLASS
    sed -n "/^class $1(/,/^\$/p" "$page" | grep -oE '"[a-z_0-9]+"' | tr -d '"'
}
for pair in criterion.h:rd_criterion_config:CriterionConfig criterion.h:rd_criterion_sums:CriterionSums \
    search.h:rd_search_options:SearchOptions translator.h:rd_translate_options:TranslateOptions \
    translator.h:rd_translation:Translation translator.h:rd_translations:Translations; do
    IFS=: read -r header type class <<<"$pair"
    fields_of_header "$header" "$type" >"$work/header" || fail "$header: no $type was found"
    fields_of_page "$class" >"$work/page" || fail "$page: no $class was found"
    diff "$work/header" "$work/page" || fail "$page: $class is not $type of $header"
done
echo "$seen commands"
