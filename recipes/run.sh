#!/usr/bin/env bash
# From a recipe to scores. In a checkout it installs missing Debian packages (and says which) and
# builds into build/. Then it runs the stages prepare, vocab, binarize, train and those that test
# the model (average, translate and score, for translation), each skipped while the content of all
# it depends on is the same. The scores go to stdout, all else to stderr.
#
#   recipes/run.sh NAME [--from STAGE] [--out DIR] [--set KEY=VALUE]... [--seed N | --seeds N,N,...] [--threads N]
#                       [--compare NAME]... [--no-install]
#
#   NAME          recipes/NAME.yaml, or the path of a recipe; NAME-baseline is NAME without R-Drop
#                 (reg-alpha: 0)
#   --from STAGE  run this stage and all after it, up to date or not (training goes on from its
#                 last checkpoint)
#   --out DIR     where everything goes (out/NAME; of an installed copy, in the current directory)
#   --seeds LIST  train once for each seed (into OUT/seed-N), and print means and deviations
#   --compare B   run recipe B (or NAME-baseline) as well, with the same options (into out/B, or
#                 DIR-B), and print all scores in one table; so does the recipe's key compare
#   --no-install  in a checkout: name the missing packages and stop
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=recipes/setup.sh
. "$repository/recipes/setup.sh"

fail() {
    echo "run.sh: $*" >&2
    exit 1
}
usage() {
    local self=recipes/run.sh
    [ -e "$repository/CMakeLists.txt" ] || self="rdrop-recipe run"
    echo "run.sh: $* (see $self --help)" >&2
    exit 2
}

name="" from="" out="" one_seed="" install_option=""
compare=() settings=() passed_on=() seeds=()
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
        exit 0
        ;;
    --no-install) install_option=--no-install ;;
    --from | --out | --set | --seed | --seeds | --threads | --compare)
        [ $# -ge 2 ] || usage "$1 needs a value"
        case $2 in --*) usage "$1 needs a value, not $2" ;; esac
        case $1 in
        --from) from=$2 ;;
        --out) out=$2 ;;
        --set) settings+=(--set "$2") ;;
        --seed) settings+=(--set "seed=$2") one_seed=$2 ;;
        --seeds)
            IFS=', ' read -r -a seeds <<<"$2"
            [ "${#seeds[@]}" -gt 0 ] || usage "--seeds needs numbers"
            for seed in "${seeds[@]}"; do case $seed in '' | *[!0-9]*) usage "--seeds: '$seed' is no number" ;; esac; done
            [ -z "$(printf '%s\n' "${seeds[@]}" | sort | uniq -d)" ] || usage "--seeds: a number comes twice"
            ;;
        --threads) passed_on+=(--threads "$2") ;;
        --compare) compare+=("$2") ;;
        esac
        shift
        ;;
    -*) usage "unknown option '$1'" ;;
    *)
        [ -z "$name" ] || usage "one recipe at a time, not '$name' and '$1'"
        name=$1
        ;;
    esac
    shift
done
[ -n "$name" ] || usage "which recipe?"
[ -z "$one_seed" ] || [ "${#seeds[@]}" -eq 0 ] || usage "--seed $one_seed or --seeds ${seeds[*]}?"
case $out in -*) out=./$out ;; esac
while [ "${out%/}" != "$out" ] && [ "$out" != / ]; do out=${out%/}; done
[ -z "$from" ] || passed_on+=(--from "$from")

# source_of FILE: the recipe itself, and of X-baseline.yaml, if there is no such file, X.yaml
source_of() {
    case $1 in *-baseline.yaml) [ -f "$1" ] || set -- "${1%-baseline.yaml}.yaml" ;; esac
    printf '%s\n' "$1"
}
# A name is that of a recipe next to the one that is run (of one to compare with), or here.
beside=$repository/recipes
recipe_file() {
    local file
    for file in "$beside/$1.yaml" "$repository/recipes/$1.yaml" "$1" "$beside/$1"; do
        [ ! -f "$(source_of "$file")" ] || {
            printf '%s/%s\n' "$(cd "$(dirname -- "$file")" && pwd -P)" "$(basename -- "$file")"
            return
        }
    done
    fail "no recipe '$1'; there are: $(cd "$repository/recipes" && echo *.yaml | sed 's/\.yaml//g')"
}
# An installed copy has no sources, and writes where it is started.
top=$repository
[ -e "$repository/CMakeLists.txt" ] || top=$PWD
recipes=("$(recipe_file "$name")")
beside=$(dirname -- "${recipes[0]}")
# add_recipe NAME: to those that are run, once
add_recipe() {
    local file
    file=$(recipe_file "$1")
    case " ${recipes[*]} " in *" $file "*) ;; *) recipes+=("$file") ;; esac
}
for other in ${compare[@]+"${compare[@]}"}; do add_recipe "$other"; done

# RDROP_BIN: programs built elsewhere; then nothing is installed or built.
bin=${RDROP_BIN:-$repository/build}
if [ -z "${RDROP_BIN:-}" ]; then
    # shellcheck disable=SC2086 # empty means no argument
    rd_setup_packages $install_option || exit 1
    rd_setup_build "$repository" "$bin" programs || fail "building failed"
fi

# options_of RECIPE: its settings, into options
options_of() {
    options=(${settings[@]+"${settings[@]}"})
    [ -f "$1" ] || options+=(--set reg-alpha=0)
}
get() {
    local options
    options_of "$1"
    "$bin/rdrop-recipe" "$(source_of "$1")" ${options[@]+"${options[@]}"} --get "$2"
}
# Not what a recipe that this one extends is compared with.
named=""
if grep -q '^compare:' "$(source_of "${recipes[0]}")" || [[ " ${settings[*]-} " == *" compare="* ]]; then
    named=$(get "${recipes[0]}" compare)
fi
mapfile -t compare < <(tr ',' '\n' <<<"$named" | sed 's/^ *//; s/ *$//; /^$/d')
for other in ${compare[@]+"${compare[@]}"}; do add_recipe "$other"; done
names=$(for recipe in "${recipes[@]}"; do basename -- "$recipe" .yaml; done | sort | uniq -d)
[ -z "$names" ] || fail "two recipes are called $names; each goes to a folder of its name"
for recipe in "${recipes[@]}"; do
    file=$(source_of "$recipe")
    [ -f "$recipe" ] || [ "$(get "$file" reg-alpha)" != 0 ] || [ "$("$bin/rdrop-recipe" "$file" --get reg-alpha)" != 0 ] ||
        fail "$(basename -- "$recipe" .yaml): $file is without R-Drop itself (reg-alpha is 0)"
done

# out_of RECIPE: where what it makes goes
out_of() {
    local base
    base=$(basename -- "$1" .yaml)
    if [ -z "$out" ]; then
        printf '%s\n' "$top/out/$base"
    elif [ "$1" = "${recipes[0]}" ]; then
        printf '%s\n' "$out"
    else
        printf '%s\n' "$out-$base"
    fi
}
# table: the scores of all recipes, side by side
table() {
    local recipe heads="" now line
    for recipe in "${recipes[@]}"; do
        [ -e "$(out_of "$recipe")/scores.txt" ] || continue # made to be fine-tuned, without tests
        {
            read -r now
            [ "$now" = "$heads" ] || printf '%-34s %9s  %s\n' recipe reg-alpha "$now"
            heads=$now
            while read -r line; do
                printf '%-34s %9s  %s\n' "$(basename -- "$recipe" .yaml)" "$(get "$recipe" reg-alpha)" "$line"
            done
        } <"$(out_of "$recipe")/scores.txt"
    done
}

show_scores() {
    if [ "${#recipes[@]}" -gt 1 ]; then table; elif [ -e "$first/scores.txt" ]; then cat "$first/scores.txt"; fi
}

# means FILE...: tables of scores of the same tests: the mean of each score and, in brackets, its deviation over the files.
# Scores are the last columns; what comes before is a name, with its blanks.
means() {
    awk '
        FNR == 1 { words = /^test set / ? 2 : 1; columns = split($0, head, " ") - words; next }
        { t = $0; for (c = 1; c <= columns; c++) sub(/ +[^ ]+ *$/, "", t)
          if (!(t in n)) order[++rows] = t
          n[t]++
          for (c = 1; c <= columns; c++) { x = $(NF - columns + c); sum[t, c] += x; squares[t, c] += x * x } }
        END { printf "%-18s", "test set"
              for (c = 1; c <= columns; c++) printf " %16s", head[words + c]; print ""
              for (r = 1; r <= rows; r++) { t = order[r]; printf "%-18s", t
                  for (c = 1; c <= columns; c++) {
                      m = sum[t, c] / n[t]; v = n[t] > 1 ? (squares[t, c] - n[t] * m * m) / (n[t] - 1) : 0
                      printf " %16s", sprintf("%.2f (%.2f)", m, v > 0 ? sqrt(v) : 0) } print "" } }
    ' "$@"
}
# run_stages RECIPE OUT OPTION...
run_stages() {
    local recipe=$1 to=$2 options
    shift 2
    options_of "$recipe"
    bash "$repository/recipes/stages.sh" "$(source_of "$recipe")" "$to" "$bin" --name "$(basename -- "$recipe" .yaml)" \
        ${passed_on[@]+"${passed_on[@]}"} ${options[@]+"${options[@]}"} "$@" || exit $?
}
# What several trainings download, they download once.
if [ -z "${RDROP_DOWNLOADS:-}" ] && [ $((${#recipes[@]} + ${#seeds[@]})) -gt 1 ]; then
    RDROP_DOWNLOADS=$(mktemp -d) || fail "no temporary folder"
    export RDROP_DOWNLOADS
    trap 'rm -rf "$RDROP_DOWNLOADS"' EXIT
fi
for recipe in "${recipes[@]}"; do
    to=$(out_of "$recipe")
    [ "${#seeds[@]}" -gt 0 ] || run_stages "$recipe" "$to"
    scores=()
    for seed in ${seeds[@]+"${seeds[@]}"}; do
        run_stages "$recipe" "$to/seed-$seed" --set "seed=$seed"
        [ ! -e "$to/seed-$seed/scores.txt" ] || scores+=("$to/seed-$seed/scores.txt")
    done
    [ "${#scores[@]}" -eq 0 ] || means "${scores[@]}" >"$to/scores.txt"
done
first=$(out_of "${recipes[0]}")
if [ "${#seeds[@]}" -gt 0 ]; then
    printf '\nmeans and, in brackets, deviations over the seeds %s; each in %s/seed-N\n\n' "${seeds[*]}" "$first" >&2
    show_scores
    exit 0
fi
use() { printf '%-32s%s\n' "$@"; }
use_model() { use "$1" "$(printf '%q --model %q' "$bin/$2" "$first/train/model")${3:-}"; } # to be pasted
{
    printf '\n'
    use 'curves' "$first/train/report.html"
    case $(get "${recipes[0]}" task) in
    translation)
        use 'translations of the tests' "$first/translations"
        use_model 'translate your own' rdrop-translate
        ;;
    language_modeling)
        use_model 'score your own text' rdrop-lm
        use_model 'go on from the start of a text' rdrop-lm ' --generate'
        ;;
    sentence_prediction)
        use 'answers of the tests' "$first/translations"
        use_model 'for your own rows' rdrop-predict
        ;;
    image_classification) use_model 'for your own pictures' rdrop-predict ' PICTURE...' ;;
    *) use 'fine-tune it, by this key' "finetune-from-model: $first/train/model" ;;
    esac
    printf '\n'
} >&2
show_scores
