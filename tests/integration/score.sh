#!/bin/bash
# rdrop-score from the outside: what it prints, and what it does with bad input.
set -u
. "$(dirname "$0")/../assert.sh"
score="$(realpath "$1")/rdrop-score"
golden=$(realpath "$(dirname "$0")/../golden/metrics")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

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
paste ref1 ref2 >tabs
expect 48.5308 --score-only --width 4 --num-refs 2 --ref tabs hyp
expect "BLEU|#:2|c:lc|e:no|tok:intl|s:floor[0.10]|v:${v#*:} = 43.9 73.7/43.8/38.5/30.0 (BP = 1.000 ratio = 1.056 hyp_len = 19 ref_len = 18)" \
    --short --lowercase --tokenize intl --smooth-method floor --ref ref1 --ref ref2 hyp
expect "chrF2|nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no|$v = 54.1" -m chrf --ref refs.jsonl hyp
expect "TER|nrefs:1|case:lc|tok:tercom|norm:no|punct:yes|asian:no|$v = 50.0" -m ter ref1 hyp
expect "BLEU|nrefs:1|case:mixed|eff:yes|tok:13a|smooth:exp|$v = 100.0 100.0/100.0/100.0/100.0 (BP = 1.000 ratio = 1.000 hyp_len = 6 ref_len = 6)" \
    --sentence-bleu --ref ref1 hyp
! "$score" -m chrf --sentence-bleu --ref ref1 hyp >log 2>&1 || fail "sentence BLEU by chrF"
grep -q "no other metric than bleu" log || fail "message: $(cat log)"
[ "$("$score" -m bleu,ter --score-only --ref ref1 hyp ref1 | tail -n 2 | tr '\n' ' ')" = "100.0 0.0 " ] ||
    fail "--score-only of several systems"
expect "$(printf 'line\tBLEU\tTER')" --per-line -m bleu,ter --ref ref1 hyp
[ "$("$score" --per-line -m bleu,ter --ref ref1 hyp | wc -l)" -eq 4 ] || fail "--per-line: lines"

"$score" -m bleu,chrf,rouge --json --paired-bs --ref ref1 hyp ref2 > out.json || fail "--json"
for key in '"name": "BLEU"' '"name": "rougeLsum"' '"p_value"' '"confidence_mean"' '"bs": "1000"' '"precision"' '"recall"'; do
    grep -qF -- "$key" out.json || fail "--json: no $key"
done
"$score" --format latex -m bleu,ter --ref ref1 hyp ref2 | grep '^hyp & ' >/dev/null || fail latex
"$score" --format markdown -m bleu,ter --ref ref1 hyp ref2 | grep '^| hyp ' >/dev/null || fail markdown

# The same seed gives the same numbers with any number of threads.
"$score" -m bleu --ref ref1 -pbs -pbsn 200 hyp ref2 >short || fail "sacreBLEU's short options"
"$score" -m bleu --ref ref1 --paired-bs --paired-bs-n 200 hyp ref2 | cmp -s - short || fail "short options do something else"
for test in --paired-bs --paired-ar; do
    "$score" $test --threads 1 --width 6 --ref ref1 hyp ref2 > one
    "$score" $test --threads 3 --width 6 --ref ref1 hyp ref2 > three
    cmp -s one three || fail "$test depends on threads"
    # A difference that every trial has, of nothing or of one line, is chance.
    cp hyp same
    { echo "A dog." && sed 1d hyp; } > other
    "$score" $test -m bleu,chrf,ter --ref ref1 hyp same other > tied
    [ "$(grep '^| same ' tied | grep -o 'p = 1.0000)' | wc -l)" -eq 3 ] || fail "$test: equal outputs: $(cat tied)"
    [ $test = --paired-bs ] || [ "$(grep '^| other ' tied | grep -o 'p = 1.0000)' | wc -l)" -eq 3 ] ||
        fail "$test: one line: $(cat tied)"
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

# JSON: the shortest digits of the rounded number.
"$score" --json --width 3 --ref ref1 hyp > out.json || fail "--json --width"
grep -qF '"score": 45.068,' out.json || fail "--json --width 3: $(grep score out.json)"
"$score" --json --width 0 --ref ref1 hyp | grep -F '"score": 45.0,' >/dev/null || fail "--json --width 0"

"$score" --format latex --width 0 --ref ref1 hyp | grep -F ' & 45 ' >/dev/null || fail "--format latex --width 0"

# As sacreBLEU's users type it: sacrebleu REF -i HYP -m bleu chrf -tok zh -lc -b -w 2
printf '%s\n' '他在北京工作了三年。A' '我们明天去上海' > zh.hyp
printf '%s\n' '他在上海工作了三年。a' '我们明天去上海' > zh.ref
[ "$("$score" zh.ref -i zh.hyp -m bleu chrf -tok zh -lc -b -w 2 | tr '\n' ' ')" = "76.58 61.41 " ] ||
    fail "-m bleu chrf -tok zh -lc"
expect "BLEU|nrefs:1|case:mixed|eff:no|tok:zh|smooth:exp|$v = 69.6 83.3/75.0/64.3/58.3 (BP = 1.000 ratio = 1.000 hyp_len = 18 ref_len = 18)" \
    -l en-zh --ref zh.ref zh.hyp
[ "$("$score" -l en-ja --short --ref zh.ref zh.hyp | grep -o 'tok:[a-z0-9]*')" = tok:char ] || fail "-l en-ja"
[ "$("$score" -l zh-en --short --ref zh.ref zh.hyp | grep -o 'tok:[a-z0-9]*')" = tok:13a ] || fail "-l zh-en"

# Pieces of a model are words, and other scripts than Latin have words for ROUGE by a tokenizer.
[ "$(marked "bleu --tokenize spm:$golden/pieces.model" one)" = "▁T w o ▁ ( c at s ) , ▁s at . " ] ||
    fail "words of spm: $(marked "bleu --tokenize spm:$golden/pieces.model" one)"
"$score" -m rouge --ref zh.ref zh.ref > out 2> err || fail "rouge of Chinese"
grep -q 'warning: ROUGE finds no word in the references of 1 of 2 lines.*char' err || fail "no warning: $(cat err)"
"$score" -m rouge --rouge-tokenizer char --short --ref zh.ref zh.hyp > out 2> err || fail "--rouge-tokenizer"
[ ! -s err ] || fail "--rouge-tokenizer char: $(cat err)"
grep -q 'rouge1|.*|tok:char|.* = 90.9' out || fail "--rouge-tokenizer char: $(cat out)"

# MeCab, where it was there when this was built: a word after a blank costs more as a particle.
"$score" --tokenize ko-mecab:nowhere --ref one one > out 2> err && fail "a dictionary from nowhere"
index=$(mecab-config --libexecdir 2>/dev/null)/mecab-dict-index
if grep -q 'built without libmecab' err; then
    reject_mecab='built without libmecab'
elif [ -x "$index" ]; then
    mkdir ko
    "$index" -d "$golden/ko" -o ko -f UTF-8 -t UTF-8 > index.log 2>&1 || fail "mecab-dict-index: $(cat index.log)"
    cp "$golden/ko/dicrc" ko
    printf '나가다 \n' > one
    [ "$(marked "bleu --tokenize ko-mecab:ko" one)" = "나 가 다 " ] || fail "ko-mecab: $(cat err)"
    "$score" --tokenize ko-mecab:ko --worst 1 --ref one one --html ko/sys.dic 2> err && fail "a dictionary was replaced"
    grep -q 'ko/sys.dic: both read and written' err || fail "a dictionary as output: $(cat err)"
    printf '나  가다\n' > one
    [ "$(marked "bleu --tokenize ko-mecab:ko" one)" = "나 가다 " ] || fail "ko-mecab after a blank"
    { printf '나'; printf '%*s' 100000 ''; printf '가다\n'; } > one # lengths of words have 16 bits
    [ "$(marked "bleu --tokenize ko-mecab:ko" one)" = "나 가다 " ] || fail "ko-mecab after 100,000 blanks"
fi

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
sed '2s/\t/ /' tabs >tab_lacks
reject 1 'tab_lacks:2: fewer references' --num-refs 2 --ref tab_lacks hyp
reject 2 'one file of references' --num-refs 2 --ref ref1 --ref ref2 hyp
reject 2 'one file of references' --num-refs 2 --ref refs.jsonl hyp
reject 2 'no reference' hyp
reject 2 'whole files' --per-line --json --ref ref1 hyp
reject 2 'whole files' --sentence-level --format latex --ref ref1 hyp
reject 2 'only one of' --per-line --worst 3 --ref ref1 hyp
reject 2 'exclude each other' --confidence --paired-bs --ref ref1 hyp ref2
reject 2 'meteor' -m meteor --ref ref1 hyp
reject 2 "--smooth-value is 'inf'" --smooth-method add-k --smooth-value inf --ref ref1 hyp
reject 2 'mecab' --tokenize mecab --ref ref1 hyp
reject 2 'spm:FILE' --tokenize spm --ref ref1 hyp
reject 1 'nowhere' --tokenize spm:nowhere --ref ref1 hyp
reject 1 'ref1' --tokenize spm:ref1 --ref ref1 hyp
reject 1 "${reject_mecab:-nowhere}" --tokenize ja-mecab:nowhere --ref ref1 hyp
HOME=$dir SACREBLEU='' reject 1 "flores200:FILE" --tokenize flores200 --ref ref1 hyp
reject 2 'own tokenizer' -m rouge --rouge-tokenizer char --rouge-stemmer nltk --ref ref1 hyp
reject 2 'SRC-TGT' -l zh --ref ref1 hyp
reject 2 'nothing else' --ref ref1 -i hyp -- ref2
reject 2 '--bogus' --bogus --ref ref1 hyp
reject 2 'two systems' --paired-bs --ref ref1 hyp
reject 2 'one metric' --sentence-level -m bleu,ter --ref ref1 hyp
echo "all as expected"
