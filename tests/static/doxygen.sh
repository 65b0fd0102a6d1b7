#!/usr/bin/env bash
# Makes the library's documentation out of include/rdrop; a warning is a failure.
#
#   tests/static/doxygen.sh [DIR]    DIR: where its pages go, DIR/html; otherwise nothing is kept
set -euo pipefail
destination=${1:+$(realpath -m "$1")}
cd "$(dirname "$0")/../.."
command -v doxygen >/dev/null || {
    echo "doxygen.sh: no doxygen; install the package doxygen" >&2
    exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "${destination:=$work}"
(cat tests/static/Doxyfile && echo "OUTPUT_DIRECTORY = $destination") | doxygen -
pages=$(find "$destination/html" -name '*_8h.html' | wc -l)
[ "$pages" -eq "$(find include/rdrop -name '*.h' | wc -l)" ] || {
    echo "doxygen.sh: $pages pages of headers" >&2
    exit 1
}
grep -rl 'rd_translator_run' "$destination/html" | grep translator_8h.html >/dev/null
grep 'Translates n lines of UTF-8' "$destination/html/translator_8h.html" >/dev/null || {
    echo "doxygen.sh: the comments are not in the pages" >&2
    exit 1
}
