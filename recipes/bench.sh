#!/usr/bin/env bash
# Benchmarks in turn with a rival on the same machine and data: each round runs every program once,
# so that what else the machine does meets all of them; a ratio is of one round, and its spread that
# over rounds. Run it on an otherwise idle machine.
#
#   recipes/bench.sh train [--rival FILE] [--recipe NAME] [--out DIR] [--arch NAME,...]
#                          [--alpha X,...] [--rounds N] [--updates N] [--max-tokens N]
#                          [--budget SECONDS] [--threads N] [--cpu-time] [--fp32] [--no-install]
#   recipes/bench.sh scaling [--vary tokens,width,vocabulary,threads] [as for train, but --rival]
#
#   recipes/bench.sh translate [--model DIR] [--input FILE] [--beam N,...] [--precision P,...] [--single N]
#                              [--length N] [--shortlist FILE] [--recipe NAME] [--out DIR] [--rounds N]
#                              [--threads N]
#
# translate: bench-translate, in batches and single sentences, and CTranslate2 on the same model where Python
# has it (with transformers, which it converts with). Target tokens a second; its peak memory has Python's in it.
#
# train: bench-train, at its own choice of precision and in fp32, and where PyTorch is installed (with
# safetensors and PyYAML) its twin, tests/oracles/torch_twin.py, in fp32 and bf16 (the faster counts),
# on the same weights and batches, which bench-batches writes: of translation, language models,
# pictures, and of classes of sentences (with transformers). Tokens are source and target tokens, each
# pair once; or pictures. Peak memory is the whole process's; "of peak" the share of this machine's
# fastest matrix products in that precision.
#
# scaling: how the time of an update, and its parts, grow with one of the batch, the width of the model (four
# layers, feed-forward twice as wide, heads of 32), the vocabulary and the threads, all else as the first
# shape and weight given. "products" is what all matrix products take by themselves, measured apart.
#
#   --rival FILE    another program in Python with the options of torch_twin.py. PYTHON names the
#                   interpreter (python3)
#   --recipe NAME   recipes/NAME.yaml, or the path of a recipe (multi30k-en-de)
#   --out DIR       where its data are, or are made (out/NAME)
#   --arch NAME,... shapes (transformer-tiny,transformer-iwslt-de-en,transformer-base; of other tasks the recipe's)
#   --alpha X,...   weights of R-Drop's KL, 0 for training without (5,0; of other tasks the recipe's,0)
#   --rounds N      (3)
#   --vary WHAT,... (tokens,width,vocabulary,threads)
#   --updates N     measured in each, after 3 that do not count (10)
#   --max-tokens N  per batch (the recipe's)
#   --budget SECONDS spent on measuring each matrix product (0.03); 0 measures none
#   --threads N     (all cores)
#   --cpu-time      speeds by the time of all threads, for a machine that others use; with --threads 1
#   --fp32          that precision alone
#   --model DIR     what recipes/run.sh trained (OUT/train/model)
#   --input FILE    the recipe's first test set
#   --beam N,...    (1,5)
#   --precision P,...  fp32, bf16 and int8; each against CTranslate2 in the same (fp32,int8)
#   --single N      sentences translated one at a time (200)
#   --length N      translations of just N tokens, for models that are not trained; 0: of any length (0)
#   --shortlist FILE  for bench-translate; CTranslate2 has the whole vocabulary all the same
#   --no-install    name the missing packages and stop
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=recipes/setup.sh
. "$repository/recipes/setup.sh"
# shellcheck source=recipes/bench-translate.sh
. "$repository/recipes/bench-translate.sh"

fail() {
    echo "bench.sh: $*" >&2
    exit 1
}
usage() {
    echo "bench.sh: $* (see recipes/bench.sh --help)" >&2
    exit 2
}

subject=${1:-}
case $subject in
-h | --help)
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
    exit 0
    ;;
train | scaling | translate) shift ;;
*) usage "expected what to measure: train, scaling or translate" ;;
esac

rival=$repository/tests/oracles/torch_twin.py python=${PYTHON:-python3}
recipe=multi30k-en-de out="" archs="" cpu_time="" fp32=""
vary=tokens,width,vocabulary,threads alphas="" rounds=3 updates=10 max_tokens="" budget=0.03 threads=$(nproc) install_option=""
model="" input="" shortlist="" beams=1,5 precisions=fp32,int8 single=200 length=0
while [ $# -gt 0 ]; do
    case $1 in
    --no-install) install_option=--no-install ;;
    --cpu-time) cpu_time=yes ;;
    --fp32) fp32=yes ;;
    --rival | --recipe | --out | --arch | --alpha | --rounds | --updates | --max-tokens | --budget | --threads | --vary | \
        --model | --input | --beam | --precision | --single | --length | --shortlist)
        [ $# -ge 2 ] || usage "$1 needs a value"
        case $1 in
        --rival) rival=$2 ;;
        --recipe) recipe=$2 ;;
        --out) out=$2 ;;
        --arch) archs=$2 ;;
        --alpha) alphas=$2 ;;
        --rounds) rounds=$2 ;;
        --updates) updates=$2 ;;
        --max-tokens) max_tokens=$2 ;;
        --budget) budget=$2 ;;
        --threads) threads=$2 ;;
        --vary) vary=$2 ;;
        --model) model=$2 ;;
        --input) input=$2 ;;
        --beam) beams=$2 ;;
        --precision) precisions=$2 ;;
        --single) single=$2 ;;
        --length) length=$2 ;;
        --shortlist) shortlist=$2 ;;
        esac
        shift
        ;;
    *) usage "unknown option '$1'" ;;
    esac
    shift
done
[ -f "$recipe" ] || recipe=$repository/recipes/$recipe.yaml
[ -f "$recipe" ] || fail "no recipe $recipe"
out=${out:-$repository/out/$(basename "$recipe" .yaml)}

# RDROP_BIN: programs built elsewhere; then nothing is installed or built.
bin=${RDROP_BIN:-$repository/build}
if [ -z "${RDROP_BIN:-}" ]; then
    # shellcheck disable=SC2086 # empty means no argument
    rd_setup_packages $install_option || exit 1
    rd_setup_build "$repository" "$bin" benchmarks || fail "building failed"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

get() {
    "$bin/rdrop-recipe" "$recipe" "${settings[@]}" --get "$1"
}
settings=()
if [ "$(get task)" = translation ]; then
    archs=${archs:-transformer-tiny,transformer-iwslt-de-en,transformer-base} alphas=${alphas:-5,0}
else
    archs=${archs:-own} alphas=${alphas:-$(get reg-alpha),0}
fi

# choose ARCH ALPHA: the settings of a run
choose() {
    settings=("${common[@]}" --set "reg-alpha=$2")
    [ "$1" = own ] || settings+=(--set "arch=$1")
}
# value FILE KEY: the first number of that name in JSON
value() {
    sed -n "s/^ *\"$2\": \([-0-9.e+]*\).*/\1/p" "$1" | sed -n 1p
}

# The corpora and binarized data, unless recipes/run.sh has made them.
make_data() {
    local prepare
    [ ! -e "$out/bin/valid.bin" ] || return 0
    mkdir -p "$out/data"
    prepare=$("$bin/rdrop-recipe" "$recipe" --get prepare)
    [ -z "$prepare" ] || START=$(get finetune-from-model) LANGUAGES="$(get source-lang) $(get target-lang)" \
        bash "$prepare" "$out/data" "$bin" >&2
    "$bin/rdrop-preprocess" "$recipe" --data "$out/data" --dest "$out/bin" >&2
}

# The same training for the rival: its weights before the first update, and its batches.
make_twin() {
    "$bin/bench-batches" "$recipe" --data "$out/bin" --dest "$work/twin" --updates $((3 + updates)) "${settings[@]}" ||
        fail "bench-batches failed"
    [ "$(get task)" = sentence_prediction ] || return 0
    rm -rf "$work/twin/hf" # of the alpha before
    "$bin/rdrop-convert" --export "$work/twin/model" --output "$work/twin/hf" >&2 || fail "rdrop-convert --export failed"
}

# ours PRECISION: "tokens/s, ms an update, MiB, tokens/s if all matrix products ran at the fastest";
# the last in the first round alone, for it takes longest.
ours() {
    local peak=(--budget "$budget")
    [ "$round" = 1 ] && [ "$budget" != 0 ] || peak=(--budget 0 --square 16)
    "$bin/bench-train" "$recipe" --data "$out/bin" --warmup 3 --updates "$updates" "${peak[@]}" --json \
        "${settings[@]}" --set "precision=$1" >"$work/json" || fail "bench-train failed"
    awk -v tokens="$(value "$work/json" tokens_per_second)" -v seconds="$(value "$work/json" seconds_per_update)" \
        -v cpu="$(value "$work/json" cpu_seconds_per_update)" -v by_cpu="$cpu_time" \
        -v bytes="$(value "$work/json" peak_memory)" -v part="$(value "$work/json" fraction_of_peak)" \
        -v measured="${peak[1]}" 'BEGIN { limit = measured > 0 ? tokens / part : "-"
            if (by_cpu) { tokens *= seconds / cpu; seconds = cpu }
            printf "%.6g %.1f %.0f %s\n", tokens, 1e3 * seconds, bytes / 1048576, limit }'
}

# theirs [--bf16]: "tokens/s, -, MiB, -"; the interpreter itself says how much memory that took.
theirs() {
    "$python" -c 'import os, resource, runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
print("PEAK_KIB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)' \
        "$rival" "$work/twin" --threads "$threads" --warmup 3 "$@" >"$work/log" 2>&1 ||
        fail "the rival failed: $(tail -n 3 "$work/log")"
    awk -v name="TOKENS_PER_${cpu_time:+CPU_}S" '$1 == name { tokens = $2 } /^PEAK_KIB/ { kib = $2 }
         END { if (!tokens) exit 1; printf "%.6g - %.0f -\n", tokens, kib / 1024 }' "$work/log" ||
        fail "the rival printed no TOKENS_PER_${cpu_time:+CPU_}S: $(tail -n 3 "$work/log")"
}

# summary ROWS ARCH ALPHA: of rows "round, program, tokens/s, ms, MiB, limit", the median of each
# program, and the first of ours against the rival's faster precision.
summary() {
    sort -k2,2 -k3,3n "$1" | awk -v arch="$2" -v alpha="$3" '
        { if (!($2 in count)) order[++programs] = $2
          k = ++count[$2]; speed[$2, k] = $3; ms[$2, k] = $4
          if ($6 != "-") limit[$2] = $6
          in_round[$2, $1] = $3
          if ($5 > memory[$2]) memory[$2] = $5 }
        END {
            rounds = count[order[1]]; middle = int((rounds + 1) / 2)
            for (i = 1; i <= programs; i++) {
                name = order[i]
                share = name in limit ? sprintf("%.1f%%", 100 * speed[name, middle] / limit[name]) : "-"
                shown = sprintf(speed[name, middle] < 100 ? "%.2f" : "%.0f", speed[name, middle])
                printf "%-24s %5s  %-11s %9s %10s %9.0f %8s\n", arch, alpha, name, shown,
                    ms[name, middle], memory[name], share
                if (name ~ /^rdrop/ && (ours == "" || name == "rdrop-auto")) ours = name
                if (name ~ /^rival/ && (best == "" || speed[name, middle] > speed[best, middle])) best = name
            }
            if (best == "") exit
            for (r = 1; r <= rounds; r++) {
                ratio = in_round[ours, r] / in_round[best, r]
                if (r == 1 || ratio < low) low = ratio
                if (ratio > high) high = ratio
            }
            printf "%-24s %5s  %.2f times %s (%.2f to %.2f in %d rounds), %.2f of its memory\n", arch, alpha,
                speed[ours, middle] / speed[best, middle], best, low, high, rounds,
                memory[ours] / memory[best]
        }'
}

measure_train() {
    local programs=("ours auto" "ours fp32") arch alpha program name row
    if "$python" -c 'import torch' >/dev/null 2>&1; then
        [ -f "$rival" ] || fail "$rival: no such rival; name it with --rival"
        programs=("ours auto" "theirs" "ours fp32" "theirs --bf16")
    else
        echo "bench.sh: no PyTorch for $python: without the rival" >&2
    fi
    [ -z "$fp32" ] || programs=("ours fp32" "${programs[@]:1:$((${#programs[@]} / 4))}")
    printf '%-24s %5s  %-11s %9s %10s %9s %8s\n' arch alpha program tok/s ms/update 'peak MiB' 'of peak'
    for arch in ${archs//,/ }; do
        for alpha in ${alphas//,/ }; do
            choose "$arch" "$alpha"
            : >"$work/rows"
            [[ ${programs[*]} != *theirs* ]] || make_twin
            for round in $(seq "$rounds"); do
                for program in "${programs[@]}"; do
                    name=${program/ours /rdrop-}
                    case $program in theirs) name="rival-fp32" ;; theirs*) name="rival-bf16" ;; esac
                    echo "bench.sh: round $round: $arch, alpha $alpha, $name" >&2
                    # shellcheck disable=SC2086 # a function and its argument
                    row=$($program) || exit 1
                    echo "$round $name $row" >>"$work/rows"
                done
            done
            summary "$work/rows" "$arch" "$alpha"
        done
    done
}

# scale WHAT SIZE DATA SETTING...: one row of the table
scale() {
    local what=$1 size=$2 data=$3 key cells=()
    shift 3
    "$bin/bench-train" "$recipe" --data "$data" --warmup 3 --updates "$updates" --budget "$budget" --square 16 \
        --json "${settings[@]}" "$@" >"$work/json" || fail "bench-train failed"
    for key in seconds_per_update product_seconds_per_update; do
        cells+=("$(value "$work/json" $key)")
    done
    for key in embedding attention ffn criterion optimizer data; do
        cells+=("$(sed -n "/^  \"$key\": {/,/}/p" "$work/json" | sed -n 's/.*"seconds": \([-0-9.e+]*\).*/\1/p')")
    done
    echo "$what $size $(value "$work/json" tokens_per_update) $(value "$work/json" peak_memory) ${cells[*]}" |
        awk '{ printf "%-10s %6s %8.0f %8.1f", $1, $2, $3, $4 / 1048576
               for (i = 5; i <= NF; i++) printf " %9.2f", 1e3 * $i
               print "" }'
}

measure_scaling() {
    local size
    choose "${archs%%,*}" "${alphas%%,*}"
    printf '%-10s %6s %8s %8s %9s %9s %9s %9s %9s %9s %9s %9s\n' vary size tokens MiB 'ms/update' products \
        embedding attention ffn criterion optimizer data
    for what in ${vary//,/ }; do
        case $what in
        tokens) for size in 512 1024 2048 4096 8192; do scale tokens $size "$out/bin" --set max-tokens=$size; done ;;
        width)
            for size in 128 256 512 1024; do
                scale width $size "$out/bin" --set encoder-embed-dim=$size \
                    --set encoder-ffn-embed-dim=$((2 * size)) --set decoder-ffn-embed-dim=$((2 * size)) \
                    --set encoder-attention-heads=$((size / 32)) --set decoder-attention-heads=$((size / 32))
            done
            ;;
        vocabulary)
            for size in 2000 4000 8000 16000; do
                [ -e "$out/bench-$size/valid.bin" ] || "$bin/rdrop-preprocess" "$recipe" --data "$out/data" \
                    --dest "$out/bench-$size" --set vocab-size=$size --set testpref= >&2
                scale vocabulary $size "$out/bench-$size"
            done
            ;;
        threads) for size in $(seq "$threads"); do scale threads "$size" "$out/bin" --set threads="$size"; done ;;
        *) usage "--vary takes tokens, width, vocabulary and threads, not '$what'" ;;
        esac
    done
}

[ "$subject" = translate ] || make_data
common=(--set "threads=$threads")
[ -z "$max_tokens" ] || common+=(--set "max-tokens=$max_tokens")
"measure_$subject"
