#!/usr/bin/env bash
# Makes the Debian packages and uses them: unpacked as an ordinary user has them, the programs, a recipe from data to
# scores, man pages, completion, and a C and a C++ program against the library. As root also installed and removed.
# Argument: the build directory.
set -euo pipefail
. "$(dirname "$0")/../assert.sh"
build=$(realpath "$1")
examples=$(realpath "$(dirname "$0")/../examples")
command -v cpack >/dev/null && command -v dpkg-deb >/dev/null && command -v dpkg-shlibdeps >/dev/null || exit 77
! grep -q '^RD_SANITIZE:BOOL=ON' "$build/CMakeCache.txt" || exit 77 # what is installed is a release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd "$build" && cpack -G DEB -B "$work/packages") >"$work/log" 2>&1 || fail "$(cat "$work/log")"
version=$("$build/rdrop-recipe" --version | cut -d' ' -f2)
names=(rdrop librdrop0.2 librdrop-dev)
[ ! -e "$build/rdrop-mpi.so" ] || names+=(rdrop-mpi)
for name in "${names[@]}"; do
    file=$work/packages/${name}_${version}_$(dpkg --print-architecture).deb
    [ -e "$file" ] || fail "no package $name: $(ls "$work/packages")"
    dpkg-deb -x "$file" "$work/root"
done
dpkg-deb -f "$work/packages"/librdrop0.2_*.deb Depends | grep libsentencepiece0 >/dev/null || fail "no dependencies"
dpkg-deb -f "$work/packages"/librdrop-dev_*.deb Depends | grep -F "librdrop0.2 (= $version)" >/dev/null ||
    fail "the development package depends on no library"
if command -v lintian >/dev/null; then
    lintian --fail-on error "$work/packages"/*.deb >"$work/log" 2>&1 || fail "lintian: $(cat "$work/log")"
fi

# A recipe from the unpacked copy, into the current directory.
usr=$work/root/usr
mkdir "$work/mine"
cd "$work/mine"
for ((i = 0; i < 40; i++)); do echo "the old dog sees $i men"; done >text.en
sed 's/the old dog sees/der alte hund sieht/; s/men/leute/' text.en >text.de
cat >mine.yaml <<EOF
extends: $usr/share/rdrop/vocab/quickstart.yaml
vocab-size: 30
arch: transformer-tiny
source-lang: en
target-lang: de
trainpref: $PWD/text
validpref: $PWD/text
testpref: $PWD/text
lr: 1e-3
max-update: 3
max-len-b: 5
EOF
OMP_NUM_THREADS=2 "$usr/bin/rdrop-recipe" run mine.yaml >scores 2>log || fail "run mine.yaml: $(cat log)"
grep BLEU scores >/dev/null || fail "no scores: $(cat scores)"
[ -e out/mine/train/model/model.safetensors ] || fail "no model in the current directory: $(ls)"
"$usr/bin/rdrop-recipe" run nothing 2>log && fail "a recipe that is not there"
grep 'quickstart' log >/dev/null || fail "no list of recipes: $(cat log)"

if [ -e "$build/rdrop-mpi.so" ]; then # found where it was unpacked, and used
    "$usr/bin/rdrop-translate" --model out/mine/train/model --input text.en >alone
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe -np 2 \
        "$usr/bin/rdrop-translate" --model out/mine/train/model --input text.en >together 2>log || fail "ranks: $(cat log)"
    cmp alone together || fail "ranks translate otherwise"
    module=$(find "$usr/lib" -name rdrop-mpi.so)
    mv "$module" "$work"
    OMPI_COMM_WORLD_SIZE=2 "$usr/bin/rdrop-translate" --model out/mine/train/model --input text.en >together 2>log &&
        fail "ranks without MPI"
    grep 'has no MPI' log >/dev/null || fail "ranks without MPI: $(cat log)"
    mv "$work/rdrop-mpi.so" "$module"
fi

for program in "$usr"/bin/rdrop-*; do
    name=$(basename "$program")
    zcat "$usr/share/man/man1/rdrop.1.gz" | grep -F "$(sed 's/-/\\-/g' <<<"$name")" >/dev/null || fail "man rdrop lacks $name"
    zcat "$usr/share/man/man1/$name.1.gz" | grep -F '.SH OPTIONS' >/dev/null || fail "$name: no man page"
    [ -s "$usr/share/zsh/vendor-completions/_$name" ] || fail "$name: no completion for zsh"
    (
        . "$usr/share/bash-completion/completions/$name"
        COMP_WORDS=("$name" --vers) COMP_CWORD=1
        "_${name/-/_}"
        [ "${COMPREPLY[*]}" = --version ]
    ) || fail "$name: no completion for bash"
done

# The library: the same program in C and in C++.
cat >"$work/user.c" <<'EOF'
#include <rdrop/status.h>
#include <stdio.h>

int main(void) {
    return puts(rd_version()) < 0;
}
EOF
cp "$work/user.c" "$work/user.cc"
cc=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
cxx=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
library=$(dirname "$(find "$usr" -name librdrop.a)")
"$cc" -std=c17 -I"$usr/include" "$work/user.c" -o "$work/user" -L"$library" -lrdrop
"$cxx" -I"$usr/include" "$work/user.cc" -o "$work/user-cxx" -L"$library" -lrdrop
export LD_LIBRARY_PATH=$library
[ "$("$work/user")" = "$version" ] || fail "C"
[ "$("$work/user-cxx")" = "$version" ] || fail "C++"

# The examples, in both languages, with what was trained above.
for name in translate score loss; do
    "$cc" -std=c17 -Wall -Wextra -Werror -pedantic -I"$usr/include" "$examples/$name.c" -o "$work/$name" -L"$library" \
        -lrdrop -lm -pthread || fail "$name.c in C"
    "$cxx" -std=c++17 -Wall -Wextra -Werror -pedantic -I"$usr/include" -x c++ "$examples/$name.c" -x none \
        -o "$work/$name-cxx" -L"$library" -lrdrop -lm -pthread || fail "$name.c in C++"
done
for language in "" -cxx; do
    "$work/translate$language" out/mine/train/model <text.en >translated || fail "translate$language"
    [ "$(wc -l <translated)" -eq 40 ] || fail "translate$language: $(cat translated)"
    sed 's/hund/katze/' text.de >hypotheses
    "$work/score$language" hypotheses text.de >scored || fail "score$language"
    for metric in bleu ter chrf; do
        score=$("$usr/bin/rdrop-score" --metric $metric --score-only --width 2 --ref text.de hypotheses 2>/dev/null)
        grep -i "^$metric.* $score " scored >/dev/null || fail "score$language: $metric is $score: $(cat scored)"
    done
    for alpha in 0 1; do "$work/loss$language" $alpha >loss.$alpha || fail "loss$language"; done
    awk '/^accuracy/ { exit !($2 + 0 > 95) }' loss.1 || fail "loss$language: $(cat loss.1)"
    # R-Drop brings the passes closer together, and adds alpha times their distance.
    awk '/^step 100/ { kl[FILENAME] = $8 } END { exit !(kl["loss.1"] < kl["loss.0"]) }' loss.0 loss.1 ||
        fail "loss$language: $(cat loss.0 loss.1)"
    awk '/^step/ { d = $4 - 2 * $6 - $8; if (d * d > 1e-6) exit 1 }' loss.1 || fail "loss$language: $(cat loss.1)"
done
echo "the packages work"
