#!/bin/bash
# rdrop-score from the outside: what it prints, and what it does with bad input.
set -u
score="$(realpath "$1")/rdrop-score"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

fail() {
    echo "FAILED: $*"
    exit 1
}

printf '%s\n' 'The dog bit the man.' "It wasn't surprising." 'The man had just bitten him.' > hyp
printf '%s\n' 'The dog bit the man.' 'It was not unexpected.' 'The man bit him first.' > ref1
printf '%s\n' 'The dog had bit the man.' 'No one was surprised.' 'The man had bitten the dog.' > ref2
gzip -k ref1
printf '%s\n' '["The dog bit the man.", "The dog had bit the man."]' \
    '["It was not unexpected.", "No one was surprised."]' '["The man bit him first."]' > refs.jsonl

# expect TEXT ARGUMENTS...: the first line printed
expect() {
    local wanted="$1" got
    shift
    got=$("$score" "$@" 2> err | head -n 1) || true
    [ "$got" = "$wanted" ] || fail "$*: printed '$got', expected '$wanted' ($(cat err))"
}

# Values and format are sacreBLEU 2.6.0's, but for the version.
v=version:rdrop-score-$("$score" --version | cut -d' ' -f2)
expect "BLEU|nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|$v = 48.5 82.4/50.0/45.5/37.5 (BP = 0.943 ratio = 0.944 hyp_len = 17 ref_len = 18)" \
    --ref ref1 --ref ref2 hyp
expect 48.5308 --ref ref1.gz --ref ref2 --score-only --width 4 hyp
expect 48.5308 --score-only --width 4 --ref ref1 --ref ref2 - < hyp
expect "BLEU|#:2|c:lc|e:no|tok:intl|s:floor[0.10]|v:${v#*:} = 43.9 73.7/43.8/38.5/30.0 (BP = 1.000 ratio = 1.056 hyp_len = 19 ref_len = 18)" \
    --short --lowercase --tokenize intl --smooth-method floor --ref ref1 --ref ref2 hyp
expect "chrF2|nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no|$v = 54.1" -m chrf --ref refs.jsonl hyp
expect "TER|nrefs:1|case:lc|tok:tercom|norm:no|punct:yes|asian:no|$v = 50.0" -m ter ref1 hyp
expect "BLEU|nrefs:1|case:mixed|eff:yes|tok:13a|smooth:exp|$v = 100.0 100.0/100.0/100.0/100.0 (BP = 1.000 ratio = 1.000 hyp_len = 6 ref_len = 6)" \
    --sentence-bleu --ref ref1 hyp
[ "$("$score" -m bleu,ter --score-only --ref ref1 hyp ref1 | tail -n 2 | tr '\n' ' ')" = "100.0 0.0 " ] ||
    fail "--score-only of several systems"
expect "$(printf 'line\tBLEU\tTER')" --per-line -m bleu,ter --ref ref1 hyp
[ "$("$score" --per-line -m bleu,ter --ref ref1 hyp | wc -l)" -eq 4 ] || fail "--per-line: lines"

"$score" -m bleu,chrf,rouge --json --paired-bs --ref ref1 hyp ref2 > out.json || fail "--json"
for key in '"name": "BLEU"' '"name": "rougeLsum"' '"p_value"' '"confidence_mean"' '"bs": "1000"' '"precision"' '"recall"'; do
    grep -qF -- "$key" out.json || fail "--json: no $key"
done
"$score" --format latex -m bleu,ter --ref ref1 hyp ref2 | grep -q '^hyp & ' || fail latex
"$score" --format markdown -m bleu,ter --ref ref1 hyp ref2 | grep -q '^| hyp ' || fail markdown

# The same seed gives the same numbers with any number of threads.
for test in --paired-bs --paired-ar; do
    "$score" $test --threads 1 --width 6 --ref ref1 hyp ref2 > one
    "$score" $test --threads 3 --width 6 --ref ref1 hyp ref2 > three
    cmp -s one three || fail "$test depends on threads"
done

"$score" --diff --worst 2 --ref ref1 --html page.html hyp ref2 || fail "--diff"
[ "$(grep -c '<h2>' page.html)" -eq 2 ] || fail "--diff --worst 2: not two lines"
grep -q '<span class="m4">' page.html || fail "--diff: no n-gram is marked"
# Words are the metric's own.
marked() { # marked METRIC HYP: the words on the page
    # shellcheck disable=SC2086
    "$score" -m $1 --worst 1 --ref one "$2" | grep "<th>$2" | grep -o '<span class="m[^/]*' | sed 's/.*">//;s/<//' | tr '\n' ' '
}
printf '%s\n' 'Two (cats), sat.' > one
[ "$(marked bleu one)" = "Two ( cats ) , sat . " ] || fail "words of BLEU: $(marked bleu one)"
[ "$(marked ter one)" = "two (cats), sat. " ] || fail "words of TER: $(marked ter one)"
[ "$(marked chrf one)" = "Two (cats) , sat . " ] || fail "words of chrF: $(marked chrf one)"
[ "$(marked "rouge --rouge-stemmer nltk" one)" = "two cat sat " ] || fail "words of ROUGE"
printf '<b>&\n' > evil
"$score" --worst 1 --ref evil evil > page.html || fail "--worst"
grep -q '&lt;' page.html && ! grep -q '<b>' page.html || fail "--worst: HTML is not escaped"

# reject CODE TEXT ARGUMENTS...: one line naming the trouble, nothing on standard output
reject() {
    local code="$1" text="$2" got
    shift 2
    "$score" "$@" > out 2> err < /dev/null
    got=$?
    [ $got -eq "$code" ] || fail "$*: exit $got, expected $code"
    [ ! -s out ] || fail "$*: something was printed"
    [ "$(wc -l < err)" -eq 1 ] || fail "$*: not one line: $(cat err)"
    grep -qF -- "$text" err || fail "$*: '$(cat err)' does not say '$text'"
}

head -n 2 hyp > short
: > empty
printf 'fine\nb\377d\n' > broken
printf '%s\n' '["a"]' '[]' '["c"]' > missing.jsonl
printf '%s\n' '["a"]' '{"b": 1}' '["c"]' > object.jsonl
printf '%s\n' '["a"]' '["b"' '["c"]' > damaged.jsonl
head -c 30 ref1.gz > cut.gz
reject 1 'short has 2, ref1 has 3' --ref ref1 short
reject 1 'ref1 has 3' --ref ref1 --per-line short
reject 1 'short has 2' --ref ref1 --ref short hyp
reject 1 'empty is empty' --ref empty empty
reject 1 'empty has 0' --ref ref1 empty
reject 1 'broken:2' --ref broken broken
reject 1 'missing.jsonl:2' --ref missing.jsonl hyp
reject 1 'object.jsonl:2' --ref object.jsonl hyp
reject 1 'damaged.jsonl:2' --ref damaged.jsonl hyp
reject 1 'cut.gz' --ref cut.gz hyp
reject 1 'nowhere' --ref nowhere hyp
reject 1 'nowhere' --ref ref1 nowhere
reject 2 'no reference' hyp
reject 2 'whole files' --per-line --json --ref ref1 hyp
reject 2 'whole files' --sentence-level --format latex --ref ref1 hyp
reject 2 'only one of' --per-line --worst 3 --ref ref1 hyp
reject 2 'exclude each other' --confidence --paired-bs --ref ref1 hyp ref2
reject 2 'meteor' -m meteor --ref ref1 hyp
reject 2 "--smooth-value is 'inf'" --smooth-method add-k --smooth-value inf --ref ref1 hyp
reject 2 'mecab' --tokenize mecab --ref ref1 hyp
reject 2 '--bogus' --bogus --ref ref1 hyp
reject 2 'two systems' --paired-bs --ref ref1 hyp
reject 2 'one metric' --sentence-level -m bleu,ter --ref ref1 hyp
echo "all as expected"
