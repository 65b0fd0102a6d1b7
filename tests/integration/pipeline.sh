#!/usr/bin/env bash
# A recipe from corpora to a score with the programs themselves: every program takes what the one
# before it wrote. Too small to learn anything. Argument: the build directory.
set -euo pipefail
bin=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'cat "$work/log" >&2' ERR

cat >"$work/tiny.yaml" <<EOF
extends: $root/recipes/quickstart.yaml
vocab-size: 300
encoder-embed-dim: 16
encoder-ffn-embed-dim: 32
decoder-ffn-embed-dim: 32
encoder-layers: 1
decoder-layers: 1
encoder-attention-heads: 2
decoder-attention-heads: 2
max-tokens: 256
max-update: 6
validate-interval-updates: 3
eval-bleu-sentences: 4
threads: 1
EOF

"$bin/quickstart-corpus" "$work/data" 1 400 10 10
"$bin/rdrop-preprocess" "$work/tiny.yaml" --data "$work/data" --dest "$work/bin" >"$work/log" 2>&1
"$bin/rdrop-train" "$work/tiny.yaml" --data "$work/bin" --save-dir "$work/train" >>"$work/log" 2>&1
[ -s "$work/train/train.jsonl" ]
"$bin/rdrop-translate" --model "$work/train/model" --input "$work/data/test.en.gz" \
    --max-len-b 5 --output "$work/test.de" >>"$work/log" 2>&1
[ "$(wc -l <"$work/test.de")" = 10 ] || { echo "not one line per input line" >&2; exit 1; }
zcat "$work/data/test.de.gz" >"$work/reference.de"
score=$("$bin/rdrop-score" --metric bleu --ref "$work/reference.de" "$work/test.de")
case $score in *BLEU*) ;; *) echo "no BLEU in: $score" >&2; exit 1 ;; esac
perfect=$("$bin/rdrop-score" --metric bleu --ref "$work/reference.de" "$work/reference.de")
case $perfect in *100*) ;; *) echo "references against themselves: $perfect" >&2; exit 1 ;; esac
echo "$score"
