# Tests of tasks that make one text of another; sourced by stages.sh.
# shellcheck shell=bash disable=SC2154,SC2034 # the variables are those of stages.sh
evaluation="average translate score"
source_lang=$(get source-lang) target_lang=$(get target-lang)
case $source_lang$target_lang in */*) fail "source-lang and target-lang are ends of file names, without a slash" ;; esac

# All references of a test set where a corpus has several a line.
references() {
    local path
    path=$(corpus "$1.refs.jsonl")
    if [ -e "$path" ]; then printf '%s\n' "$path"; else corpus "$1.$target_lang"; fi
}
# raw_of KEY...: both sides of all their prefixes, one a line
raw_of() {
    local key prefix
    for key; do
        while IFS= read -r prefix; do
            corpus "$prefix.$source_lang"
            corpus "$prefix.$target_lang"
        done < <(prefixes "$key")
    done
}
hypothesis() {
    printf '%s\n' "$hypotheses/$(basename -- "$1").$target_lang"
}

evaluation_keys_of() {
    case $1 in translate) group search ;; score) group score ;; esac
    grep '^testpref:' <<<"$resolved"
}
evaluation_inputs_of() {
    local test
    case $1 in
    translate)
        model_of "$train/model"
        for test in "${tests[@]}"; do corpus "$test.$source_lang"; done
        ;;
    score) for test in "${tests[@]}"; do hypothesis "$test" && references "$test"; done ;;
    esac
}
evaluation_outputs_of() {
    local test
    case $1 in
    translate) for test in "${tests[@]}"; do hypothesis "$test"; done ;;
    score) printf '%s\n' "$out/scores.log" "$out/scores.txt" ;;
    esac
}

# search_options: those of the recipe's search, one a line. Scores are of one translation a line, whatever nbest says.
# What a model that training began from forces or forbids is in its config.yaml, unless the recipe says otherwise.
search_options() {
    local line key
    while IFS= read -r line; do
        key=${line%%: *}
        case ${start:+start }$line in
        nbest:* | 'start nbest:'*) continue ;;
        'start forced-'*': false' | 'start no-forced-'*': false') continue ;;
        'start '*suppress-tokens': ""' | 'start sequence-bias: ""' | 'start end-tokens: ""') continue ;;
        *': "'*) printf -- '--%s=%s\n' "$key" "$(get "$key")" ;; # a text, without quotes and escapes
        *) printf -- '--%s=%s\n' "$key" "${line#*: }" ;;
        esac
    done < <(group search)
}
stage_translate() {
    local test search
    mapfile -t search < <(search_options)
    mkdir -p "$hypotheses" || return 1
    for test in "${tests[@]}"; do
        "$bin/rdrop-translate" --model "$train/model" --input "$(corpus "$test.$source_lang")" \
            "${search[@]}" ${with_threads[@]+"${with_threads[@]}"} \
            --output "$(hypothesis "$test")" || return 1
    done
}
# Whether the model reads pieces of subword-nmt and writes whole words, by the rule of src/data/words.c: there are no
# codes next to its dictionary, and more than one entry in a hundred ends with @@.
reads_pieces() {
    local dictionary=$train/model/dict.txt
    [ -e "$dictionary" ] || dictionary=$train/model/dict.target.txt
    [ -e "$dictionary" ] && [ ! -e "$train/model/bpecodes" ] &&
        awk '$1 ~ /@@$/ { n++ } END { exit !(100 * n > NR + 4) }' "$dictionary"
}
# scored_against TEST: its references, in whole words
scored_against() {
    local reference whole
    reference=$(references "$1")
    if reads_pieces; then
        whole=$out/references/$(basename -- "${reference%.gz}")
        mkdir -p "$out/references"
        gzip -cdf -- "$reference" | sed -E 's/@@( |$)//g; s/@@"/"/g' >"$whole" || return 1
        reference=$whole
    fi
    printf '%s\n' "$reference"
}
stage_score() {
    local test reference line tokenizer options=(--language-pair "source-$target_lang")
    [ "$(get score-lowercase)" = false ] || options+=(--lowercase --chrf-lowercase)
    tokenizer=$(get score-tokenizer)
    [ -z "$tokenizer" ] || options+=(--tokenize "$tokenizer")
    case $tokenizer in 13a) options+=(--rouge-tokenizer default) ;; ?*) options+=(--rouge-tokenizer "$tokenizer") ;; esac
    for test in "${tests[@]}"; do
        reference=$(scored_against "$test") || return 1
        "$bin/rdrop-score" --metric "$(get score-metrics)" "${options[@]}" --force \
            --ref "$reference" "$(hypothesis "$test")" |
            while IFS= read -r line; do printf '%s\t%s\n' "$(basename -- "$test")" "$line"; done || return 1
    done >"$out/scores.log" || return 1
    tabulate <"$out/scores.log" >"$out/scores.txt"
}

# What training would end in vain without.
check_tests() {
    local test path
    for test in "${tests[@]}"; do
        for path in "$(corpus "$test.$source_lang")" "$(references "$test")"; do
            [ -f "$path" ] || fail "${path%.gz}: no such test set, nor with .gz; see testpref"
        done
    done
}
