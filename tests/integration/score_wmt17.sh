#!/bin/bash
# Scores of WMT17 systems: all of sacrebleu.json to 1e-9, and p-values against sacreBLEU 2.6.0's.
# Needs the shared data; skipped without.
set -u
score="$(realpath "$1")/rdrop-score"
data="$(dirname "$(realpath "$0")")/../../../shared/data/wmt17-en-de"
[ -f "$data/sacrebleu.json" ] || { echo "skipped: no $data"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

options() {
    case "$1" in
    bleu) echo "-m bleu" ;;
    bleu-intl) echo "-m bleu --tokenize intl" ;;
    bleu-char) echo "-m bleu --tokenize char" ;;
    bleu-none) echo "-m bleu --tokenize none" ;;
    bleu-lc) echo "-m bleu --lowercase" ;;
    chrf) echo "-m chrf" ;;
    chrf++) echo "-m chrf++" ;;
    chrf-lc) echo "-m chrf --chrf-lowercase" ;;
    ter) echo "-m ter" ;;
    ter-norm) echo "-m ter --ter-normalized --ter-no-punct" ;;
    *) return 1 ;;
    esac
}

# close FOUND EXPECTED TOLERANCE
close() {
    awk -v a="$1" -v b="$2" -v t="$3" 'BEGIN { d = a - b; exit !(a != "" && d <= t && d >= -t) }'
}

# "system metric score" lines of the JSON file, which has one key a line
awk -F'"' '/^ "/ { name = $2 } /^  "/ { metric = $2 } /"score"/ { gsub(/[:, ]/, "", $3)
    print name, metric, $3 }' "$data/sacrebleu.json" > "$dir/expected"
n=0
while read -r system metric expected; do
    flags=$(options "$metric") || { echo "FAILED: unknown metric $metric"; exit 1; }
    # shellcheck disable=SC2086
    found=$("$score" $flags --score-only --width 12 --ref "$data/ref.de.gz" "$data/$system.de.gz" 2> /dev/null)
    close "$found" "$expected" 1e-9 || { echo "FAILED: $system $metric: $found, not $expected"; exit 1; }
    n=$((n + 1))
done < "$dir/expected"
[ "$n" -ge 40 ] || { echo "FAILED: only $n scores in sacrebleu.json"; exit 1; }

# sacreBLEU's p-values of N trials on the first 400 lines, each system against KIT. Two estimates of
# p from N trials each differ by a standard deviation of sqrt(2 p (1 - p) / N); four of those, and
# one trial for the rounding of small p, are allowed.
for system in ref KIT.4950 online-B.0 uedin-nmt.4722; do
    zcat "$data/$system.de.gz" | head -n 400 > "$dir/$system"
done
cd "$dir" || exit 1
check_p() {
    local flag=$1 trials=$2 metric=$3 system=$4 expected=$5 found tolerance
    found=$("$score" -m "$metric" "$flag" --json --ref ref KIT.4950 "$system" |
        awk -F'[:,]' '/"p_value"/ { print $2 }')
    tolerance=$(awk -v p="$expected" -v n="$trials" 'BEGIN { print 4 * sqrt(2 * p * (1 - p) / n) + 1 / n }')
    close "$found" "$expected" "$tolerance" ||
        { echo "FAILED: $flag $metric $system: p = $found, sacreBLEU's $expected +- $tolerance"; exit 1; }
    echo "$flag $metric $system: p = $found, sacreBLEU's $expected +- $tolerance"
}
check_p --paired-bs 1000 bleu online-B.0 0.0799
check_p --paired-bs 1000 chrf online-B.0 0.0749
check_p --paired-bs 1000 ter online-B.0 0.0060
check_p --paired-bs 1000 bleu uedin-nmt.4722 0.0190
check_p --paired-bs 1000 chrf uedin-nmt.4722 0.0010
check_p --paired-ar 10000 bleu online-B.0 0.1413
check_p --paired-ar 10000 chrf online-B.0 0.1627
check_p --paired-ar 10000 ter online-B.0 0.0037
check_p --paired-ar 10000 bleu uedin-nmt.4722 0.0283
check_p --paired-ar 10000 ter uedin-nmt.4722 0.0002
echo "$n scores and 10 p-values as sacreBLEU's"
