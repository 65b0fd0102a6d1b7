#!/usr/bin/env bash
# Runs the page of Python in tests/examples/README.md, and compares with the programs.
#
#   check_ctypes.sh BUILD_DIR MODEL SOURCE REFERENCE
set -euo pipefail
build=$(realpath "$1")
page=$(dirname "$0")/../examples/README.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -n '/^```python$/,/^```$/p' "$page" | sed '1d;$d' >"$work/page.py"
LD_LIBRARY_PATH=$build python3 "$work/page.py" "$2" "$3" "$4" | tee "$work/python"
"$build/rdrop-translate" --model "$2" --beam 8 <"$3" >"$work/translated"
head -n 1 "$work/translated" | cmp - <(sed -n 2p "$work/python")
score=$("$build/rdrop-score" --metric bleu --score-only --width 2 --ref "$4" "$work/translated" 2>/dev/null)
[ "$(sed -n 3p "$work/python")" = "BLEU $score" ] || { echo "rdrop-score says $score" >&2; exit 1; }
echo "Python and the programs agree"
