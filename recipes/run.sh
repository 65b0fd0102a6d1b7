#!/usr/bin/env bash
# From a recipe to scores. Installs missing Debian packages (and says which), builds into build/,
# then runs the stages prepare, vocab, binarize, train, average, translate and score, each skipped
# while nothing it depends on has changed.
#
#   recipes/run.sh NAME [--from STAGE] [--out DIR] [--set KEY=VALUE]... [--seed N] [--threads N]
#                       [--compare NAME] [--no-install]
#
#   NAME          recipes/NAME.yaml, or the path of a recipe
#   --from STAGE  run this stage and all after it, up to date or not (training goes on from its
#                 last checkpoint)
#   --out DIR     where everything goes (out/NAME)
#   --compare B   run recipe B as well (into DIR-B) and print both tables
#   --no-install  name the missing packages and stop
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=recipes/setup.sh
. "$repository/recipes/setup.sh"
stages="prepare vocab binarize train average translate score"

fail() {
    echo "run.sh: $*" >&2
    exit 1
}
usage() {
    echo "run.sh: $* (see recipes/run.sh --help)" >&2
    exit 2
}

name="" from="" out="" compare="" install_option="" threads=""
settings=()
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
        exit 0
        ;;
    --no-install) install_option=--no-install ;;
    --from | --out | --set | --seed | --threads | --compare)
        [ $# -ge 2 ] || usage "$1 needs a value"
        case $1 in
        --from) from=$2 ;;
        --out) out=$2 ;;
        --set) settings+=(--set "$2") ;;
        --seed) settings+=(--set "seed=$2") ;;
        --threads) threads=$2 ;;
        --compare) compare=$2 ;;
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
case " $stages " in *" ${from:-prepare} "*) ;; *) usage "--from $from: the stages are $stages" ;; esac

recipe_file() {
    if [ -f "$repository/recipes/$1.yaml" ]; then
        echo "$repository/recipes/$1.yaml"
    elif [ -f "$1" ]; then
        echo "$1"
    else
        fail "no recipe '$1'; there are: $(cd "$repository/recipes" && echo *.yaml | sed 's/\.yaml//g')"
    fi
}
recipe=$(recipe_file "$name")
[ -z "$compare" ] || recipe_file "$compare" >/dev/null
base=$(basename "$recipe" .yaml)
out=${out:-$repository/out/$base}

# RDROP_BIN: programs built elsewhere; then nothing is installed or built.
bin=${RDROP_BIN:-$repository/build}
if [ -z "${RDROP_BIN:-}" ]; then
    # shellcheck disable=SC2086 # empty means no argument
    rd_setup_packages $install_option || exit 1
    rd_setup_build "$repository" "$bin" || fail "building failed"
fi

resolved=$("$bin/rdrop-recipe" "$recipe" ${settings[@]+"${settings[@]}"})
get() {
    "$bin/rdrop-recipe" "$recipe" ${settings[@]+"${settings[@]}"} --get "$1"
}
source_lang=$(get source-lang) target_lang=$(get target-lang)
metrics=$(get score-metrics) start=$(get finetune-from-model)
IFS=, read -r -a tests <<<"$(get testpref)"
data=$out/data binary=$out/bin train=$out/train hypotheses=$out/translations
with_threads=()
[ -z "$threads" ] || with_threads=(--threads "$threads")
mkdir -p "$data" "$out/stages"

# The keys a stage depends on, as the recipe, what it extends and --set leave them. rdrop-recipe
# prints data keys first, then model and training, then search.
keys_of() {
    case $1 in
    prepare) grep -E '^(prepare|source-lang|target-lang|trainpref|validpref|testpref):' <<<"$resolved" || true ;;
    vocab | binarize) sed '/^encoder-embed-dim:/,$d' <<<"$resolved" ;;
    train)
        sed '/^beam:/,$d; /^threads:/d; /^average-last:/d' <<<"$resolved"
        [ -z "$start" ] || stat -c %y "$start/model.safetensors" # another one is another training
        ;;
    average) grep '^average-last:' <<<"$resolved" ;;
    translate) sed -n '/^beam:/,/^nbest:/p; /^testpref:/p' <<<"$resolved" ;;
    score) grep -E '^(score-|testpref)' <<<"$resolved" ;;
    esac
}

# Everything whose change makes a stage run again: its keys, and the last run of the stage before.
signature() {
    keys_of "$1"
    [ "$1" != prepare ] || cat "$repository"/recipes/prepare-*.sh 2>/dev/null | cksum
    [ -z "$2" ] || cksum <"$out/stages/$2"
}

stage_prepare() {
    local script
    script=$(get prepare)
    [ -n "$script" ] || return 0
    bash "$(dirname "$recipe")/$script" "$data" "$bin"
}
preprocess() {
    "$bin/rdrop-preprocess" "$recipe" --data "$data" --dest "$binary" --only "$1" \
        ${settings[@]+"${settings[@]}"} ${with_threads[@]+"${with_threads[@]}"}
}
stage_vocab() { preprocess vocab; }
stage_binarize() { preprocess binarize; }
# Training resumes from its last checkpoint; one made under other keys is put aside, not mixed in.
# More updates, epochs or patience are the same training gone on with.
stage_train() {
    local mark=$out/stages/training now number=1
    now=$(keys_of train | sed '/^max-update:/d; /^max-epoch:/d; /^patience:/d')
    if [ -e "$train" ] && [ "$(cat "$mark" 2>/dev/null)" != "$now" ]; then
        while [ -e "$train.$number" ]; do number=$((number + 1)); done
        echo "run.sh: the recipe changed; $train moved to $train.$number" >&2
        mv "$train" "$train.$number"
    fi
    printf '%s\n' "$now" >"$mark"
    "$bin/rdrop-train" "$recipe" --data "$binary" --save-dir "$train" \
        ${settings[@]+"${settings[@]}"} ${with_threads[@]+"${with_threads[@]}"}
}
stage_average() {
    "$bin/rdrop-train" "$recipe" --data "$binary" --save-dir "$train" --average ${settings[@]+"${settings[@]}"}
}
# The file of a corpus: plain if there, else gzipped.
corpus() {
    if [ -e "$data/$1" ]; then echo "$data/$1"; else echo "$data/$1.gz"; fi
}
stage_translate() {
    local test
    mkdir -p "$hypotheses"
    for test in "${tests[@]}"; do
        "$bin/rdrop-translate" --model "$train/model" --input "$(corpus "$test.$source_lang")" \
            --beam "$(get beam)" --lenpen "$(get lenpen)" --max-len-a "$(get max-len-a)" \
            --max-len-b "$(get max-len-b)" --min-len "$(get min-len)" \
            --no-repeat-ngram "$(get no-repeat-ngram-size)" --unk-penalty "$(get unkpen)" \
            ${with_threads[@]+"${with_threads[@]}"} \
            --output "$hypotheses/$(basename "$test").$target_lang" || return 1
    done
}
# All references of a test set where a corpus has several a line.
references() {
    if [ -e "$data/$1.refs.jsonl" ]; then echo "$data/$1.refs.jsonl"; else corpus "$1.$target_lang"; fi
}
# One row a test set, one column a metric, from rdrop-score's lines "NAME|SIGNATURE = SCORE ...".
stage_score() {
    local test lowercase=()
    [ "$(get score-lowercase)" = false ] || lowercase=(--lowercase)
    for test in "${tests[@]}"; do
        "$bin/rdrop-score" --metric "$metrics" ${lowercase[@]+"${lowercase[@]}"} --force \
            --ref "$(references "$test")" "$hypotheses/$(basename "$test").$target_lang" |
            sed "s|^|$(basename "$test")\t|" || return 1
    done >"$out/scores.log" || return 1
    awk -F '\t' '
        { split($2, part, " = "); split(part[1], metric, "|"); split(part[2], score, " ")
          if (!($1 in row)) { row[$1]; order[++rows] = $1 }
          if (!(metric[1] in column)) { column[metric[1]]; heads[++columns] = metric[1] }
          cell[$1, metric[1]] = score[1] }
        END { printf "%-24s", "test set"; for (c = 1; c <= columns; c++) printf " %10s", heads[c]; print ""
              for (r = 1; r <= rows; r++) { printf "%-24s", order[r]
                  for (c = 1; c <= columns; c++) printf " %10s", cell[order[r], heads[c]]; print "" } }
    ' "$out/scores.log" >"$out/scores.txt"
}

forced=0 previous=
for stage in $stages; do
    [ "$stage" != "$from" ] || forced=1
    wanted=$(signature "$stage" "$previous")
    stamp=$out/stages/$stage
    # The first line of a stamp differs at each run, so that a stage run again reruns what follows.
    if [ "$forced" -eq 0 ] && [ -e "$stamp" ] && [ "$(sed 1d "$stamp")" = "$wanted" ] &&
        { [ "$stage" != vocab ] || [ -z "$(find "$data" -type f -newer "$stamp" -print -quit)" ]; }; then
        echo "run.sh: $base: $stage is up to date" >&2
    else
        echo "run.sh: $base: $stage" >&2
        rm -f "$stamp"
        "stage_$stage" || fail "$stage failed"
        printf '%s %s\n%s\n' "$(date +%s.%N)" $$ "$wanted" >"$stamp"
    fi
    previous=$stage
done

if [ -n "$compare" ]; then
    other=$out-$(basename "$compare" .yaml)
    bash "$repository/recipes/run.sh" "$compare" --out "$other" ${install_option:+"$install_option"} \
        ${from:+--from "$from"} ${with_threads[@]+"${with_threads[@]}"} \
        ${settings[@]+"${settings[@]}"} >/dev/null
    printf '%s (translations in %s)\n' "$base" "$hypotheses"
    cat "$out/scores.txt"
    printf '\n%s (translations in %s)\n' "$(basename "$compare" .yaml)" "$other/translations"
    cat "$other/scores.txt"
else
    cat "$out/scores.txt"
fi
