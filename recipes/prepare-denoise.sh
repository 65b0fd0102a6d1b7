#!/usr/bin/env bash
# Plain text as DATA_DIR/{train,valid}.text, one document a line, every 50th for validation.
#
#   prepare-denoise.sh DATA_DIR BUILD_DIR
#
# DENOISE_TEXT names one file (.gz too), or several separated by spaces, a document on each line. Documents
# of more than DENOISE_WORDS words (default 300) become several, cut after a full stop where there is one,
# so that nothing is too long to be read.
set -euo pipefail
data=$1
fail() {
    echo "prepare-denoise.sh: $*" >&2
    exit 1
}
[ -n "${DENOISE_TEXT:-}" ] || fail "set DENOISE_TEXT to the files with the text, one document a line"
read -r -a files <<<"$DENOISE_TEXT"
[ ! -e "$DENOISE_TEXT" ] || files=("$DENOISE_TEXT") # whose name may have spaces
for file in "${files[@]}"; do
    [ -r "$file" ] || fail "$file: cannot read"
    for set in train valid; do
        [ ! "$file" -ef "$data/$set.text" ] || fail "$file: in DENOISE_TEXT, but the result goes there"
    done
done
case ${DENOISE_WORDS:-300} in
0* | *[!0-9]*) fail "DENOISE_WORDS is $DENOISE_WORDS; expected a number from 1" ;;
esac
mkdir -p "$data"
code=0
gzip -cdf -- "${files[@]}" | LC_ALL=C awk -v most="${DENOISE_WORDS:-300}" -v out="$data" '
    function put(first, last,    i, text) {
        text = $first
        for (i = first + 1; i <= last; i++) text = text " " $i
        print text > (out (++documents % 50 ? "/train.text" : "/valid.text"))
    }
    {
        for (first = 1; NF - first >= most; first = last + 1) {
            for (last = first + most - 1; last > first && $last !~ /[.]$/; last--) { }
            if (last == first) last = first + most - 1
            put(first, last)
        }
        if (first <= NF) put(first, NF)
    }
    END { exit documents < 50 ? 3 : 0 }' || code=$?
case $code in
0) ;;
3) fail "$DENOISE_TEXT: fewer than 50 documents" ;;
*) fail "cannot read all of $DENOISE_TEXT, or not write to $data" ;;
esac
