#!/usr/bin/env bash
# Installs into a temporary prefix and builds a small program against the installation, once found
# by pkg-config and once by find_package. Argument: the build directory.
set -euo pipefail
build=$(realpath "$1")
cc=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
sanitize=
grep -q '^RD_SANITIZE:BOOL=ON' "$build/CMakeCache.txt" && sanitize=-fsanitize=address,undefined
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >"$work/install.log"
cp -r "$work/prefix" "$work/moved" # both packages must survive a prefix that was moved
rm -r "$work/prefix"

cat >"$work/user.c" <<'EOF'
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
    if (rd_bleu_corpus(1, line, line, false, &bleu) != RD_OK) return puts(rd_last_error()), 1;
    if (rd_tokenizer_open(&tokenizer, "/nowhere/spm.model") == RD_OK) return 2;
    if (strstr(rd_last_error(), "/nowhere/spm.model") == NULL) return puts(rd_last_error()), 3;
    return fabs(bleu - 100.0) < 1e-6 ? 0 : 4;
}
EOF

libdir=$(dirname "$(find "$work/moved" -name librdrop.a)")
export PKG_CONFIG_PATH=$libdir/pkgconfig
flags=$(pkg-config --cflags --libs rdrop)
# shellcheck disable=SC2086 # flags and sanitize are lists
"$cc" -std=c17 -Wall -Wextra -Werror $sanitize "$work/user.c" -o "$work/user-pc" $flags
LD_LIBRARY_PATH=$libdir "$work/user-pc"

# shellcheck disable=SC2046,SC2086
"$cc" -std=c17 $sanitize "$work/user.c" -o "$work/user-static" $(pkg-config --cflags rdrop) \
    "$libdir/librdrop.a" $(pkg-config --static --libs-only-l rdrop | sed 's/-lrdrop//') \
    $(pkg-config --static --libs-only-L rdrop)
"$work/user-static"

mkdir "$work/project"
cat >"$work/project/CMakeLists.txt" <<'EOF'
cmake_minimum_required(VERSION 3.25)
project(user C)
find_package(rdrop 0.1 REQUIRED CONFIG)
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
echo "pkg-config, the static library and find_package all work"
