# Tests of tasks that answer the rows of tables; sourced by stages.sh.
# shellcheck shell=bash disable=SC2154,SC2034 # the variables are those of stages.sh
evaluation="average predict score"

# raw_of KEY...: the tables that they name, one a line
raw_of() {
    local key name
    for key; do while IFS= read -r name; do corpus "$name"; done < <(prefixes "$key"); done
}
# answers_of TABLE KIND: what the model says, or what is right
answers_of() {
    printf '%s\n' "$hypotheses/$(basename -- "$1").$2"
}

evaluation_keys_of() {
    case $1 in predict) group data ;; score) group score ;; esac
    grep '^testpref:' <<<"$resolved"
}
evaluation_inputs_of() {
    local test
    case $1 in
    predict)
        model_of "$train/model"
        for test in "${tests[@]}"; do corpus "$test"; done
        ;;
    score) for test in "${tests[@]}"; do answers_of "$test" found && answers_of "$test" right; done ;;
    esac
}
evaluation_outputs_of() {
    local test
    case $1 in
    predict) for test in "${tests[@]}"; do answers_of "$test" found && answers_of "$test" right; done ;;
    score) printf '%s\n' "$out/scores.log" "$out/scores.txt" ;;
    esac
}

stage_predict() {
    local test
    mkdir -p "$hypotheses"
    for test in "${tests[@]}"; do
        "$bin/rdrop-predict" --model "$train/model" --input "$(corpus "$test")" ${with_threads[@]+"${with_threads[@]}"} \
            --output "$(answers_of "$test" found)" --references "$(answers_of "$test" right)" || return 1
    done
}
# F1 of two classes is that of the second, as in training.
stage_score() {
    local test metrics labels=() positive=()
    metrics=$(get score-metrics)
    [ ! -e "$train/model/labels.txt" ] || mapfile -t labels <"$train/model/labels.txt"
    case ,${metrics//[[:space:]]/},:${#labels[@]} in *,f1,*:2) positive=(--positive "${labels[1]}") ;; esac
    for test in "${tests[@]}"; do
        "$bin/rdrop-score" --metric "$metrics" ${positive[@]+"${positive[@]}"} --ref "$(answers_of "$test" right)" "$(answers_of "$test" found)" |
            while IFS= read -r line; do printf '%s\t%s\n' "${test%.tsv}" "$line"; done || return 1
    done >"$out/scores.log" || return 1
    tabulate <"$out/scores.log" >"$out/scores.txt"
}

check_tests() {
    local test path
    for test in "${tests[@]}"; do
        path=$(corpus "$test")
        [ -f "$path" ] || fail "${path%.gz}: no such table, nor with .gz; see testpref"
    done
}
