#!/usr/bin/env bash
# The stages of one recipe, each skipped while nothing it depends on has changed: recipes/run.sh
# builds, then calls this for every recipe. The scores end up in OUT/scores.txt.
#
#   recipes/stages.sh RECIPE.yaml OUT BIN [--from STAGE] [--threads N] [--set KEY=VALUE]...
#
#   OUT           where everything goes
#   BIN           where the programs are
#   --from STAGE  run this stage and all after it, up to date or not
set -euo pipefail
stages="prepare vocab binarize train average translate score"

recipe=$1 out=$2 bin=$3
shift 3
from="" settings=() with_threads=()
while [ $# -gt 0 ]; do
    case $1 in
    --from) from=$2 ;;
    --threads) with_threads=(--threads "$2") ;;
    --set) settings+=(--set "$2") ;;
    esac
    shift 2
done
base=$(basename "$recipe" .yaml)

say() {
    echo "[$base] $*" >&2
}

resolved=$("$bin/rdrop-recipe" "$recipe" ${settings[@]+"${settings[@]}"})
get() {
    "$bin/rdrop-recipe" "$recipe" ${settings[@]+"${settings[@]}"} --get "$1"
}
source_lang=$(get source-lang) target_lang=$(get target-lang)
metrics=$(get score-metrics) start=$(get finetune-from-model) script=$(get prepare)
[ -z "$script" ] || script=$(dirname "$recipe")/$script
IFS=, read -r -a tests <<<"$(get testpref)"
data=$out/data binary=$out/bin train=$out/train hypotheses=$out/translations
mkdir -p "$data" "$out/stages"

group() {
    "$bin/rdrop-recipe" "$recipe" ${settings[@]+"${settings[@]}"} --group "$@"
}
# The keys a stage depends on, as the recipe, what it extends and --set leave them.
keys_of() {
    case $1 in
    prepare) grep -E '^(prepare|source-lang|target-lang|trainpref|validpref|testpref):' <<<"$resolved" || true ;;
    vocab | binarize)
        group data
        echo "prepend-bos: $(get prepend-bos)"
        ;;
    train)
        group data model train | sed '/^threads:/d; /^checkpoint-activations:/d; /^average-last:/d'
        [ -z "$start" ] || stat -c %y "$start/model.safetensors" # another one is another training
        ;;
    average) grep '^average-last:' <<<"$resolved" ;;
    translate)
        group search
        grep '^testpref:' <<<"$resolved"
        ;;
    score)
        group score
        grep '^testpref:' <<<"$resolved"
        ;;
    esac
}

# Everything whose change makes a stage run again: its keys, and the last run of the stage before.
signature() {
    keys_of "$1"
    [ "$1" != prepare ] || [ -z "$script" ] || cksum <"$script"
    [ -z "$2" ] || cksum <"$out/stages/$2"
}

stage_prepare() {
    [ -z "$script" ] || bash "$script" "$data" "$bin"
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
        say "the recipe changed; $train moved to $train.$number"
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
# Scores are of one translation a line, whatever nbest says.
stage_translate() {
    local test search
    mapfile -t search < <(group search | sed '/^nbest:/d; s/^/--/; s/: /=/')
    mkdir -p "$hypotheses"
    for test in "${tests[@]}"; do
        "$bin/rdrop-translate" --model "$train/model" --input "$(corpus "$test.$source_lang")" \
            "${search[@]}" ${with_threads[@]+"${with_threads[@]}"} \
            --output "$hypotheses/$(basename "$test").$target_lang" || return 1
    done
}
# All references of a test set where a corpus has several a line.
references() {
    if [ -e "$data/$1.refs.jsonl" ]; then echo "$data/$1.refs.jsonl"; else corpus "$1.$target_lang"; fi
}
# One row a test set, one column a metric, from rdrop-score's lines "NAME|SIGNATURE = SCORE ...".
stage_score() {
    local test tokenizer options=(--language-pair "source-$target_lang")
    [ "$(get score-lowercase)" = false ] || options+=(--lowercase)
    tokenizer=$(get score-tokenizer)
    [ -z "$tokenizer" ] || options+=(--tokenize "$tokenizer")
    case $tokenizer in 13a) options+=(--rouge-tokenizer default) ;; ?*) options+=(--rouge-tokenizer "$tokenizer") ;; esac
    for test in "${tests[@]}"; do
        "$bin/rdrop-score" --metric "$metrics" "${options[@]}" --force \
            --ref "$(references "$test")" "$hypotheses/$(basename "$test").$target_lang" |
            sed "s|^|$(basename "$test")\t|" || return 1
    done >"$out/scores.log" || return 1
    awk -F '\t' '
        { split($2, part, " = "); split(part[1], metric, "|"); split(part[2], score, " ")
          if (!($1 in row)) { row[$1]; order[++rows] = $1 }
          if (!(metric[1] in column)) { column[metric[1]]; heads[++columns] = metric[1] }
          cell[$1, metric[1]] = score[1] }
        END { printf "%-18s", "test set"; for (c = 1; c <= columns; c++) printf " %10s", heads[c]; print ""
              for (r = 1; r <= rows; r++) { printf "%-18s", order[r]
                  for (c = 1; c <= columns; c++) printf " %10s", cell[order[r], heads[c]]; print "" } }
    ' "$out/scores.log" >"$out/scores.txt"
}

forced=0 previous="" number=0
for stage in $stages; do
    number=$((number + 1))
    [ "$stage" != "$from" ] || forced=1
    wanted=$(signature "$stage" "$previous")
    stamp=$out/stages/$stage
    # The first line of a stamp differs at each run, so that a stage run again reruns what follows.
    if [ "$forced" -eq 0 ] && [ -e "$stamp" ] && [ "$(sed 1d "$stamp")" = "$wanted" ] &&
        { [ "$stage" != vocab ] || [ -z "$(find "$data" -type f -newer "$stamp" -print -quit)" ]; }; then
        say "$number/7 $stage is up to date"
    else
        say "$number/7 $stage"
        rm -f "$stamp"
        "stage_$stage" >&2 || {
            say "$stage failed"
            exit 1
        }
        printf '%s %s\n%s\n' "$(date +%s.%N)" $$ "$wanted" >"$stamp"
    fi
    previous=$stage
done
