#!/bin/bash
# The scripts for older papers' scores, over plain output, n-best lists and fairseq's logs.
set -u
export RDROP_SCORE="$(realpath "$1")/rdrop-score"
recipes="$(dirname "$(realpath "$0")")/../../recipes"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

printf '%s\n' 'ein Zwei-Wege-Ventil ist das .' 'das U-Boot taucht heute nicht .' > ref
printf '%s\n' 'ein Zwei-Wege-Hahn ist das .' 'das U-Bahn taucht heute nicht .' > hyp
sed '=' hyp | sed 'N;s/\n/ ||| /;s/$/ ||| -0.5/' | sed 'p;s/ [^ ]* |||/ schlecht |||/' > nbest
printf 'S-1\tx\nH-1\t-0.3\t%s\nP-1\t-1\nS-0\ty\nH-0\t-0.2\t%s\n' "$(sed -n 2p hyp)" "$(sed -n 1p hyp)" > log
gzip -k hyp

# The numbers of sacreBLEU with tokenize none and smooth-method none, which are multi-bleu.perl's.
expect() {
    local wanted="$1" got
    shift
    got=$("$@" 2>&1)
    case "$got" in
    *" = $wanted "*) ;;
    *) echo "FAILED: $*: '$got', expected $wanted"; exit 1 ;;
    esac
}
for form in hyp hyp.gz nbest log; do
    expect 44.43 "$recipes/score-tokenized.sh" ref "$form"
    expect 55.52 "$recipes/score-compound-split.sh" ref "$form"
done
"$recipes/score-tokenized.sh" ref nowhere 2> err && { echo "FAILED: no file, no error"; exit 1; }
grep -q nowhere err || { echo "FAILED: the error does not name the file"; exit 1; }
"$recipes/score-tokenized.sh" ref 2> /dev/null
[ $? -eq 2 ] || { echo "FAILED: usage is not exit 2"; exit 1; }
# First and shortest sentences.
printf '%s\n' 'One two three four. One two, e.g. this. Is it?' 'alone' '' | gzip > docs.gz
printf '%s\n' 'one two three four' 'alone' 'x' > first
printf '%s\n' 'is it' 'alone' 'x' > shortest
"$recipes/score-trivial.sh" docs.gz first | grep '^first sentence  rouge1|.* = 66.7 ' >/dev/null &&
    "$recipes/score-trivial.sh" docs.gz shortest | grep '^shortest sentence  rouge1|.* = 66.7 ' >/dev/null &&
    "$recipes/score-trivial.sh" docs.gz first | grep '^shortest sentence  rouge1|.* = 33.3 ' >/dev/null ||
    { echo "FAILED: $("$recipes/score-trivial.sh" docs.gz first)"; exit 1; }
echo "all as expected"
