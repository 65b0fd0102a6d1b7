#!/bin/bash
# ROUGE of what needs no model, for summaries to be compared with: the first sentence of each source, and its
# shortest.
#
#   recipes/score-trivial.sh SOURCE REF
#
# SOURCE  a document a line (.gz too)
# REF     the references, as rdrop-score takes them
#
# A sentence ends at a full stop, question or exclamation mark that a blank and a capital letter follow. RDROP_SCORE
# names the program if it is neither in build/ nor on the PATH.
set -eu -o pipefail
if [ $# -ne 2 ]; then
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2
    exit 2
fi
for file in "$@"; do
    [ -r "$file" ] || { echo "${0##*/}: $file: cannot read" >&2; exit 1; }
done
score=${RDROP_SCORE:-$(cd "$(dirname "$0")/.." && pwd)/build/rdrop-score}
[ -x "$score" ] || score=$(command -v rdrop-score) ||
    { echo "${0##*/}: rdrop-score not found: build it, or set RDROP_SCORE" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

gzip -cdf -- "$1" | LC_ALL=C awk -v dir="$dir" '
    function consider(sentence,    n, words) {
        n = split(sentence, words, " ")
        if (!count++) print sentence > (dir "/first")
        if (count == 1 || n < fewest) { fewest = n; shortest = sentence }
    }
    {
        count = 0
        rest = $0
        while (match(rest, /[.!?] +[A-Z]/)) {
            consider(substr(rest, 1, RSTART))
            rest = substr(rest, RSTART + RLENGTH - 1)
        }
        consider(rest)
        print shortest > (dir "/shortest")
    }'
for which in first shortest; do
    "$score" --metric rouge --force --ref "$2" "$dir/$which" | sed "s/^/$which sentence  /"
done
