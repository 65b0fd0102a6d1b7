# shellcheck shell=bash disable=SC2154,SC2034 # sourced by bench.sh, whose variables these are
# Translation, and CTranslate2 in turn on the same model and input.

# ours_speed BEAM PRECISION: "batch SPEED MIB P50" and "single SPEED MIB P50"
ours_speed() {
    "$bin/bench-translate" --model "$model" --input "$input" --beam "$1" --precision "$2" --single "$single" \
        --length "$length" --threads "$threads" ${shortlist:+--shortlist "$shortlist"} --json >"$work/json" ||
        fail "bench-translate failed"
    awk -F'[:,]' '/"mode"/ { gsub(/[ "]/, "", $2); mode = $2 } /"tokens_per_second"/ { speed = $2 }
        /"peak_memory"/ { bytes = $2 } /"p50"/ { p50 = $2 }
        /^ *}/ && mode { printf "%s %.1f %.0f %.3f\n", mode, speed, bytes / 1048576, 1e3 * p50; mode = "" }' \
        "$work/json"
}

# theirs_speed BEAM PRECISION: the same of CTranslate2
theirs_speed() {
    local type=${2/fp32/float32} mode
    for mode in batch single; do
        "$python" "$repository/tests/oracles/ctranslate2_bench.py" "$work/ct2" "$work/hf/source.spm" "$input" \
            --type "${type/bf16/bfloat16}" --beam "$1" --threads "$threads" --length "$length" \
            --single "$([ $mode = single ] && echo "$single" || echo 0)" >"$work/json" 2>"$work/log" ||
            fail "CTranslate2 failed: $(tail -n 3 "$work/log")"
        echo "$mode $(value "$work/json" tokens_per_second) $(value "$work/json" peak_memory) $(value "$work/json" p50)"
    done | awk '{ printf "%s %.1f %.0f %.3f\n", $1, $2, $3 / 1048576, 1e3 * $4 }'
}

# speed_table ROWS: of rows "round program beam precision mode speed MiB p50" the medians and their ratio
speed_table() {
    sort -k3,3n -k4,4 -k5,5 -k2,2 -k6,6n "$1" | awk '
        { which = $3 " " $4 " " $5
          if (!(which in seen)) { seen[which] = 1; order[++n] = which }
          k = ++count[which, $2]; speed[which, $2, k] = $6; in_round[which, $2, $1] = $6; p50[which, $2, k] = $8
          if ($7 > memory[which, $2]) memory[which, $2] = $7 }
        END {
            for (i = 1; i <= n; i++) {
                which = order[i]; split(which, name, " ")
                rounds = count[which, "ours"]; middle = int((rounds + 1) / 2)
                printf "%4s %-5s %-6s %10.0f %9s %7.0f", name[1], name[2], name[3], speed[which, "ours", middle],
                    name[3] == "single" ? sprintf("%.2f", p50[which, "ours", middle]) : "-", memory[which, "ours"]
                if (count[which, "theirs"]) {
                    low = high = in_round[which, "ours", 1] / in_round[which, "theirs", 1]
                    for (r = 2; r <= rounds; r++) {
                        ratio = in_round[which, "ours", r] / in_round[which, "theirs", r]
                        if (ratio < low) low = ratio
                        if (ratio > high) high = ratio
                    }
                    printf " %10.0f %9s %7.0f  %5.2f (%.2f to %.2f)", speed[which, "theirs", middle],
                        name[3] == "single" ? sprintf("%.2f", p50[which, "theirs", middle]) : "-",
                        memory[which, "theirs"],
                        speed[which, "ours", middle] / speed[which, "theirs", middle], low, high
                }
                print ""
            }
        }'
}

measure_translate() {
    settings=()
    local beam precision program programs=(ours)
    model=${model:-$out/train/model}
    [ -e "$model/config.yaml" ] || fail "$model: no model; recipes/run.sh makes one, --model names another"
    if [ -z "$input" ]; then
        for input in "$out/data/$(get testpref | cut -d, -f1).$(get source-lang)"*; do break; done
        [ -e "$input" ] || fail "no test set in $out/data; name a text with --input"
    fi
    if "$python" -c 'import ctranslate2, sentencepiece, transformers' >/dev/null 2>&1; then
        programs=(ours theirs)
        "$bin/rdrop-convert" --export "$model" --output "$work/hf" || fail "cannot export $model"
        "$python" -c 'import sys, ctranslate2.converters as c
c.TransformersConverter(sys.argv[1]).convert(sys.argv[2])' "$work/hf" "$work/ct2" >"$work/log" 2>&1 ||
            fail "CTranslate2 cannot convert: $(tail -n 3 "$work/log")"
    else
        echo "bench.sh: no CTranslate2, sentencepiece or transformers for $python: without the rival" >&2
    fi
    : >"$work/rows"
    for round in $(seq "$rounds"); do
        for beam in ${beams//,/ }; do
            for precision in ${precisions//,/ }; do
                for program in "${programs[@]}"; do
                    echo "bench.sh: round $round: beam $beam, $precision, $program" >&2
                    "${program}_speed" "$beam" "$precision" >"$work/row" || exit 1
                    sed "s/^/$round $program $beam $precision /" "$work/row" >>"$work/rows"
                done
            done
        done
    done
    printf '%4s %-5s %-6s %10s %9s %7s' beam type mode tok/s 'p50 ms' MiB
    [ ${#programs[@]} = 1 ] || printf ' %10s %9s %7s  %5s' CTranslate2 'p50 ms' MiB ratio
    echo
    speed_table "$work/rows"
}
