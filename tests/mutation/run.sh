#!/usr/bin/env bash
# Plants small faults in src, one at a time, and tells how many of them the unit tests notice. Each is one
# operator or constant of one line changed; those that the compiler refuses do not count. The tests of the
# fault's folder are built and run; the shell tests, which notice more, are not.
#
#   tests/mutation/run.sh BUILD_DIR COUNT [SEED [FOLDER...]]
#
# BUILD_DIR is made, with a copy of the tree in it: a release build without oneDNN. Each fault and what became
# of it go to BUILD_DIR/mutants.txt: noticed (a test fails, crashes or takes over a minute), survived, or
# refused (by the compiler). A table by folder comes at the end. The same SEED plants the same faults.
set -uo pipefail
[ $# -ge 2 ] || {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2
    exit 2
}
here=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1" && build=$(realpath "$1")
count=$2 seed=${3:-1}
shift $(($# < 3 ? $# : 3))
folders=("$@")
tree=$build/tree
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive

# tests_of FOLDER: the unit tests that are about it
tests_of() {
    case $1 in
    base) echo base output progress options ;;
    io) echo base checkpoint int8_file parse_limits model_dir recipe report npz safetensors json yaml zip pickle ;;
    data) echo corpus batch dataset binarize bpe tokenizer model_check noise sampling shortlist packed prefetch vocab words wordpiece dictionary labels pictures binarize_text ;;
    ops) echo kernels kernels_attention gemm ops packed pooling patches ;;
    layers) echo model model_golden decode finetune_golden ;;
    criterion) echo criterion model model_golden adaptive classes values ;;
    model) echo model model_golden decode int8_file checkpoint model_dir head lm ;;
    optim) echo optim overfit ;;
    search) echo beam beam_model constraints search_options ;;
    metrics) echo bleu metric_cases metrics_golden glossary classification ;;
    recipe) echo recipe model_dir special_ids task options ;;
    task) echo task train overfit ;;
    translate) echo translate translator segments kept glossary words constraints ;;
    train) echo train checkpoint report progress ;;
    convert) echo convert marian info bpe ;;
    lm) echo lm lm_golden ;;
    *) return 1 ;;
    esac
}

# Lines that hold an operator or constant to change: FILE, line number, operator, what it becomes. Comments,
# preprocessor lines and text between quotes are left alone.
candidates() {
    local file
    for folder in "${folders[@]}"; do find "$tree/src/$folder" -name '*.c'; done | sort | while read -r file; do
        awk -v file="${file#"$tree/"}" '
            /^ *(\/\*|\*|#|\/\/)/ || /\*\// { next }
            /^ /{
                line = $0
                gsub(/"[^"]*"/, "\"\"", line)
                split(" < : <= : > : >= : == : != : && : || : + : - : * : / : += : -= : 0;: 1;: 0): 1): + 1: - 1:true:false", list, ":")
                split(" <= : < : >= : > : != : == : || : && : - : + : + : * : -= : += : 1;: 0;: 1): 0):: :false:true", other, ":")
                for (i = 1; i in list; i++)
                    if (index(line, list[i]) && index($0, list[i]) == index(line, list[i]))
                        print file "\t" NR "\t" list[i] "\t" other[i]
            }' "$file"
    done
}

[ -d "$tree" ] || { mkdir -p "$tree" && git -C "$here" archive HEAD | tar -x -C "$tree"; }
[ ${#folders[@]} -gt 0 ] || mapfile -t folders < <(cd "$tree/src" && for f in */; do tests_of "${f%/}" >/dev/null && echo "${f%/}"; done)
[ -e "$build/cmake/build.ninja" ] || cmake -G Ninja -S "$tree" -B "$build/cmake" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_C_FLAGS_RELEASE=-O1 -DRD_ONEDNN=OFF >"$build/log" 2>&1 || { cat "$build/log" && exit 1; }

# build_and_run FOLDER: 0 noticed, 1 survived, 2 refused
build_and_run() {
    local tests=() test
    for test in $(tests_of "$1"); do [ ! -e "$tree/tests/unit/test_$test.c" ] || tests+=("test_$test"); done
    ninja -C "$build/cmake" -j1 "${tests[@]}" >"$build/log" 2>&1 || return 2
    for test in "${tests[@]}"; do
        timeout 60 "$build/cmake/$test" >"$build/log" 2>&1 </dev/null || return 0
    done
    return 1
}

for folder in "${folders[@]}"; do
    build_and_run "$folder"
    [ $? -eq 1 ] || { echo "$folder: its tests fail without a fault; see $build/log" && exit 1; }
done
candidates >"$build/candidates.txt"
total=$(wc -l <"$build/candidates.txt")
[ "$total" -gt 0 ] || exit 1
awk -v seed="$seed" -v count="$count" -v total="$total" 'BEGIN {
    srand(seed)
    for (i = 0; i < count; i++) print 1 + int(rand() * total) }' >"$build/chosen.txt"
while read -r number; do
    choice=$(sed -n "${number}p" "$build/candidates.txt")
    file=$(cut -f 1 <<<"$choice") line=$(cut -f 2 <<<"$choice")
    planted=$(FROM=$(cut -f 3 <<<"$choice") TO=$(cut -f 4 <<<"$choice") LINE=$(sed -n "${line}p" "$tree/$file") awk 'BEGIN {
        line = ENVIRON["LINE"]
        at = index(line, ENVIRON["FROM"])
        print substr(line, 1, at - 1) ENVIRON["TO"] substr(line, at + length(ENVIRON["FROM"])) }')
    cp "$tree/$file" "$build/original"
    PLANTED=$planted awk -v at="$line" 'NR == at { print ENVIRON["PLANTED"]; next } { print }' "$build/original" >"$tree/$file"
    folder=${file#src/} && folder=${folder%%/*}
    build_and_run "$folder"
    case $? in 0) outcome=noticed ;; 1) outcome=survived ;; *) outcome=refused ;; esac
    printf '%s\t%s\t%s:%d\t%s\n' "$folder" "$outcome" "$file" "$line" "$(sed 's/^ *//' <<<"$planted")" | tee -a "$build/mutants.txt"
    cp "$build/original" "$tree/$file"
done <"$build/chosen.txt"
awk -F '\t' '$2 != "refused" { n[$1]++; all++ } $2 == "noticed" { k[$1]++; known++ }
    END { for (f in n) printf "%-12s %3d of %3d noticed\n", f, k[f], n[f]
          printf "all: %d of %d, %.0f%%\n", known, all, 100 * known / all }' "$build/mutants.txt"
