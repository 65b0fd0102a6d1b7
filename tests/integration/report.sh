#!/usr/bin/env bash
# What is made of trainings to look at: one page of several, and TensorBoard's event files.
# Argument: the build directory.
set -euo pipefail
. "$(dirname "$0")/../assert.sh"
bin=$(realpath "$1")
tests=$(dirname "$(realpath "$0")")/..
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export OMP_NUM_THREADS=1
cat >tiny.yaml <<YAML
extends: $tests/tiny.yaml
vocab-size: 200
max-update: 4
log-interval: 2
validate-interval-updates: 4
eval-bleu: false
YAML
"$bin/quickstart-corpus" data 1 150 20 5 >/dev/null
"$bin/rdrop-preprocess" tiny.yaml --data data --dest bin >log 2>&1 || fail "preprocess: $(cat log)"
train() {
    "$bin/rdrop-train" tiny.yaml --data bin --save-dir "$@" >log 2>&1 || fail "train $*: $(cat log)"
}
train "a & b" --set tensorboard=true
train other --set reg-alpha=0 --set dropout=0.3 --set max-update=8

# One page: curves of both under their names, best values, settings that differ and no others.
"$bin/rdrop-train" --report "a & b/" other --output page.html >log 2>&1 || fail "--report: $(cat log)"
[ "$(cat log)" = "page.html: 2 trainings" ] || fail "--report says: $(cat log)"
grep -qiE '<script|<link|<img|url\(|src=|https?://' page.html && fail "page.html is not self-contained"
for text in '<title>2 trainings</title>' '<th>tokens/s, mean</th>' '>KL between the passes, per token<' '<b>nll of validation</b><span class="key s0">a &amp; b<i>' \
    '<tr><th>updates</th><td>4</td><td>8</td></tr>' '<tr><th>dropout</th><td><code>0.1</code></td><td><code>0.3</code></td></tr>' \
    '<tr><th>reg-alpha</th><td><code>5</code></td><td><code>0</code></td></tr>' '<tr><th>best nll</th><td>'; do
    grep -F "$text" page.html >/dev/null || fail "page.html lacks $text"
done
[ "$(sed -n '/Settings that differ/,$p' page.html | grep -c '<code>')" -eq 3 ] || fail "not three settings that differ"
grep 'class="line s1"' page.html >/dev/null || fail "the second training has no curve"
[ "$(grep -c '<figure>' page.html)" -ge 6 ] || fail "few charts"
awk '/KL between/ { on = 1 } on && /<\/figure>/ { exit } on' page.html | grep 'class="line s1"' >/dev/null ||
    fail "the KL of a training without R-Drop is a curve of zeros"
(cd other && "$bin/rdrop-train" --report . "../a & b" .) >log 2>&1 || fail "three trainings, the last twice: $(cat log)"
[ -s other/compare.html ] || fail "no compare.html"
# A training whose checkpoint is gone still has curves.
cp -r other bare && rm bare/checkpoint_last
"$bin/rdrop-train" --report bare other --output page.html >log 2>&1 || fail "no checkpoint: $(cat log)"
grep -F '<code>not known</code>' page.html >/dev/null || fail "settings that are not known are said to be"

wrong() { # STATUS TEXT ARGUMENTS...
    local got=0
    "$bin/rdrop-train" "${@:3}" >out 2>err || got=$?
    [ $got -eq "$1" ] && grep -F -- "$2" err >/dev/null || fail "${*:3}: exit $got: $(cat err)"
}
wrong 1 nowhere/train.jsonl --report other nowhere
mkdir empty && : >empty/train.jsonl
wrong 1 "empty/train.jsonl: no training has begun" --report other empty
wrong 1 "a page shows 1 to 8" --report other other other other other other other other other
wrong 1 "other/train.jsonl" --report other --output other/train.jsonl
wrong 2 "exclude each other" --report other --data bin
wrong 2 "exclude each other" --report other --threads 2
wrong 2 "takes no recipe" tiny.yaml --report other
wrong 2 "without --report" tiny.yaml --data bin --output page.html
wrong 2 "expected --data DIR" tiny.yaml
wrong 2 "expected one RECIPE" --data bin

# Every sample of a validation is shown.
shown=$(grep -c '<div class="sample">' "a & b/report.html") drawn=$(grep -o '"hypothesis":' "a & b/train.jsonl" | wc -l)
[ "$shown" -gt 0 ] && [ "$shown" -eq "$drawn" ] || fail "$shown of $drawn samples are shown"

# TensorBoard: a file a start, in order of their names, and the same weights as without.
events=("a & b"/tensorboard/events.out.tfevents.*)
[ ${#events[@]} -eq 1 ] || fail "not one event file: ${events[*]}"
head -c 12 "${events[0]}" | od -An -tx1 | tr -d ' \n' | grep -x '1800000000000000a37f4b22' >/dev/null ||
    fail "the first record is framed otherwise"
for tag in brain.Event:2 train/loss train/nll train/kl train/lr train/gnorm train/tokens_per_second valid/nll valid/ppl; do
    grep -aF "$tag" "${events[0]}" >/dev/null || fail "no $tag among the events"
done
train plain
cmp plain/model/model.safetensors "a & b/model/model.safetensors" || fail "tensorboard: true changes the weights"
[ ! -e plain/tensorboard ] || fail "event files that nobody wanted"
train "a & b" --set tensorboard=true --set max-update=6
train "a & b" --set max-update=8
grep -q "changed: tensorboard" log && fail "a setting without effect is told of"
after=("a & b"/tensorboard/events.out.tfevents.*)
[ ${#after[@]} -eq 2 ] && [ "${after[0]}" = "${events[0]}" ] || fail "not a file for each start: ${after[*]}"
[ "$(grep -aoF train/loss "${after[0]}" | wc -l)" -eq 2 ] && [ "$(grep -aoF train/loss "${after[1]}" | wc -l)" -eq 1 ] ||
    fail "updates are not in the file of their start"
# The second record of a start: a SessionLog of status START, at the update from which earlier events are void.
od -An -tx1 "${after[1]}" | tr -d ' \n' | grep '10053a020801' >/dev/null || fail "no start after update 4"
mkdir linked && ln -s "$work/data" linked/tensorboard
"$bin/rdrop-train" tiny.yaml --data bin --save-dir linked --set tensorboard=true >log 2>&1 && fail "through a link"
grep -F linked/tensorboard log >/dev/null || fail "a link: $(cat log)"
echo "all as expected"
