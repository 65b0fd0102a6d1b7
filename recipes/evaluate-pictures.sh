# Results of tasks on pictures; sourced by stages.sh. The sets of trainpref, validpref and testpref are folders,
# archives or files below the data folder; what counts is the best validation, whose weights model/ has.
# shellcheck shell=bash disable=SC2154,SC2034 # the variables are those of stages.sh
evaluation="score"

# raw_of KEY...: the files of their sets, one a line; of a folder, all that it holds
raw_of() {
    local key set path
    for key; do
        while IFS= read -r set; do
            path=$data/$set
            case $set in /*) path=$set ;; esac
            [ -e "$path" ] || path=${path%:*}
            if [ -d "$path" ]; then find -L "$path" -type f; else printf '%s\n' "$path"; fi
            case $path in *images-idx3*) printf '%s\n' "${path/images-idx3/labels-idx1}" ;; esac
        done < <(prefixes "$key")
    done
}
evaluation_keys_of() {
    grep '^best-checkpoint-metric:' <<<"$resolved"
}
evaluation_inputs_of() {
    printf '%s\n' "$train/train.jsonl"
}
evaluation_outputs_of() {
    printf '%s\n' "$out/scores.txt"
}
# Each as a percentage.
stage_score() {
    awk '
        /"event":"valid"/ && /"best":true/ { line = $0 }
        function value(name) {
            if (!match(line, "\"" name "\":[0-9.e+-]+")) return "-"
            return sprintf("%.2f", 100 * substr(line, RSTART + length(name) + 3, RLENGTH - length(name) - 3))
        }
        END {
            if (line == "") exit 1
            printf "%-18s %10s %10s %10s\n", "set", "accuracy", "top5", "ECE"
            printf "%-18s %10s %10s %10s\n", "valid", value("accuracy"), value("top5"), value("ece")
        }
    ' "$train/train.jsonl" >"$out/scores.txt" || fail "$train/train.jsonl tells of no validation"
}
check_tests() {
    [ "${#tests[@]}" -eq 0 ] || say "testpref is binarized but not scored: the scores are of the best validation"
}
