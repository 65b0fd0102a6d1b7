#!/bin/bash
# BLEU as papers before sacreBLEU report it: of text that is already tokenized, without a tokenizer
# of the metric's own and without smoothing (the numbers of Moses' multi-bleu.perl).
#
#   recipes/score-tokenized.sh [--compound-split] REF HYP
#
# REF   tokenized reference, one sentence a line (.gz too)
# HYP   tokenized output, one of:
#       - plain, one sentence a line (.gz too)
#       - an n-best list "NUMBER ||| text ||| score ..." sorted by number, best first: the first of
#         each number is scored
#       - the log of fairseq-generate: its H- lines, in the order of their numbers
# --compound-split also splits hyphenated compounds on both sides, "A-B" into "A ##AT##-##AT## B",
# as WMT14 English-German papers do (the Transformer's 28.4 and R-Drop's 30.91 are such numbers).
#
# Both files must be tokenized in the same way (papers: Moses' tokenizer.perl). RDROP_SCORE names the
# program if it is neither in build/ nor on the PATH.
set -eu -o pipefail

usage() {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2
    exit 2
}

split=0
case "${1:-}" in
--compound-split)
    split=1
    shift
    ;;
-*) usage ;;
esac
[ $# -eq 2 ] || usage
for file in "$@"; do
    [ -r "$file" ] || { echo "${0##*/}: $file: cannot read" >&2; exit 1; }
done

here=$(cd "$(dirname "$0")/.." && pwd)
score=${RDROP_SCORE:-$here/build/rdrop-score}
[ -x "$score" ] || score=$(command -v rdrop-score) ||
    { echo "${0##*/}: rdrop-score not found: build it, or set RDROP_SCORE" >&2; exit 1; }

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export LC_ALL=C # bytes: sed and sort must not care for languages

# Plain text of a file in any of the forms above.
plain() {
    gzip -cdf -- "$1" > "$dir/raw"
    if grep -q '^H-[0-9]*	' "$dir/raw"; then
        grep '^H-[0-9]*	' "$dir/raw" | sed 's/^H-//' | sort -s -n -u -k1,1 | cut -f3-
    elif ! grep -qv '^ *[0-9]* ||| ' "$dir/raw"; then
        awk -F ' [|][|][|] ' '$1 + 0 != last || NR == 1 { print $2 } { last = $1 + 0 }' "$dir/raw"
    else
        cat "$dir/raw"
    fi
}

compounds() {
    if [ $split -eq 1 ]; then
        sed -E 's/([^[:space:]])-([^[:space:]])/\1 ##AT##-##AT## \2/g'
    else
        cat
    fi
}

gzip -cdf -- "$1" | compounds > "$dir/ref"
plain "$2" | compounds > "$dir/hyp"
"$score" --metric bleu --tokenize none --smooth-method none --force --width 2 \
    --ref "$dir/ref" "$dir/hyp"
