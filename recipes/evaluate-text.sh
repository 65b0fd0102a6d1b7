# Tests of language models; sourced by stages.sh.
# shellcheck shell=bash disable=SC2154,SC2034 # the variables are those of stages.sh
evaluation="average perplexity"
target_lang=$(get target-lang)
case $target_lang in */*) fail "target-lang is an end of file names, without a slash" ;; esac

# raw_of KEY...: the texts of all their prefixes, one a line
raw_of() {
    local key prefix
    for key; do
        while IFS= read -r prefix; do corpus "$prefix.$target_lang"; done < <(prefixes "$key")
    done
}

evaluation_keys_of() {
    group score
    grep '^testpref:' <<<"$resolved"
}
evaluation_inputs_of() {
    model_of "$train/model"
    raw_of testpref
}
evaluation_outputs_of() {
    printf '%s\n' "$out/scores.log" "$out/scores.txt"
}

# One row a test set, from rdrop-lm's line "... loss L (base 2: B), perplexity P; per word L, perplexity W".
stage_perplexity() {
    local test line
    for test in "${tests[@]}"; do
        line=$("$bin/rdrop-lm" --model "$train/model" --input "$(corpus "$test.$target_lang")" \
            --tokens-per-sample "$(get score-tokens-per-sample)" --context-window "$(get score-context-window)" \
            --sample-break-mode "$(get score-break-mode)" ${with_threads[@]+"${with_threads[@]}"}) || return 1
        printf '%s\t%s\n' "$(basename -- "$test")" "$line"
    done >"$out/scores.log" || return 1
    awk -F '\t' '
        BEGIN { printf "%-18s %10s %10s %10s\n", "test set", "ppl", "ppl/word", "bits" }
        { line = $2; sub(/.*base 2: /, "", line); bits = line + 0
          sub(/.*[)], perplexity /, "", line); ppl = line + 0
          sub(/.*, perplexity /, "", line); printf "%-18s %10.2f %10.2f %10.3f\n", $1, ppl, line + 0, bits }
    ' "$out/scores.log" >"$out/scores.txt"
}

check_tests() {
    local test path
    for test in "${tests[@]}"; do
        path=$(corpus "$test.$target_lang")
        [ -f "$path" ] || fail "${path%.gz}: no such text, nor with .gz; see testpref"
    done
}
