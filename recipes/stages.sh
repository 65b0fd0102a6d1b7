#!/usr/bin/env bash
# The stages of one recipe, each skipped while the content of all it depends on is the same:
# recipes/run.sh builds, then calls this for every recipe. The scores end up in OUT/scores.txt.
#
#   recipes/stages.sh RECIPE.yaml OUT BIN [--name NAME] [--from STAGE] [--threads N] [--set KEY=VALUE]...
#
#   OUT           where everything goes
#   BIN           where the programs are
#   --name NAME   what messages call it (the recipe's name)
#   --from STAGE  run this stage and all after it, up to date or not
#
# One run at a time works in OUT; a second one is refused.
set -euo pipefail
recipe=$1 out=$2 bin=$3
shift 3
base=$(basename -- "$recipe" .yaml) from="" settings=() with_threads=()
while [ $# -gt 0 ]; do
    case $1 in
    --name) base=$2 ;;
    --from) from=$2 ;;
    --threads) with_threads=(--threads "$2") ;;
    --set) settings+=(--set "$2") ;;
    esac
    shift 2
done

say() {
    printf '[%s] %s\n' "$base" "$*" >&2
}
fail() {
    say "$*"
    exit 1
}

resolved=$("$bin/rdrop-recipe" "$recipe" ${settings[@]+"${settings[@]}"})
vocabulary_names=$("$bin/rdrop-recipe" --vocabulary-files)
mapfile -t vocabulary_names <<<"$vocabulary_names"
get() {
    "$bin/rdrop-recipe" "$recipe" ${settings[@]+"${settings[@]}"} --get "$1"
}
task=$(get task) start=$(get finetune-from-model) script=$(get prepare) vocabulary=$(get vocab-from)
# shellcheck source=recipes/setup.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"
# prefixes KEY: those of a key, one a line
prefixes() {
    get "$1" | tr ',' '\n' | sed 's/^ *//; s/ *$//; /^$/d'
}
mapfile -t tests < <(prefixes testpref)
data=$out/data binary=$out/bin train=$out/train hypotheses=$out/translations

group() {
    "$bin/rdrop-recipe" "$recipe" ${settings[@]+"${settings[@]}"} --group "$@"
}
# The scripts that prepare runs: the recipe's, and those that it names.
scripts() {
    local name
    [ -n "$script" ] || return 0
    printf '%s\n' "$script"
    while IFS= read -r name; do files_of "$(dirname -- "$script")" "$name"; done < \
        <(grep -oE 'prepare-[a-z0-9-]+\.sh' "$script" | grep -vxF "$(basename -- "$script")" | sort -u)
}
# What the environment tells them: the variables that they ask for and, of paths, their files. A start without any is
# content with what is there.
told() {
    local name value path paths said=""
    while IFS= read -r name; do
        value=${!name-}
        case $name in HOME | PATH | PWD | OLDPWD | TMPDIR | USER | LOGNAME | SHELL | SHLVL | TERM | HOSTNAME | LANG | LC_* | RDROP_*) continue ;; esac
        [ -n "$value" ] && [[ ${!name@a} == *x* ]] || continue # not the shell's own
        said+="told: $name=$value"
        paths=("$value")
        [ -e "$value" ] || read -r -a paths <<<"$value"
        for path in "${paths[@]}"; do
            [ ! -e "$path" ] || said+=" $(find -L "$path" -type f -printf '%P %s %T@\n' | LC_ALL=C sort | sha256sum)"
        done
        said+=$'\n'
    done < <(scripts | xargs -r -d '\n' grep -ohE '\$\{?[A-Z][A-Z0-9_]*' | tr -dc 'A-Z0-9_\n' | sort -u)
    if [ -n "$said" ]; then printf '%s' "$said"; else grep '^told: ' "$out/stages/prepare" 2>/dev/null || true; fi
}
# The keys a stage depends on, as the recipe, what it extends and --set leave them.
keys_of() {
    case $1 in
    prepare)
        grep -E '^(prepare|source-lang|target-lang|trainpref|validpref|testpref):' <<<"$resolved" || true
        told
        ;;
    vocab) keys_of binarize | sed '/^testpref:/d' ;;
    binarize)
        group data | sed '/^prepare:/d'
        echo "prepend-bos: $(get prepend-bos)"
        grep -E '^(extend-vocab|picture-channels): .' <<<"$resolved" || true
        ;;
    train)
        group data model train |
            sed '/^prepare:/d; /^testpref:/d; /^threads:/d; /^checkpoint-activations:/d; /^average-last:/d'
        ;;
    average) grep '^average-last:' <<<"$resolved" ;;
    *) evaluation_keys_of "$1" ;;
    esac
}

# A corpus: DATA/PREFIX.LANG, or PREFIX.LANG if that is absolute; gzipped if only that is there.
corpus() {
    local path=$data/$1
    case $1 in /*) path=$1 ;; esac
    if [ -e "$path" ] || [ ! -e "$path.gz" ]; then printf '%s\n' "$path"; else printf '%s\n' "$path.gz"; fi
}
# files_of DIRECTORY NAME...: those that are there, one a line
files_of() {
    local directory=$1 name
    shift
    for name; do [ ! -f "$directory/$name" ] || printf '%s\n' "$directory/$name"; done
}
vocabulary_of() {
    files_of "$1" "${vocabulary_names[@]}"
}
model_of() {
    vocabulary_of "$1"
    files_of "$1" config.yaml model.safetensors
}
datasets() {
    local path
    for path in "$binary"/*.bin; do
        case $path in */shortlist.bin) ;; *) printf '%s\n' "$path" ;; esac
    done
}

# The files a stage reads, one a line.
inputs_of() {
    case $1 in
    prepare) scripts ;;
    vocab)
        raw_of trainpref
        [ -z "$vocabulary" ] || vocabulary_of "$vocabulary"
        ;;
    binarize)
        raw_of trainpref validpref testpref
        vocabulary_of "$binary"
        ;;
    train)
        vocabulary_of "$binary"
        files_of "$binary" train.bin valid.bin
        [ -z "$start" ] || model_of "$start"
        ;;
    average) printf '%s\n' "$train"/checkpoints/* ;;
    *) evaluation_inputs_of "$1" ;;
    esac
}
# The files a stage leaves, one a line; those of prepare are for others to replace.
outputs_of() {
    case $1 in
    prepare) ;;
    vocab) vocabulary_of "$binary" ;;
    binarize) datasets ;;
    train)
        printf '%s\n' "$train"/checkpoints/*
        case $evaluation in *average*) ;; *) model_of "$train/model" ;; esac # averaging replaces it
        ;;
    average) model_of "$train/model" ;;
    *) evaluation_outputs_of "$1" ;;
    esac
}
# Names and contents of the files on standard input, of those that are there.
contents() {
    local path sum
    LC_ALL=C sort | while IFS= read -r path; do
        [ ! -f "$path" ] || printf '%s\0' "$path"
    done | xargs -0r sha256sum -- | while read -r sum path; do
        printf '%s  %s\n' "$sum" "${path#"$out/"}"
    done
}

# Everything whose change makes a stage run again.
signature() {
    keys_of "$1"
    inputs_of "$1" | contents
}
# Of a signature on standard input, what counts: a key at its default is as good as one that an older version of the
# programs did not know.
essential() {
    grep -vxF -e "$defaults" || true
}
# What prepare makes and is gone, one a line.
lacking() {
    local path keys=(trainpref validpref)
    [ "${#tests[@]}" -eq 0 ] || keys+=(testpref)
    { raw_of "${keys[@]}" && printf '%s\n' "${start:-$out}"; } | while IFS= read -r path; do
        [ -e "$path" ] || printf '%s\n' "$path"
    done
}
# is_up_to_date STAGE WANTED: whether its stamp is that of the signature WANTED and of what it left
is_up_to_date() {
    local stamp=$out/stages/$1
    [ -e "$stamp" ] || return 1
    [ "$1" != prepare ] || [ -z "$script" ] || [ -z "$(lacking)" ] || return 1
    [ "$(essential <"$stamp")" = "$({ printf '%s\nleft\n' "$2" && outputs_of "$1" | contents; } | essential)" ]
}

stage_prepare() {
    [ -z "$script" ] ||
        START=$start LANGUAGES="$(get source-lang) $(get target-lang)" bash "$script" "$data" "$bin"
}
preprocess() {
    "$bin/rdrop-preprocess" "$recipe" --data "$data" --dest "$binary" --only "$1" \
        ${settings[@]+"${settings[@]}"} ${with_threads[@]+"${with_threads[@]}"}
}
stage_vocab() { preprocess vocab; }
stage_binarize() { preprocess binarize; }
# Training resumes from its last checkpoint. One that began with other settings or data, as rdrop-train judges, is put
# aside, not mixed in; more updates, validations at other times or more workers are the same training gone on with.
stage_train() {
    local number=1 code=0
    local command=("$bin/rdrop-train" "$recipe" --data "$binary" --save-dir "$train" --unchanged
        ${settings[@]+"${settings[@]}"} ${with_threads[@]+"${with_threads[@]}"})
    "${command[@]}" || code=$?
    [ "$code" -eq 3 ] || return "$code"
    while [ -e "$train.$number" ]; do number=$((number + 1)); done
    # Not while a training that somebody started by hand goes on there.
    flock -n "$train/lock" mv -T "$train" "$train.$number" || {
        say "$train: cannot move it to $train.$number; does another process train there?"
        return 1
    }
    say "the recipe or its data changed; $train moved to $train.$number"
    "${command[@]}"
}
stage_average() {
    "$bin/rdrop-train" "$recipe" --data "$binary" --save-dir "$train" --average ${settings[@]+"${settings[@]}"}
}
# tabulate: one row a test set, one column a metric, from lines of its name, a tab and rdrop-score's "NAME|SIGNATURE = SCORE ..."
tabulate() {
    awk -F '\t' '
        { split($2, part, " = "); split(part[1], metric, "|"); split(part[2], score, " ")
          if (!($1 in row)) { row[$1]; order[++rows] = $1 }
          if (!(metric[1] in column)) { column[metric[1]]; heads[++columns] = metric[1] }
          cell[$1, metric[1]] = score[1] }
        END { printf "%-18s", "test set"; for (c = 1; c <= columns; c++) printf " %10s", heads[c]; print ""
              for (r = 1; r <= rows; r++) { printf "%-18s", order[r]
                  for (c = 1; c <= columns; c++) printf " %10s", cell[order[r], heads[c]]; print "" } }
    '
}
# Rows of the table, and files of answers, have the names of their test sets.
refuse_same_names() {
    local test names
    names=$(for test in "${tests[@]}"; do basename -- "${test%.tsv}"; done | sort | uniq -d)
    [ -z "$names" ] || fail "testpref: two test sets are called $names"
}
# What is particular to the data of a task: raw_of, check_tests and the stages after training.
case $task in
translation | denoising | masked_lm) kind=pairs ;;
language_modeling) kind=text ;;
image_classification) kind=pictures ;;
sentence_prediction) kind=tables ;;
*) fail "no stages are known for task $task" ;;
esac
# shellcheck source=recipes/evaluate-pairs.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/evaluate-$kind.sh"
case $task in
denoising | masked_lm) # what is made is to be fine-tuned
    evaluation=average
    [ "${#tests[@]}" -eq 0 ] || say "testpref is not used: task $task scores no test sets"
    tests=()
    ;;
esac

stages="prepare vocab binarize train $evaluation"
read -r -a all <<<"$stages"
case " $stages " in *" ${from:-prepare} "*) ;; *) fail "--from $from: the stages of task $task are $stages" ;; esac
reason=$(mkdir -p "$out/stages" "$data" 2>&1) || fail "${reason%%$'\n'*}; --out names another folder"
# Programs that a killed run has left behind hold the lock as well, until they end.
command -v flock >/dev/null || fail "there is no program flock; install the package util-linux"
exec {lock}>>"$out/stages/lock"
flock -n -E 75 "$lock" || {
    [ $? -eq 75 ] || fail "$out/stages/lock: cannot lock"
    fail "$out: process $(head -n 1 "$out/stages/lock"), or a program that it started, is at work there"
}
printf '%s on %s\n' "$$" "$(uname -n)" >"$out/stages/lock"
echo 'max-epoch: 1' >"$out/stages/defaults.yaml" # the only key that must be set
defaults=$("$bin/rdrop-recipe" "$out/stages/defaults.yaml" | sed '/^max-epoch:/d')
forced=0 number=0
for stage in $stages; do
    number=$((number + 1))
    [ "$stage" != "$from" ] || forced=1
    [ "$stage" != vocab ] || { refuse_same_names && check_tests; }
    wanted=$(signature "$stage")
    stamp=$out/stages/$stage
    if [ "$forced" -eq 0 ] && is_up_to_date "$stage" "$wanted"; then
        say "$number/${#all[@]} $stage is up to date"
        continue
    fi
    say "$number/${#all[@]} $stage"
    rm -f "$stamp"
    code=0
    "stage_$stage" >&2 || code=$?
    case $code in
    0) ;;
    130 | 138 | 143) exit "$code" ;; # stopped by INT, USR1 or TERM, which was said
    129 | 1[3-9][0-9] | 2[0-9][0-9])
        say "$stage was ended by signal $((code - 128))"
        exit "$code"
        ;;
    *) fail "$stage failed" ;;
    esac
    { printf '%s\nleft\n' "$wanted" && outputs_of "$stage" | contents; } >"$stamp"
done
