#!/usr/bin/env bash
# Pre-training by denoising, and fine-tuning from it: deterministic, resumable, of use. Argument: the build
# directory.
set -u
. "$(dirname "$0")/../assert.sh"
bin=$(realpath "$1")
repository=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

# Documents of three sentences. The task to fine-tune for: to say the first.
"$bin/quickstart-corpus" pairs 1 1500 120 5 >/dev/null
for set in train valid; do
    zcat pairs/$set.en.gz | paste -d ' ' - - - >$set.text && cut -d . -f 1 $set.text >$set.first
done
DENOISE_TEXT="train.text" bash "$repository/recipes/prepare-denoise.sh" data x || fail "prepare-denoise.sh"
cp train.* valid.first data && cp valid.text data/held.text && cp valid.first data/held.first
cp valid.text data/valid.text

cat >tune.yaml <<YAML
source-lang: text
target-lang: first
trainpref: train
validpref: held
vocab-size: 300
joined-dictionary: true
mask-piece: true
share-all-embeddings: true
prepend-bos: true
encoder-embed-dim: 32
encoder-ffn-embed-dim: 64
decoder-ffn-embed-dim: 64
encoder-layers: 1
decoder-layers: 1
encoder-attention-heads: 2
decoder-attention-heads: 2
dropout: 0
label-smoothing: 0.1
lr: 0.005
warmup-updates: 20
max-tokens: 600
max-update: 60
validate-interval-updates: 60
log-interval: 10
max-len-a: 2
keep-last-n: 1
threads: 1
YAML
cat >denoise.yaml <<YAML
extends: tune.yaml
target-lang: text
validpref: valid
mask: 0.3
permute-sentences: 1
YAML
# run PROGRAM ARGUMENTS...: quietly
run() {
    "$bin/$@" >log 2>&1 || fail "$*: exit $?: $(cat log)"
}
run rdrop-preprocess denoise.yaml --data data --dest bin
pretrain() { run rdrop-train denoise.yaml --data bin --save-dir "$@"; }

# The same bits again, in pieces too: cut within an epoch and in a later one.
pretrain whole
pretrain again && same_weights whole again
pretrain parts --set max-update=7 && pretrain parts --set max-update=41 && pretrain parts && same_weights whole parts
[ "$(sed -n 's/.*"epoch":\([0-9]*\).*/\1/p' parts/train.jsonl | sort -nu | wc -l)" -ge 2 ] || fail "one epoch only"
pretrain other --set seed=2
cmp -s whole/model/model.safetensors other/model/model.safetensors && fail "another seed, the same model"
# Validation has noise of its own, the same every time; the report shows it.
losses=$(grep -h '"event":"valid"' whole/train.jsonl again/train.jsonl | sed 's/.*"loss":\([0-9.]*\).*/\1/' | sort -u)
[ "$(wc -l <<<"$losses")" -eq 1 ] || fail "validation losses: $losses"
grep -q 'class="source">.*&lt;mask&gt;' whole/report.html || fail "no masks in report.html"
! grep -q 'class="reference">.*&lt;mask&gt;' whole/report.html || fail "masks in a reference"
loss_of() { sed -n 's/.*"event":"valid".*"loss":\([0-9.]*\).*/\1/p' "$1/train.jsonl" | tail -1; }
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a + 0.1 < b) }'; }

# Fine-tuning: vocabulary and weights of the pre-trained; better after as many updates than without it.
pretrain long --set max-update=200 --set validate-interval-updates=200
less "$(loss_of long)" "$(loss_of whole)" || fail "longer pre-training: $(loss_of long), $(loss_of whole)"
run rdrop-preprocess tune.yaml --data data --dest tune --set finetune-from-model=long/model
cmp bin/spm.model tune/spm.model || fail "the vocabulary is not that of the pre-trained model"
run rdrop-train tune.yaml --data tune --save-dir scratch
run rdrop-train tune.yaml --data tune --save-dir tuned --set finetune-from-model=long/model
less "$(loss_of tuned)" "$(loss_of scratch)" ||
    fail "loss from a pre-trained model $(loss_of tuned), from random weights $(loss_of scratch)"
run rdrop-translate --model tuned/model --input data/held.text --output hypotheses --threads 1 --beam 1 --max-len-b 20 --max-len-a 0
[ "$(wc -l <hypotheses)" -eq "$(wc -l <data/held.text)" ] || fail "not a line for each document"
# Targets begin with bos, and so do prefixes: with the word that a translation begins with anyway, it and its score stay.
listed() { run rdrop-translate --model tuned/model --input data/held.text --output "$@" --threads 1 --beam 1 --nbest 1 --max-len-b 20 --max-len-a 0; }
listed plain && cut -d ' ' -f 1 hypotheses >first && listed prefixed --prefix first
cmp plain prefixed || fail "a prefix that is there anyway: $(diff plain prefixed | head -4)"

# Byte-level BPE has a mask of its own.
mkdir vocabulary && cp "$repository"/tests/golden/bpe/{vocab.json,merges.txt} vocabulary
run rdrop-preprocess denoise.yaml --data data --dest bytes --set vocab-from=vocabulary
run rdrop-train denoise.yaml --data bytes --save-dir byte --set max-update=2
grep -q 'class="source">.*&lt;mask&gt;' byte/report.html || fail "no masks of byte-level BPE"

# No noise without a mask to write.
run rdrop-preprocess denoise.yaml --data data --dest maskless --set mask-piece=false
"$bin/rdrop-train" denoise.yaml --data maskless --save-dir x >log 2>err && fail "masks without a piece"
grep -q 'mask-piece: true' err && [ ! -e x ] || fail "message: $(cat err)"
echo "denoise: all checks passed"
