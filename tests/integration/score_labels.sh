#!/usr/bin/env bash
# rdrop-score on labels and numbers. Values are scikit-learn's and SciPy's, times 100.
set -euo pipefail
. "$(dirname "$0")/../assert.sh"
score="$(realpath "$1")/rdrop-score"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# scores "WANTED ..." ARGUMENTS...: to 10 digits after the point
scores() {
    local wanted="$1" got
    shift
    got=$("$score" --score-only --width 10 "$@" 2>err | tr '\n' ' ') || fail "$*: $(cat err)"
    [ "$got" = "$wanted " ] || fail "$*: '$got', expected '$wanted'"
}

# rejects CODE TEXT ARGUMENTS...: one line with the text, nothing on standard output
rejects() {
    local code="$1" text="$2" got=0
    shift 2
    "$score" "$@" >out 2>err </dev/null || got=$?
    [ "$got" -eq "$code" ] || fail "$*: exit $got, expected $code: $(cat err)"
    [ ! -s out ] || fail "$*: something was printed"
    [ "$(wc -l <err)" -eq 1 ] || fail "$*: not one line: $(cat err)"
    grep -F -- "$text" err >/dev/null || fail "$*: '$(cat err)' does not say '$text'"
}

# warns TEXT ARGUMENTS...
warns() {
    local text="$1"
    shift
    "$score" "$@" >out 2>err || fail "$*: $(cat err)"
    grep -F -- "warning: $text" err >/dev/null || fail "$*: '$(cat err)' does not say '$text'"
}

printf '%s\n' 1 0 1 1 0 0 1 0 0 1 >ref
printf '%s\n' 1 0 1 0 0 1 1 0 0 1 >hyp
printf '%s\n' 1 1 1 0 0 1 1 0 1 1 >other
printf '%s\n' en de fr fr en de en fr de en >names
printf '%s\r\n' en de fr en en de 'en ' de de fr >guesses # as Windows writes lines
printf '%s\n' 3.5 1 4e0 +2.25 -1 .5 2.25 >x
printf '%s\n' 2.5 1.5 3 3 0 0 1 >y
gzip -k ref
sed 's/.*/"&"/' hyp >hyp.jsonl
all=accuracy,f1,f1-macro,f1-micro,matthews
scores '80.0000000000 80.0000000000 80.0000000000 80.0000000000 60.0000000000' -m $all --ref ref hyp
scores '80.0000000000 80.0000000000 80.0000000000 80.0000000000 60.0000000000' -m $all ref.gz hyp.jsonl
scores '80.0000000000 80.0000000000 80.0000000000 80.0000000000 60.0000000000' -m $all --positive 0 --ref ref hyp
scores '70.0000000000 40.0000000000 66.9047619048 70.0000000000 55.3911709407' -m $all --positive fr --ref names guesses
scores '84.8893893589 83.4897521887' -m pearson spearman --ref x y

{ printf '\357\273\277' && cat ref; } >marked # a byte order mark is no part of a label, nor of a number
scores '100.0000000000' -m accuracy --ref ref marked
scores '100.0000000000' -m pearson --ref marked ref
rejects 2 'accuracy takes answers as they are' -m accuracy --lowercase --ref ref hyp

# Every metric is one that can be asked for, and only one kind at once.
for metric in bleu chrf chrf++ ter rouge ${all//,/ }; do
    "$score" -m "$metric" --ref ref hyp >out || fail "-m $metric"
done
"$score" -m accuracy pearson -b --ref ref hyp >out || fail "labels that are numbers"

"$score" -m $all --json --ref ref hyp other >out
for text in '"name": "F1"' '"positive": "1"' '"verbose_score": "(8 of 10)"' '"label": "0", "precision": 80.0' '"support": 5' '"recall"'; do
    grep -F -- "$text" out >/dev/null || fail "--json: no $text: $(cat out)"
done
[ "$(grep -c confusion_matrix out)" -eq 2 ] || fail "--json: not a confusion matrix a system"
"$score" -m accuracy --json --ref names guesses | tr -d ' \n' >out
grep -F '"confusion_matrix":[[3,0,0],[0,3,1],[1,1,1]]' out >/dev/null || fail "confusion matrix: $(cat out)"
# Labels that are numbers have their order, and names that of their bytes.
printf '%s\n' 10 9 2 >tens
"$score" -m accuracy --json --ref tens tens | grep -o '"label": "[^"]*"' | tr -dc '0-9\n' | tr '\n' ' ' >out
[ "$(cat out)" = "2 9 10 " ] || fail "order of labels: $(cat out)"

"$score" -m f1 --per-class --ref ref hyp >out
grep -E '^0 +80\.0 +80\.0 +80\.0 +5$' out >/dev/null || fail "--per-class: $(cat out)"
grep -E '^1 +1 +4$' out >/dev/null || fail "--per-class: $(cat out)"
"$score" -m f1 --format latex --ref ref hyp | grep '^hyp & 80.0' >/dev/null || fail latex

# Tests: the same with any number of threads. A system is no better than itself.
for test in --confidence --paired-bs --paired-ar; do
    systems="hyp other hyp"
    [ $test = --confidence ] && systems=hyp
    for metrics in $all pearson,spearman; do
        # shellcheck disable=SC2086
        "$score" -m $metrics $test --threads 1 --width 6 --ref ref $systems >one
        # shellcheck disable=SC2086
        "$score" -m $metrics $test --threads 3 --width 6 --ref ref $systems >three
        cmp -s one three || fail "$test depends on threads"
    done
    [ $test = --confidence ] || [ "$(sed -n 5p three | grep -o 'p = 1.0000' | wc -l)" -eq 2 ] || fail "$test: $(cat three)"
done
# 200 lines, 90% against 50% right.
for i in $(seq 200); do
    echo $((i % 2))
    [ $((i % 10)) -eq 0 ] && echo 2 >&3 || echo $((i % 2)) >&3
    echo $(((i / 2) % 2)) >&4
done >long 3>good 4>bad
"$score" -m accuracy --json --paired-bs --ref long good bad | grep '"p_value": 0.000999' >/dev/null || fail "--paired-bs"
"$score" -m accuracy --json --paired-ar --ref long good bad | grep '"p_value": 9.99900' >/dev/null || fail "--paired-ar"
# The bootstrap's interval is about 1.96 standard deviations of the mean of 200 lines, 4.16.
"$score" -m accuracy --json --confidence --ref long good | grep -E '"confidence_var": [34]\.' >/dev/null || fail "--confidence"

# The value by definition, and why.
printf '0\n0\n' >zeros
printf '1\n0\n' >both
warns 'zeros has one label alone: Matthews is 0' -m matthews --ref zeros both
warns 'no line of zeros and zeros has the positive label' -m f1 --ref zeros zeros
scores '0.0000000000' -m f1 --ref zeros zeros
warns "names: 10 of 10 labels are none of ref, such as 'fr'" -m accuracy --ref ref names
seq 1001 >many
warns '1001 labels' -m accuracy --json --ref many many
warns '1001 labels' -m accuracy --per-class --ref many many

printf '1\n\n0\n' >gap
printf '1\t0.9\n0\t0.8\n' >columns
printf '1\nnan\n3\n' >nan
printf '1\n0x10\n3\n' >hex
printf '1\n1e999\n3\n' >far
printf '1\n2\n3\n' >three
printf '2\n2\n2\n' >same
printf '1\n' >single
printf 'a\nb\n' >ab
printf 'a\n' >one_a
: >empty
printf '"a\\nb"\n' >control.jsonl
printf '["1", "0"]\n' >several.jsonl
# Of two labels without 1, F1 is that of the last, as training has it.
printf 'yes\nno\nyes\nyes\n' >right
printf 'yes\nyes\nyes\nno\n' >said
scores "$("$score" -m f1 --positive yes --ref right said -b -w 10)" -m f1 --ref right said
rejects 1 'gap:2: empty line: expected a label' -m accuracy --ref gap gap
rejects 1 'gap:2: empty line: expected a number' -m pearson --ref three gap
rejects 1 'columns:1' -m accuracy --ref both columns
rejects 1 'without tabs' -m accuracy --ref both columns
rejects 1 "nan:2: 'nan': expected a finite number" -m pearson --ref three nan
rejects 1 "hex:2: '0x10'" -m spearman --ref hex three
rejects 1 'far:2' -m spearman --ref three far
rejects 1 'control characters' -m accuracy --ref single control.jsonl
rejects 1 'several.jsonl:1: 2 references' -m accuracy --ref several.jsonl single
rejects 1 'all numbers of same are equal: pearson is not defined' -m pearson --ref same three
rejects 1 'all numbers of same are equal: spearman is not defined' -m spearman --ref three same
rejects 1 'pearson of one line' -m pearson --ref single single
rejects 1 'empty is empty' -m accuracy --ref empty empty
rejects 1 'single has 1, three has 3' -m accuracy --ref three single
rejects 1 'nowhere' -m accuracy --ref ref nowhere
rejects 2 'the only label is a' -m f1 --ref one_a one_a
rejects 2 'there are 3 (de, en, fr)' -m f1 --ref names guesses
rejects 2 "positive label 'x'" -m f1 --positive x --ref ab ab
rejects 2 '--positive is for' -m accuracy --positive 1 --ref ref hyp
rejects 2 '--per-class' -m pearson --per-class --ref x y
rejects 2 '--per-class' -m f1 --per-class --json --ref ref hyp
rejects 2 'f1 is of labels' -m f1,bleu --ref ref hyp
rejects 2 'takes one reference' -m f1 --ref ref --ref ref hyp
rejects 2 'not of lines' -m accuracy --per-line --ref ref hyp
rejects 2 'not of lines' -m accuracy --worst 3 --ref ref hyp
rejects 2 'more than 8' -m $all,pearson,spearman,accuracy,f1 --ref ref hyp
echo "all as expected"
