#!/usr/bin/env bash
# Installs into a temporary prefix and builds a small program against the installation, once found
# by pkg-config and once by find_package; and the examples, which must do what rdrop-translate does.
# Argument: the build directory.
set -euo pipefail
build=$(realpath "$1")
examples=$(realpath "$(dirname "$0")/../examples")
cc=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
sanitize=
grep -q '^RD_SANITIZE:BOOL=ON' "$build/CMakeCache.txt" && sanitize=-fsanitize=address,undefined
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >"$work/install.log"
for program in "$work"/prefix/bin/rdrop-*; do
    page=$work/prefix/share/man/man1/$(basename "$program").1.gz
    [ -n "$(find "$page" -size +500c)" ] || { echo "no man page $page" >&2; exit 1; }
done
# The target that recipes/run.sh builds is enough to install from.
if [ -e "$build/build.ninja" ]; then
    ninja -C "$build" -t commands programs >"$work/commands"
    for file in "$work"/prefix/bin/* "$work"/prefix/lib*/librdrop.* "$work"/prefix/lib*/*/librdrop.* \
        "$work"/prefix/share/man/man1/*; do
        case $file in *\** | *.so | *.so.?.?) continue ;; esac # no such files; links, made with the library
        grep -qE "( |/)$(basename "$file")( |$)" "$work/commands" ||
            { echo "target programs does not make $(basename "$file")" >&2; exit 1; }
    done
fi
cp -r "$work/prefix" "$work/moved" # both packages must survive a prefix that was moved
rm -r "$work/prefix"

version=$("$build/rdrop-recipe" --version | cut -d' ' -f2)
printf '#define VERSION "%s"\n' "$version" >"$work/user.c"
cat >>"$work/user.c" <<'EOF'
#include <math.h>
#include <rdrop/criterion.h>
#include <rdrop/metrics.h>
#include <rdrop/model.h>
#include <rdrop/status.h>
#include <rdrop/tokenizer.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    const char *line[] = {"the cat sat on the mat ."};
    double bleu = 0;
    rd_tokenizer *tokenizer = NULL;
    if (rd_bleu_corpus(1, line, line, NULL, false, &bleu) != RD_OK) return puts(rd_last_error()), 1;
    if (rd_tokenizer_open(&tokenizer, "/nowhere/spm.model") == RD_OK) return 2;
    if (strstr(rd_last_error(), "/nowhere/spm.model") == NULL) return puts(rd_last_error()), 3;
    if (strcmp(rd_version(), VERSION) != 0) return puts(rd_version()), 5;
    return fabs(bleu - 100.0) < 1e-6 ? 0 : 4;
}
EOF

libdir=$(dirname "$(find "$work/moved" -name librdrop.a)")
export PKG_CONFIG_PATH=$libdir/pkgconfig
flags=$(pkg-config --cflags --libs rdrop)
# shellcheck disable=SC2086 # flags and sanitize are lists
"$cc" -std=c17 -Wall -Wextra -Werror $sanitize "$work/user.c" -o "$work/user-pc" $flags
LD_LIBRARY_PATH=$libdir "$work/user-pc"

# The example translates in several threads what the program translates in one.
# shellcheck disable=SC2086
"$cc" -std=c17 -Wall -Wextra -Werror $sanitize "$examples/translate.c" -o "$work/translate" $flags -pthread
mkdir "$work/models"
"$build/test_translator" "$work/models" >"$work/models.log" 2>&1
for ((i = 0; i < 34; i++)); do
    echo "the old dog sees $i men under the tree"
    echo "two cats"
    [ $i -eq 33 ] || echo
done >"$work/input"
printf 'old dog\tred house\n' >"$work/terms.tsv"
LD_LIBRARY_PATH=$libdir "$work/translate" "$work/models/a" "$work/terms.tsv" <"$work/input" >"$work/example"
"$build/rdrop-translate" --model "$work/models/a" --beam 8 --glossary "$work/terms.tsv" --print-alignment \
    <"$work/input" >"$work/program"
cut -f 2,4 "$work/example" | cmp - "$work/program"
cut -f 1 "$work/example" | cmp - <(seq 101)
[ "$(cut -f 3 "$work/example" | grep -cE '^-[0-9]+\.[0-9]{4}$')" -eq 68 ]
grep -qE $'red house.*\t-[0-9.]+\t([0-9]+-[0-9]+ ?)+$' "$work/example" # with its score and alignment
if LD_LIBRARY_PATH=$libdir "$work/translate" "$work/nowhere" </dev/null 2>"$work/message"; then exit 1; fi
grep -q nowhere "$work/message"

# shellcheck disable=SC2046,SC2086
"$cc" -std=c17 $sanitize "$work/user.c" -o "$work/user-static" $(pkg-config --cflags rdrop) \
    "$libdir/librdrop.a" $(pkg-config --static --libs-only-l rdrop | sed 's/-lrdrop//') \
    $(pkg-config --static --libs-only-L rdrop)
"$work/user-static"

mkdir "$work/project"
cat >"$work/project/CMakeLists.txt" <<'EOF'
cmake_minimum_required(VERSION 3.25)
project(user C)
find_package(rdrop 0.2 REQUIRED CONFIG)
add_executable(user ../user.c)
target_link_libraries(user PRIVATE rdrop::rdrop)
EOF
cmake -S "$work/project" -B "$work/project/build" -DCMAKE_PREFIX_PATH="$work/moved" \
    -DCMAKE_C_COMPILER="$cc" -DCMAKE_C_FLAGS="$sanitize" >"$work/cmake.log"
cmake --build "$work/project/build" >>"$work/cmake.log"
"$work/project/build/user"

for program in "$work"/moved/bin/rdrop-*; do
    [ -x "$program" ] || { echo "no programs were installed" >&2; exit 1; }
done
echo "pkg-config, the static library, find_package and the examples all work"
