#!/usr/bin/env bash
# rdrop-train from the outside: the same bits again, signals, one training at a time, bad input.
# What kills at every moment lead to is in tests/unit/test_train.c. Argument: the build directory.
set -u
. "$(dirname "$0")/../assert.sh"
bin=$(realpath "$1")
tests=$(dirname "$(realpath "$0")")/..
golden=$tests/golden
work=$(mktemp -d)
running=
trap '[ -z "$running" ] || kill -9 $running; rm -rf "$work"' EXIT
cd "$work" || exit 1

cat >tiny.yaml <<YAML
extends: $tests/tiny.yaml
average-last: 2
YAML
"$bin/quickstart-corpus" data 1 300 20 5 >/dev/null
for lang in en de; do # text that a page must not take for its own
    { echo "<script>alert(\"$lang\")</script> & 'more'"; zcat data/valid.$lang.gz; } >page
    rm data/valid.$lang.gz && gzip -c page >data/valid.$lang.gz
done
"$bin/rdrop-preprocess" tiny.yaml --data data --dest bin >log 2>&1 || fail "preprocess: $(cat log)"
"$bin/rdrop-preprocess" tiny.yaml --data data --dest sampled --set sentencepiece-alpha=0.2 >log 2>&1 ||
    fail "preprocess: $(cat log)"

# train SAVE_DIR OPTIONS...: quietly
train() {
    local save_dir="$1"
    shift
    "$bin/rdrop-train" tiny.yaml --data "${data:-bin}" --save-dir "$save_dir" "$@" >log 2>&1 ||
        fail "$save_dir: exit $?: $(cat log)"
}

# The same recipe, seed and threads give the same bits.
for threads in 1 2; do
    for run in a b; do train "$run$threads" --threads $threads; done
    same_weights a$threads b$threads
done
train seed --set seed=2
cmp -s a1/model/model.safetensors seed/model/model.safetensors && fail "another seed changes nothing"
grep -q '"event":"valid".*"bleu"' a1/train.jsonl || fail "no BLEU in train.jsonl"
train deep --set encoder-layers=3
train checkpointed --set encoder-layers=3 --checkpoint-activations
same_weights checkpointed deep
OMP_THREAD_LIMIT=1 train limited --threads 2
same_weights limited a1
train exact --precision fp32 && train named --set precision=fp32 && same_weights exact named
"$bin/rdrop-convert" --info exact/checkpoint_last | grep ' precision fp32,' >/dev/null ||
    fail "--precision is not in the checkpoint: $("$bin/rdrop-convert" --info exact/checkpoint_last)"
grep -qE '^peak memory [1-9][0-9]* MiB$' log || fail "no peak memory: $(cat log)"
grep -qE '"event":"end".*"peak_memory":[1-9][0-9]{6}' named/train.jsonl || fail "no peak memory in train.jsonl"

# The report is one file, of this training, with everything that came from outside escaped.
report=a1/report.html
for text in '&lt;script&gt;alert(&quot;en&quot;)&lt;/script&gt; &amp; &#39;more&#39;' \
    'Update 10 ' 'Finished: max-update reached' '<span>reg-alpha</span><code>5</code>' \
    'KL between the passes' 'BLEU of validation' 'ROUGE of validation'; do
    grep -qF "$text" $report || fail "$report lacks $text"
done
grep -qiE '<script|<link|<img|url\(|src=|https?://' $report && fail "$report is not self-contained"
[ "$(grep -c '<figure>' $report)" -eq 10 ] || fail "$report has not 10 charts"
[ "$(grep -c '<details' $report)" -eq 4 ] || fail "$report has not 3 validations and the settings"

# Groups of beams need not divide the beam of validation.
train groups --set beam=6 --set diverse-beam-groups=3 --set max-update=2 --set validate-interval-updates=2

# Scores of validation are those of rdrop-translate and rdrop-score on the same text, also where a source is empty.
zcat data/valid.en.gz | sed '3s/.*//; 7s/.*//' >data/gaps.en && zcat data/valid.de.gz >data/gaps.de
"$bin/rdrop-preprocess" tiny.yaml --data data --dest gapped --set vocab-from=bin --set validpref=gaps >log 2>&1 ||
    fail "preprocess: $(cat log)"
data=gapped train rouge --set best-checkpoint-metric=rougeL --set eval-bleu=false --set eval-bleu-sentences=0 \
    --set eval-bleu-lowercase=true --set encoder-embed-dim=48 --set reg-alpha=0 --set dropout=0 \
    --set lr=0.02 --set max-tokens=1000 --set max-len-b=16 --set precision=fp32 --set max-update=300 \
    --set validate-interval-updates=75
grep -q '^valid at update .* ROUGE-L [0-9.]* (best so far)$' log || fail "no ROUGE shown: $(cat log)"
logged() {
    grep '"best":true' rouge/train.jsonl | tail -1 | sed "s/.*\"$1\":\([0-9.]*\).*/\1/"
}
"$bin/rdrop-translate" --model rouge/model --input data/gaps.en --precision fp32 --beam 2 --output valid.de 2>log ||
    fail "translate: $(cat log)"
"$bin/rdrop-score" --metric rouge,bleu --lowercase --ref data/valid.de.gz valid.de >scores 2>/dev/null
"$bin/rdrop-score" --metric chrf --ref data/valid.de.gz valid.de >>scores 2>/dev/null
name_of() { case $1 in BLEU) echo bleu ;; chrF) echo chrf ;; *) echo "$1" ;; esac; }
for metric in rouge1 rouge2 rougeL BLEU chrF; do
    expected=$(sed -n "s/^$metric[0-9]*|[^=]* = \([0-9.]*\).*/\1/p" scores)
    awk -v a="$(logged "$(name_of "$metric")")" -v b="$expected" \
        'BEGIN { exit !(a != "" && b != "" && a - b <= 0.051 && b - a <= 0.051) }' ||
        fail "$metric: validation $(logged "$(name_of "$metric")"), rdrop-score $expected"
done
awk -v a="$(logged rougeL)" 'BEGIN { exit !(a > 1) }' || fail "rougeL $(logged rougeL) shows nothing"
best=$(sed -n 's/.*"rougeL":\([0-9.]*\).*/\1/p' rouge/train.jsonl | sort -g | tail -1)
[ "$best" = "$(logged rougeL)" ] || fail "best rougeL is $best, not $(logged rougeL)"

# So they are with another tokenizer, which is opened before the training.
train characters --set eval-bleu-tokenizer=char --set eval-bleu-sentences=0 --set max-update=100 \
    --set validate-interval-updates=100 --set encoder-embed-dim=48 --set reg-alpha=0 --set dropout=0 \
    --set lr=0.02 --set max-tokens=1000 --set max-len-b=16 --set precision=fp32
"$bin/rdrop-translate" --model characters/model --input data/valid.en.gz --precision fp32 --beam 2 \
    --output valid.de 2>log || fail "translate: $(cat log)"
"$bin/rdrop-score" --metric rouge,bleu --tokenize char --rouge-tokenizer char --ref data/valid.de.gz valid.de >scores
for metric in rougeL BLEU; do
    expected=$(sed -n "s/^$metric[0-9]*|[^=]* = \([0-9.]*\).*/\1/p" scores)
    found=$(sed -n "s/.*\"${metric/BLEU/bleu}\":\([0-9.]*\).*/\1/p" characters/train.jsonl | tail -1)
    awk -v a="$found" -v b="$expected" 'BEGIN { exit !(b > 0 && a - b <= 0.051 && b - a <= 0.051) }' ||
        fail "$metric of characters: validation $found, rdrop-score $expected"
done
"$bin/rdrop-train" tiny.yaml --data bin --save-dir unknown --set eval-bleu-tokenizer=14b >log 2>&1 &&
    fail "a tokenizer that is not known"
grep -q 'eval-bleu-tokenizer: no such tokenizer: 14b' log || fail "unknown tokenizer: $(cat log)"
[ ! -e unknown/train.jsonl ] || fail "a training began without its tokenizer"

# start SAVE_DIR OPTIONS...: a training without end, in the background once it has done its third
# update
start() {
    local save_dir="$1"
    shift
    rm -f lines && mkfifo lines
    "$bin/rdrop-train" tiny.yaml --data "${data:-bin}" --save-dir "$save_dir" --set max-update=1000000 \
        --set validate-interval-updates=1000000 "$@" >lines 2>err &
    running=$!
    exec 3<lines
    while read -r line <&3; do case $line in "train  3/"*) return ;; esac; done
    fail "$save_dir: ended early: $(cat err)"
}
# ended CODE: waits for it, reading on so that it never waits for us
ended() {
    local code
    cat <&3 >/dev/null
    exec 3<&-
    wait "$running" 2>/dev/null
    code=$?
    running=
    [ $code -eq "$1" ] || fail "exit $code, expected $1: $(cat err)"
}

# A signal saves and stops (Slurm's jobs get SIGUSR1 before their time is over); going on ends where a training left alone does. With subword
# regularization as well, whose batches a thread of their own makes ahead.
for signal in TERM:143:1:bin:0 INT:130:2:sampled:0.2 USR1:138:1:bin:0; do
    IFS=: read -r name code threads data alpha <<<"$signal"
    more=(--threads "$threads" --set "sentencepiece-alpha=$alpha")
    start "stop$name" "${more[@]}"
    kill "-$name" "$running"
    ended "$code"
    [ "$(wc -l <err)" -eq 1 ] || fail "not one line: $(cat err)"
    at=$(sed -n 's/^rdrop-train: stopped by a signal after update \([0-9]*\); .*/\1/p' err)
    [ "${at:-0}" -ge 3 ] || fail "SIG$name: $(cat err)"
    [ -z "$(find "stop$name" -name '*.tmp.*')" ] || fail "SIG$name: temporary files are left"
    grep -q '<meta http-equiv="refresh"' "stop$name/report.html" || fail "SIG$name: the report does not reload"
    # The end is a validation, which both trainings make.
    last=$((at + 4))
    train "stop$name" --set max-update=$last --set validate-interval-updates=1000000 "${more[@]}"
    grep -q "after update $at\$" log || fail "SIG$name: did not go on from update $at: $(cat log)"
    grep -q "<title>started again: after update $at</title>" "stop$name/report.html" ||
        fail "SIG$name: the report does not mark the restart"
    train "whole$name" --set max-update=$last --set validate-interval-updates=1000000 "${more[@]}"
    same_weights "stop$name" "whole$name"
done
data=bin

# A second training in the same directory is refused by the pid of the first; a killed one holds
# nothing, and leaves nothing behind.
start killed
"$bin/rdrop-train" tiny.yaml --data bin --save-dir killed >log 2>second && fail "two trainings at once"
grep -q "^rdrop-train: killed: process $running is training here$" second || fail "lock: $(cat second)"
"$bin/rdrop-train" tiny.yaml --data bin --save-dir killed --average >log 2>second && fail "average"
grep -q "process $running" second || fail "average: $(cat second)"
kill -9 "$running"
ended 137
echo torn >killed/checkpoint_last.tmp.0123456789abcdef
echo mine | tee killed/results.tmp.2024 >killed/news.de.tmp.0123456789abcdef # of another program
printf '%s\n' '{"event":"train","update":99,"lost":1}' '{"event":"skipped","update":0,"lost":1}' >>killed/train.jsonl
printf '{"event":"tra' >>killed/train.jsonl
train killed
same_weights killed a1
[ "$(find killed -name '*.tmp.*' | sort | tr '\n' ' ')" = 'killed/news.de.tmp.0123456789abcdef killed/results.tmp.2024 ' ] ||
    fail "temporary files are left, or others removed"
[ "$(grep -c '<details' killed/report.html)" -eq 4 ] || fail "killed/report.html: other validations"
[ "$(grep -c '^{"event":"start".*}$' killed/train.jsonl)" -eq 2 ] || fail "$(cat killed/train.jsonl)"

# Its log has each update once, without those that the kill lost, and the time of each event.
events() { sed -n 's/^{"event":"\(train\|valid\|skipped\)","update":\([0-9]*\),.*/\1 \2/p' "$1/train.jsonl"; }
[ "$(events killed)" = "$(events a1)" ] || fail "other events: $(cat killed/train.jsonl)"
grep -q '"lost"\|"tra$' killed/train.jsonl && fail "lost updates are kept: $(cat killed/train.jsonl)"
grep -vqE '"time":"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z"' killed/train.jsonl &&
    fail "events without a time: $(cat killed/train.jsonl)"
grep -q '<meta http-equiv="refresh"' killed/report.html && fail "a finished report reloads"

# The average of checkpoints is a model of its own.
cp -r a1 average && train average --average --set average-last=20
grep -q '^rdrop-train: warning: average-last is 20, but there are [0-9]* checkpoints (keep-last-n is ' log || fail "average-last: $(cat log)"
cmp -s average/model/model.safetensors a1/model/model.safetensors && fail "averaging did nothing"

# reject CODE TEXT ARGUMENTS...: one line that says what is wrong
reject() {
    local code="$1" text="$2" got
    shift 2
    "$bin/rdrop-train" "$@" >log 2>err
    got=$?
    [ $got -eq "$code" ] || fail "$*: exit $got, expected $code ($(cat err))"
    [ "$(wc -l <err)" -eq 1 ] || fail "$*: not one line: $(cat err)"
    grep -q '^rdrop-train: ' err && grep -qF -- "$text" err ||
        fail "$*: '$(cat err)' does not say '$text'"
}
bad() {
    rm -rf "$2" && cp -r "$1" "$2"
}
reject 1 'nowhere' tiny.yaml --data nowhere --save-dir x
for file in spm.model train.bin valid.bin; do
    bad bin lacking && rm lacking/$file
    [ $file = spm.model ] && missing="lacking: no vocabulary there; looked for spm.model" || missing=lacking/$file
    reject 1 "$missing" tiny.yaml --data lacking --save-dir x
    bad bin cut && truncate -s 100 cut/$file
    reject 1 "cut/$file" tiny.yaml --data cut --save-dir x
done
"$bin/rdrop-preprocess" tiny.yaml --data data --dest other --only vocab --set vocab-size=290 >log
cp bin/*.bin other
reject 1 'run rdrop-preprocess again' tiny.yaml --data other --save-dir x
reject 1 'bin: vocabulary ' tiny.yaml --data bin --save-dir x --set vocabulary=0123
reject 1 'train.bin: pair 2 has 17' tiny.yaml --data bin --save-dir x --set max-source-positions=15
reject 1 'max-target-positions' tiny.yaml --data bin --save-dir x --set max-target-positions=5
reject 1 'bin: has one vocabulary for both sides (spm.model), so set joined-dictionary: true' tiny.yaml --data bin \
    --save-dir x --set joined-dictionary=false --set share-all-embeddings=false
[ ! -e x ] || fail "a failure before training made a directory"

# flip FILE AT: one bit of the byte at AT
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\x$(printf %02x $((byte ^ 16)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# One flipped bit anywhere, a cut or an emptied checkpoint_last: said, and training goes on from the
# one before it, to the same weights. What was damaged is kept for a look.
size=$(wc -c <a1/checkpoint_last)
for damage in "flip 4" "flip 13" "flip 60" "flip $((size / 2))" "flip $((size - 2))" \
    "cut $((size - 1))" "cut 1000" "cut 10" "cut 0"; do
    read -r how at <<<"$damage"
    bad a1 damaged
    if [ "$how" = flip ]; then
        flip damaged/checkpoint_last "$at"
    else
        truncate -s "$at" damaged/checkpoint_last
    fi
    cp damaged/checkpoint_last kept
    rm -r damaged/model
    "$bin/rdrop-train" tiny.yaml --data bin --save-dir damaged --set threads=1 >log 2>err ||
        fail "$damage: $(cat err)"
    grep -q '^rdrop-train: warning: damaged/checkpoint_last: .*goes on from checkpoint_previous$' err ||
        fail "$damage: $(cat err)"
    grep -q '^going on after update 10$' log || fail "$damage: did not go on from update 10: $(cat log)"
    grep -q '"event":"warning".*"reason":"damaged/checkpoint_last' damaged/train.jsonl || fail "not logged"
    same_weights damaged a1
    cmp kept damaged/checkpoint_damaged || fail "$damage: the damaged checkpoint is not kept"
    cmp damaged/checkpoints/00000012.safetensors a1/checkpoints/00000012.safetensors || fail "$damage"
done
# A crash between the two renames of a save leaves only the older one.
bad a1 older && rm older/checkpoint_last && train older && same_weights older a1
# Where both are gone a finished training is not begun anew over what it made.
bad a1 finished && rm finished/checkpoint_last finished/checkpoint_previous && cp -r finished as-it-was
reject 1 'finished/model/model.safetensors: of a training whose checkpoint_last is gone' tiny.yaml --data bin \
    --save-dir finished --set max-update=6
rm finished/lock as-it-was/lock && diff -r finished as-it-was || fail "a finished training was touched"
# One that was killed before its first save is.
bad a1 begun && rm begun/checkpoint_last begun/checkpoint_previous && printf '1\nunsaved\n' >begun/lock
train begun && same_weights begun a1
[ "$(wc -l <begun/lock)" -eq 1 ] || fail "it is still said to be unsaved: $(cat begun/lock)"
# A page replaces nothing of a training.
for file in checkpoint_last model/model.safetensors checkpoints/00000012.safetensors; do
    reject 1 'both read and written' --report a1 --output a1/$file
done
# Other threads add in another order, and are said; so is an alias that repeats a key.
bad a1 threads && "$bin/rdrop-train" tiny.yaml --data bin --save-dir threads --set threads=2 --set max-update=13 >log 2>err ||
    fail "threads: $(cat err)"
grep -q '^changed: number of threads 1 -> 2$' log || fail "other threads are not said: $(cat log err)"
{ cat tiny.yaml && echo 'max-sentences: 3' && echo 'batch-size: 4'; } >twice.yaml
reject 1 "'batch-size' and 'max-sentences' on line" twice.yaml --data bin --save-dir x

# With none that is sound, training refuses and leaves what there is.
bad a1 none && flip none/checkpoint_last 100 && : >none/checkpoint_previous
reject 1 'none/checkpoint_last: damaged (wrong checksum), and there is no sound' tiny.yaml --data bin \
    --save-dir none
rm none/checkpoint_previous
reject 1 'there is no sound checkpoint_previous' tiny.yaml --data bin --save-dir none
[ "$(wc -c <none/checkpoint_last)" -eq "$size" ] || fail "a damaged checkpoint was replaced"
# Weights have a checksum too.
for model in "average:checkpoints/00000012.safetensors" "translate:model/model.safetensors"; do
    file=${model#*:}
    bad a1 weights && flip "weights/$file" $(($(wc -c <"weights/$file") - 4))
    case $model in
    average*) reject 1 "$file: damaged" tiny.yaml --data bin --save-dir weights --average ;;
    *)
        "$bin/rdrop-translate" --model weights/model </dev/null 2>err && fail "damaged weights are used"
        grep -q "$file: damaged (wrong checksum)" err || fail "$(cat err)"
        ;;
    esac
done
reject 1 'ema-decay' tiny.yaml --data bin --save-dir a1 --set ema-decay=0.9

# A training continues its own model: all that makes another one is refused with both values, by
# training and averaging, and nothing in the directory changes.
cp -r a1 own
listing() { find own -type f ! -name lock -exec cksum {} + | sort; }
listing >before
other() { # TEXT OPTIONS...
    local text="$1"
    shift
    reject 1 "$text" tiny.yaml --data bin --save-dir own "$@"
    [ "$(listing)" = "$(cat before)" ] || fail "$*: the directory has changed: $(listing | diff before -)"
}
other 'own/checkpoint_last: a training of another model (checkpoint -> recipe): encoder-layers 1 -> 2. Choose' \
    --set encoder-layers=2
other 'encoder-attention-heads 2 -> 4; activation-fn relu -> gelu' --set activation-fn=gelu \
    --set encoder-attention-heads=4
other 'encoder-normalize-before false -> true' --set encoder-normalize-before=true
other 'bin/train.bin: made for en to de, not de to en; run rdrop-preprocess again' \
    --set source-lang=de --set target-lang=en
other "bin/train.bin: made with prepend-bos: false, not true" --set prepend-bos=true
other 'start-weights random -> ' --set finetune-from-model=seed/model
other 'activation-fn relu -> gelu' --average --set activation-fn=gelu
"$bin/rdrop-preprocess" tiny.yaml --data data --dest swapped --set source-lang=de --set target-lang=en >log 2>&1 ||
    fail "preprocess: $(cat log)"
reject 1 'source-lang en -> de; target-lang de -> en' tiny.yaml --data swapped --save-dir own \
    --set source-lang=de --set target-lang=en
# Other data make another vocabulary of the same size; a finished training is no model for it.
mkdir more && for lang in en de; do { zcat data/train.$lang.gz; zcat data/test.$lang.gz; } >more/train.$lang; done
cp data/valid.* more
"$bin/rdrop-preprocess" tiny.yaml --data more --dest newer >log 2>&1 || fail "preprocess: $(cat log)"
reject 1 ': vocabulary ' tiny.yaml --data newer --save-dir own
grep -qE 'vocabulary [0-9a-f]{12}... -> [0-9a-f]{12}...\. Choose another --save-dir' err || fail "$(cat err)"
[ "$(listing)" = "$(cat before)" ] || fail "another vocabulary changed the directory"
for file in train.bin valid.bin; do # and no dataset is one of another vocabulary
    bad bin mixed && cp newer/$file mixed
    reject 1 "mixed/$file: made with another vocabulary (" tiny.yaml --data mixed --save-dir x
done
data=newer train newly --set max-update=4 # nor a checkpoint
bad a1 strange && cp newly/checkpoints/00000004.safetensors strange/checkpoints/00000012.safetensors
reject 1 'strange/checkpoints/00000012.safetensors: the weights of another model, whose vocabulary is ' \
    tiny.yaml --data bin --save-dir strange --average
cp newly/model/model.safetensors strange/model
"$bin/rdrop-translate" --model strange/model </dev/null 2>err && fail "weights of another vocabulary are used"
grep -q 'strange/model/model.safetensors: the weights of another model' err || fail "$(cat err)"
printf 'RDDATA01' | dd of=mixed/train.bin conv=notrunc status=none
reject 1 'mixed/train.bin: a binarized dataset of another version' tiny.yaml --data mixed --save-dir x
bad a1 aged && printf 'RDCKPT02' | dd of=aged/checkpoint_last conv=notrunc status=none
reject 1 'aged/checkpoint_last: a checkpoint of another version' tiny.yaml --data bin --save-dir aged
# Once more with the same settings it is still finished, and writes nothing but its log.
train own && grep -q '^finished at update 12' log && ! grep -q changed log || fail "finished: $(cat log)"
for file in model/config.yaml model/spm.model model/model.safetensors checkpoint_last; do
    cmp own/$file a1/$file || fail "a finished training wrote $file"
done
# NAG's momentum is of the rate that made it: with a rate of nothing it moves nothing.
nag=(--set optimizer=nag --set momentum=0.9 --set lr-scheduler=fixed --set warmup-updates=0 --set average-last=1)
train nag "${nag[@]}" --set lr=0.1 --set max-update=6 && train nag "${nag[@]}" --average --set lr=0.1 --set max-update=6
cp -r nag nag-before && train nag "${nag[@]}" --set lr=1e-30 --set max-update=7
grep '^changed: lr 0.1 -> 1e-30' log >/dev/null || fail "another rate: $(cat log)"
train nag "${nag[@]}" --average --set lr=1e-30 --set max-update=7
same_weights nag nag-before
# A model that is gone is made again.
cp -r a1 gone && rm -r gone/model && train gone
same_weights gone a1
# Other settings may change: said, logged, drawn. More data of the same vocabulary are such a change.
"$bin/rdrop-preprocess" tiny.yaml --data more --dest larger --set vocab-from=bin >log 2>&1 || fail "$(cat log)"
data=larger train own --set dropout=0.3 --set lr=0.002 --set max-update=16
for change in 'dropout 0.1 -> 0.3' 'lr 0.01 -> 0.002' 'max-update 12 -> 16'; do
    grep -q "^changed: $change\$" log || fail "$change is not said: $(cat log)"
    grep -q "^{\"event\":\"changed\",\"update\":12,.*\"reason\":\"changed: $change\"}\$" own/train.jsonl ||
        fail "$change is not logged"
    grep -qF "<li>update 12: $(sed 's/>/\&gt;/' <<<"$change")</li>" own/report.html || fail "$change is not in report.html"
done
grep -qE '^changed: train.bin 300 pairs \([0-9a-f]{16}\) -> 305 pairs' log || fail "more data: $(cat log)"
[ "$(grep -c '^changed: ' log)" -eq 4 ] || fail "other changes: $(cat log)"
# --unchanged, for scripts, takes changes of how long a training goes on, how it is watched and what is kept, and none
# of its updates.
cp -r a1 watched
train watched --unchanged --set max-update=14 --set keep-last-n=3 --set eval-bleu-beam=1 --set validate-interval-updates=7 \
    --set save-interval-updates=3 --set max-tokens-valid=99 --set best-checkpoint-metric=bleu --set patience=9 --set beam=2
grep '^finished at update 14' log >/dev/null || fail "--unchanged: $(cat log)"
for change in 'lr 0.01 -> 0.002' 'seed 1 -> 2' 'reg-alpha 5 -> 1' 'encoder-layers 1 -> 2' 'lr-scheduler inverse_sqrt -> cosine; total-num-update 0 -> 14'; do
    settings=()
    for setting in lr=0.002 seed=2 reg-alpha=1 encoder-layers=2 lr-scheduler=cosine; do
        [[ $change != "${setting%%=*} "* ]] || settings=(--set "$setting")
    done
    reject 3 "watched/checkpoint_last: a training with other settings or data (checkpoint -> now): $change" tiny.yaml \
        --data bin --save-dir watched --unchanged --set max-update=14 "${settings[@]}"
done
reject 3 'checkpoint -> now): train.bin 300 pairs' tiny.yaml --data larger --save-dir watched --unchanged
[ "$(grep -c 'class="changed"' own/report.html)" -eq 40 ] || fail "no marks in report.html" # 4 in each chart
data=larger train own --set dropout=0.3 --set lr=0.002 --set max-update=16
grep -q changed: log && fail "told twice: $(cat log)"
# Another validation set is another measure: the best begins anew, however bad it is.
"$bin/rdrop-preprocess" tiny.yaml --data more --dest revalid --set vocab-from=bin --set validpref=train >log 2>&1
data=revalid train own --set dropout=0.3 --set lr=0.5 --set max-update=20
grep '^valid at update' log | head -1 | grep '(best so far)$' >/dev/null || fail "another validation set: $(cat log)"

# A size of the vocabulary that it does not have is said.
train sized --set vocab-size=310 --set max-update=1
grep -q 'warning: bin: vocab-size is 310, but the vocabulary has 300 pieces$' log || fail "vocab-size: $(cat log)"
# So is how a vocabulary should be made that is made already, in a new directory too.
for setting in vocab-type=bpe=unigram normalization=nfkc=identity user-defined-symbols=x,y=none \
    character-coverage=0.99=1 byte-fallback=true=false; do
    IFS== read -r key value made <<<"$setting"
    rm -rf made && train made --set "$key=$value" --set max-update=1
    grep -q "warning: $key has no effect: it is $value, but bin/spm.model was made with $made\$" log ||
        fail "$setting: $(cat log)"
done
# What had no effect on a training does not keep it from going on.
rm -rf made && train made --set vocab-type=bpe --set character-coverage=0.99 --set max-update=1
train made --set max-update=2 && grep '^finished at update 2' log >/dev/null || fail "the right vocab-type: $(cat log)"
# Where translations are measured, the best starts anew with another search.
for more in eval-bleu-beam=1 max-len-b=2 lenpen=2; do
    rm -rf made && train made --set eval-bleu=true --set best-checkpoint-metric=bleu --set validate-interval-updates=1 \
        --set lr=0 --set max-update=1
    train made --set eval-bleu=true --set best-checkpoint-metric=bleu --set validate-interval-updates=1 \
        --set lr=0 --set max-update=2 --set $more
    grep '^valid at update 2: .*(best so far)$' log >/dev/null || fail "another search, $more: $(cat log)"
done
# So are limits that the data were not filtered by; data without a record are taken as they are.
train sized --set max-source-len=7 --set max-update=1
grep -q 'warning: max-source-len has no effect: it is 7, but bin was made with 250; run rdrop-preprocess again' log ||
    fail "max-source-len: $(cat log)"
mv bin/made-with.yaml record && rm -rf made && train made --set max-source-len=7 --set max-update=1 && mv record bin/made-with.yaml
grep -q 'max-source-len has no effect' log && fail "a record that is not there: $(cat log)"
# So is a vocab-from that is not what the data were made with, unless nothing is there any more.
"$bin/rdrop-preprocess" tiny.yaml --data more --dest elsewhere --only vocab --set vocab-size=290 >log 2>&1 || fail "$(cat log)"
train sized --set vocab-from=elsewhere --set max-update=1
grep -q 'warning: vocab-from is elsewhere, but bin has another vocabulary ' log || fail "vocab-from: $(cat log)"
for from in bin none; do
    train sized --set vocab-from=$from --set max-update=1
    grep -q "warning: vocab-from" log && fail "vocab-from=$from: $(cat log)"
done
grep -q 'warning: warmup-updates is 5, but training ends at update 1: the rate does not reach lr$' log || fail "warm-up: $(cat log)"
# Fine-tuning: weights, shape and vocabulary are the start's, updates count from 1, and a training cut
# off goes on. A learning rate of 0 shows the weights it began with.
sed '/^encoder-\|^decoder-\|^share-/d' "$tests/tiny.yaml" >fine.yaml
echo 'average-last: 2' >>fine.yaml
"$bin/rdrop-train" fine.yaml --data bin --save-dir still --set finetune-from-model=a1/model --set lr=0 \
    --set max-update=3 >log 2>err || fail "fine-tuning: $(cat err)"
cmp still/model/model.safetensors a1/model/model.safetensors || fail "fine-tuning began with other weights"
grep -q '^encoder-embed-dim: 16$' still/model/config.yaml || fail "the shape is not the start's"
grep -q '^finished at update 3' log || fail "updates: $(cat log)"
fine() {
    "$bin/rdrop-train" fine.yaml --data bin --save-dir "$@" --set finetune-from-model=a1/model >log 2>err ||
        fail "fine-tuning: $(cat err)"
}
fine whole && fine part --set max-update=5 && fine part
same_weights part whole
cmp -s whole/model/model.safetensors a1/model/model.safetensors && fail "fine-tuning changed nothing"
"$bin/rdrop-train" fine.yaml --data bin --save-dir whole --average --set finetune-from-model=a1/model >log 2>err ||
    fail "averaging after fine-tuning: $(cat err)"
"$bin/rdrop-preprocess" tiny.yaml --data data --dest like --set finetune-from-model=a1/model >log 2>err ||
    fail "preprocess: $(cat err)"
cmp like/spm.model bin/spm.model && cmp like/train.bin bin/train.bin || fail "the vocabulary is not the start's"
"$bin/rdrop-preprocess" tiny.yaml --data data --dest unlike --set vocab-type=bpe >log 2>&1
reject 1 'finetune-from-model: unlike and a1/model: piece' fine.yaml --data unlike --save-dir x \
    --set finetune-from-model=a1/model
reject 1 'finetune-from-model: a1/model: encoder-layers is 1 there, but 2 in the recipe' fine.yaml --data bin \
    --save-dir x --set finetune-from-model=a1/model --set encoder-layers=2
"$bin/rdrop-train" fine.yaml --data bin --save-dir arch --set finetune-from-model=a1/model --set max-update=1 \
    --set arch=transformer-big >log 2>err || fail "arch beside finetune-from-model: $(cat err)"
grep -q '^rdrop-train: warning: arch has no effect: .* are those of a1/model$' err || fail "arch: $(cat err)"
cp -r a1/model foreign && cp newer/spm.model foreign
reject 1 'finetune-from-model: foreign: its vocabulary (' fine.yaml --data newer --save-dir x \
    --set finetune-from-model=foreign
reject 1 'finetune-from-model: nowhere: no such' fine.yaml --data bin --save-dir x --set finetune-from-model=nowhere
reject 1 'finetune-from-model: lacking/model.safetensors' fine.yaml --data bin --save-dir x \
    --set finetune-from-model="$(bad a1/model lacking && rm lacking/model.safetensors && echo lacking)"
[ ! -e x ] || fail "a failure before training made a directory"
# Byte-level BPE from corpus to translation; its model directory has the vocabulary in two files.
mkdir vocabulary && cp "$golden"/bpe/vocab.json "$golden"/bpe/merges.txt vocabulary
"$bin/rdrop-preprocess" tiny.yaml --data data --dest bytes --set vocab-from=vocabulary >log 2>err &&
    "$bin/rdrop-train" tiny.yaml --data bytes --save-dir byte --set max-update=2 >log 2>err ||
    fail "byte-level BPE: $(cat err)"
[ -e byte/model/vocab.json ] && [ -e byte/model/merges.txt ] || fail "no vocabulary in the model directory"
[ "$(printf 'one\ntwo\n' | "$bin/rdrop-translate" --model byte/model 2>err | wc -l)" -eq 2 ] ||
    fail "byte-level BPE: $(cat err)"
touch file
reject 1 'file' tiny.yaml --data bin --save-dir file/x
reject 1 'a9: nothing was trained' tiny.yaml --data bin --save-dir a9 --average
reject 1 'max-updat' tiny.yaml --data bin --save-dir x --set max-updat=3
reject 2 "--precision is 'fp16'" tiny.yaml --data bin --save-dir x --precision fp16
reject 1 'nowhere.yaml' nowhere.yaml --data bin --save-dir x
reject 2 'expected --data' tiny.yaml --save-dir x
reject 2 'one RECIPE' --data bin
reject 2 'unknown option' tiny.yaml --data bin --bogus
echo "all as expected"
