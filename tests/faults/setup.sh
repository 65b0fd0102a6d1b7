# shellcheck shell=bash
# Sourced by the scripts of faults/: a folder to work in, which is removed at the end, with corpora,
# binarized data and a trained model, all tiny. Argument of the script: the build directory.
bin=$(realpath "$1")
tests=$(realpath "$(dirname "$0")/..")
. "$tests/assert.sh"
golden=$tests/golden
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export OMP_NUM_THREADS=1
# oneDNN compiles its products at every start, which is most of a tiny program's time; its oldest ones
# compile fastest.
export DNNL_MAX_CPU_ISA=SSE41

sanitized() {
    grep -q '^RD_SANITIZE:BOOL=ON' "$bin/CMakeCache.txt"
}

cat >tiny.yaml <<YAML
extends: $tests/tiny.yaml
vocab-size: 120
encoder-embed-dim: 8
encoder-ffn-embed-dim: 16
decoder-ffn-embed-dim: 16
mask-piece: true
mask: 0.3
permute-sentences: 1
max-update: 4
warmup-updates: 4
validate-interval-updates: 2
eval-bleu-sentences: 4
keep-last-n: 1
average-last: 1
YAML
"$bin/quickstart-corpus" data 1 60 4 4 >/dev/null || fail "no corpora"
"$bin/rdrop-preprocess" tiny.yaml --data data --dest bin --threads 1 --shortlist >log 2>&1 || fail "preprocess: $(cat log)"
"$bin/rdrop-train" tiny.yaml --data bin --save-dir out >log 2>&1 || fail "train: $(cat log)"
zcat data/test.en.gz | sed -n 1,3p >input
"$bin/rdrop-translate" --model out/model --threads 1 <input >translated || fail "translate"
