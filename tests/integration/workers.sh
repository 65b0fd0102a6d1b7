#!/usr/bin/env bash
# Workers: threads (--workers) and ranks (mpirun) that make one training, translation or dataset together.
# Nothing here depends on time: what kills is counted in updates. Argument: the build directory.
set -euo pipefail
. "$(dirname "$0")/../assert.sh"
bin=$(realpath "$1")
repository=$(dirname "$(realpath "$0")")/../..
tests=$repository/tests
golden=$tests/golden
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >tiny.yaml <<YAML
extends: $tests/tiny.yaml
clip-norm: 1
weight-decay: 0.01
no-decay-bias-norm: true
ema-decay: 0.9
batches-per-update: 6
precision: fp32
YAML
"$bin/quickstart-corpus" data 1 300 20 5 >/dev/null
"$bin/rdrop-preprocess" tiny.yaml --data data --dest bin >log 2>&1 || fail "preprocess: $(cat log)"

ranks() { # ranks N PROGRAM ARGUMENT...
    local n=$1
    shift
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS-} \
        mpirun --oversubscribe --quiet -np "$n" "$@"
}
train() { # train SAVE_DIR ARGUMENT...: alone
    "$bin/rdrop-train" tiny.yaml --data bin --save-dir "$@" >log 2>&1 || fail "train $*: $(cat log)"
}
train_ranks() { # train_ranks N SAVE_DIR ARGUMENT...
    local n=$1
    shift
    ranks "$n" "$bin/rdrop-train" tiny.yaml --data bin --save-dir "$@" >log 2>&1 || fail "$n ranks, train $*: $(cat log)"
}
same_training() { # same_training A B: the same bits, in all that is kept
    for file in model/model.safetensors checkpoint_best.safetensors checkpoints/00000012.safetensors; do
        cmp "$1/$file" "$2/$file" || fail "$1 and $2: $file"
    done
}
close() { # close A B: what was logged is equal up to rounding
    for dir in "$1" "$2"; do
        sed -n 's/^{"event":"\(train\|valid\)"/&/p' "$dir/train.jsonl" | sed 's/"seconds":[^,]*,"time":[^,]*,//
            s/,"tokens_per_second":[^,}]*//; s/,"samples":.*//
            s/\([0-9]\.[0-9][0-9]\)[0-9]*/\1/g' >"close-$dir"
    done
    diff "close-$1" "close-$2" || fail "$1 and $2 were not the same training"
}

# The same training, to rounding, however many workers share the six batches of an update: a batch each of
# dropout, order, validation and stop. The same number of them gives the same bits.
train one
train two --workers 2
speeds=$(sed -n 's|^tok/s of each worker while it computes: ||p' log)
[[ $speeds =~ ^[1-9][0-9]*,[1-9][0-9]*$ ]] || fail "the workers' speeds: $(cat log)"
grep '"event":"end".*"worker_tokens_per_second":\[[0-9.]*,[0-9.]*\]' two/train.jsonl >/dev/null || fail "they are not logged"
train again --workers 2
train three --workers 3
close one two
close one three
same_training two again
cmp -s one/model/model.safetensors two/model/model.safetensors && fail "two workers added in one's order"
# Without batches-per-update each worker makes update-freq batches.
train freq-one --set batches-per-update=0 --set update-freq=6
same_training freq-one one
train freq-two --set batches-per-update=0 --set update-freq=3 --workers 2
same_training freq-two two
# Fewer batches than workers, and a last update of the epoch with fewer still.
train many --workers 4 --set batches-per-update=3 --set max-epoch=1 --set max-update=0
train few --set batches-per-update=3 --set max-epoch=1 --set max-update=0
close few many

# A training continues with another number of workers, and says so.
train resumed --workers 2 --set max-update=5
train resumed --workers 3
grep '^changed: number of workers 2 -> 3$' log >/dev/null || fail "another number of workers: $(cat log)"
train resumed-alone --set max-update=5
train resumed-alone --workers 2
close resumed one
close resumed-alone one
# Shares by speed, of a number of workers that is not asked for.
train measured --workers 2 --set worker-speeds="$speeds"
close measured one
train uneven --workers 2 --set worker-speeds=2,1
close uneven one
cmp -s uneven/model/model.safetensors two/model/model.safetensors && fail "worker-speeds changed nothing"
train resumed-uneven --workers 2 --set worker-speeds=2,1 --set max-update=5
train resumed-uneven --workers 2 --set worker-speeds=1,2
grep '^changed: .*worker-speeds 2,1 -> 1,2' log >/dev/null || fail "other speeds of the workers: $(cat log)"
for speeds in 2 2,1,1 2,x 0,1; do
    "$bin/rdrop-train" tiny.yaml --data bin --save-dir x --workers 2 --set worker-speeds=$speeds >log 2>&1 &&
        fail "worker-speeds $speeds was taken"
    grep "worker-speeds is '$speeds', expected 2 numbers" log >/dev/null || fail "worker-speeds $speeds: $(cat log)"
done
# Chosen where nobody says, and the reason said.
train chosen --set threads=3
grep '^3 workers of 1 thread: ' log >/dev/null || fail "workers were not chosen: $(cat log)"
same_training chosen three
train even --set threads=4 # 2 and 2 are done before 2, 2, 1 and 1
grep '^2 workers of 2 threads: ' log >/dev/null || fail "workers of unequal shares: $(cat log)"
grep '^1 worker of 1 thread: ' <<<"$(train few-again --set batches-per-update=0 --set max-update=1 && cat log)" \
    >/dev/null || fail "workers were chosen"

# Other tasks, whose validation is shared as well: classes, numbers, pictures.
"$bin/rdrop-convert" --import "$golden/bert/bert" --output start >log 2>&1 || fail "$(cat log)"
awk 'BEGIN { for (i = 1; i <= 40; i++) print (i % 3 ? "the dog runs" : "a cat sleeps") "\t" (i % 3 ? "x" : "y") "\t" i % 7 / 2 }' \
    >rows.tsv
cat >rows.yaml <<YAML
task: sentence_prediction
finetune-from-model: start
trainpref: rows.tsv
validpref: rows.tsv
table-header: false
sentence1-column: 1
label-column: 2
max-sentences: 4
max-tokens: 0
reg-alpha: 1
lr: 0.01
max-update: 2
batches-per-update: 3
threads: 1
YAML
sed 's/^label-column: 2/label-column: 3\nregression-target: true/' rows.yaml >numbers.yaml
mkdir -p pictures/a pictures/b
cp "$golden"/pictures/{colour.jpg,progressive.jpg,halved.jpg,colour.png} pictures/a
cp "$golden"/pictures/{grey.jpg,grey.png,one_bit.png} pictures/b
cat >shown.yaml <<YAML
task: image_classification
arch: vit-ti16
trainpref: pictures
validpref: pictures
picture-size: 16
patch-size: 4
encoder-embed-dim: 16
encoder-layers: 1
encoder-ffn-embed-dim: 32
encoder-attention-heads: 2
decoder-attention-heads: 2
max-tokens: 0
max-sentences: 2
reg-alpha: 1
batches-per-update: 4
max-update: 2
threads: 1
YAML
for task in rows numbers shown; do
    "$bin/rdrop-preprocess" $task.yaml --data . --dest $task >log 2>&1 || fail "$(cat log)"
    for workers in 1 3; do
        "$bin/rdrop-train" $task.yaml --data $task --save-dir $task-$workers --workers $workers >log 2>&1 || fail "$(cat log)"
        sed '/"event":"valid"/!d; s/"seconds":[^,]*,"time":[^,]*,//; s/,"samples".*//' $task-$workers/train.jsonl >lines-$workers
        [ -s lines-$workers ] || fail "$task: no validation"
    done
    awk -F'[:,]' 'FNR == 1 { file++ } { for (i = 1; i <= NF; i++) if (file == 1) a[FNR, i] = $i; else if ($i != a[FNR, i] &&
        ($i - a[FNR, i]) ^ 2 > 1e-6) { print $i, a[FNR, i]; exit 1 } }' lines-1 lines-3 || fail "$task: $(cat lines-1 lines-3)"
done

# A loss that is not finite is everyone's: the update is left out, whoever had its batch.
awk -F'\t' -v OFS='\t' 'NR == 20 { $3 = "1e30" } { print }' rows.tsv >far.tsv
sed 's/^trainpref:.*/trainpref: far.tsv/; s/^max-update:.*/max-update: 6/' numbers.yaml >far.yaml
"$bin/rdrop-preprocess" far.yaml --data . --dest far >log 2>&1 || fail "$(cat log)"
"$bin/rdrop-train" far.yaml --data far --save-dir far-2 --workers 2 --set precision=fp32 >log 2>&1 || fail "$(cat log)"
grep '^skipped the update after [0-9]*: loss' log >/dev/null || fail "a loss that is not finite: $(cat log)"

if ! [ -e "$bin/rdrop-mpi.so" ] || ! command -v mpirun >/dev/null; then
    echo "no MPI: ranks are not tested"
    exit 0
fi
# MPI leaks, and takes a minute under sanitizers: threads, which run the same code above the transport, are enough there.
! grep -q '^RD_SANITIZE:BOOL=ON' "$bin/CMakeCache.txt" || exit 0

# Ranks: what threads make, bit by bit; each with a part of the optimizer's state, or the whole of it.
train_ranks 2 rank-two
same_training rank-two two
train_ranks 3 rank-three
same_training rank-three three
train_ranks 2 whole --set shard-optimizer=false
same_training whole two
train_ranks 3 rank-resumed --set max-update=5
train_ranks 2 rank-resumed
close rank-resumed one
train rank-resumed-alone --workers 3 --set max-update=5
train_ranks 3 rank-resumed-alone
same_training rank-resumed-alone three
ranks 2 "$bin/rdrop-train" far.yaml --data far --save-dir far-ranks --set precision=fp32 >log 2>&1 || fail "$(cat log)"
grep '^skipped the update after [0-9]*: loss' log >/dev/null || fail "ranks with a loss that is not finite: $(cat log)"
cmp far-2/model/model.safetensors far-ranks/model/model.safetensors || fail "ranks leave out something else"
# Rounded on their way, gradients make about the same weights.
last_nll() {
    sed -n 's/^{"event":"valid".*"nll":\([0-9.]*\).*/\1/p' "$1/train.jsonl" | tail -n 1
}
for sharded in true false; do
    train_ranks 2 rounded-$sharded --set reduce-bf16=true --set shard-optimizer=$sharded
    cmp -s rounded-$sharded/model/model.safetensors two/model/model.safetensors && fail "reduce-bf16 changed nothing"
    awk -v a="$(last_nll rounded-$sharded)" -v b="$(last_nll two)" 'BEGIN { exit !(a < b + 0.02 && a > b - 0.02) }' ||
        fail "reduce-bf16: nll $(last_nll rounded-$sharded), not $(last_nll two)"
done

# A rank that disagrees is named, and why; nothing is trained.
cat >rank.sh <<'SH'
#!/usr/bin/env bash
# rank.sh PROGRAM ARGUMENT...: rank 1 alone gets $OTHER as well, and is of the processor $OTHER_ISA
echo $$ >"pid.$OMPI_COMM_WORLD_RANK"
echo $PPID >pid.mpirun
[ "$OMPI_COMM_WORLD_RANK" -ne 1 ] || set -- "$@" ${OTHER-}
[ "$OMPI_COMM_WORLD_RANK" -ne 1 ] || [ -z "${OTHER_ISA-}" ] || export RDROP_ISA=$OTHER_ISA
exec "$@"
SH
chmod +x rank.sh
refuse() { # refuse MESSAGE ARGUMENT...: of rank 1 alone
    OTHER="${*:2}" ranks 2 ./rank.sh "$bin/rdrop-train" tiny.yaml --data bin --save-dir refused >log 2>&1 &&
        fail "ranks that disagree train: $*"
    grep "^rdrop-train: rank 1.*$1" log >/dev/null || fail "expected '$1': $(cat log)"
    [ "$(grep '^rdrop-train: ' log | grep -vc 'is given twice')" -eq 1 ] || fail "more than one line: $(cat log)"
    ! [ -e refused/model ] || fail "ranks that disagree made a model"
}
"$bin/rdrop-preprocess" tiny.yaml --data data --dest other --set trainpref=valid --set vocab-size=200 >log 2>&1
refuse 'lr is 0.02 there, but 0.01 on rank 0; all ranks need the same recipe' --set lr=0.02
refuse 'there, but .* on rank 0; all ranks need the same recipe and the same data' --data other
refuse 'nowhere' --data nowhere
train auto --set precision=auto --set max-update=1
if grep -a '^products in: bf16' auto/checkpoint_last >/dev/null; then
    OTHER_ISA=generic ranks 2 ./rank.sh "$bin/rdrop-train" tiny.yaml --data bin --save-dir refused --set precision=auto >log 2>&1 &&
        fail "ranks whose products differ train"
    grep 'the precision of products is fp32 there, but bf16 on rank 0; set precision to fp32$' log >/dev/null ||
        fail "ranks whose products differ: $(cat log)"
fi
OTHER='--workers 2' ranks 2 ./rank.sh "$bin/rdrop-train" tiny.yaml --data bin --save-dir refused >log 2>&1 &&
    fail "ranks have workers"
grep 'workers is 2, but this is one of 2 ranks' log >/dev/null || fail "ranks with workers: $(cat log)"
OTHER='--threads 2' ranks 2 ./rank.sh "$bin/rdrop-train" tiny.yaml --data bin --save-dir uneven --threads 1 --set max-update=2 >log 2>&1 ||
    fail "machines with other numbers of cores: $(cat log)"

# Whoever is killed, or stops to answer: all end, with a line that says who. Then it goes on where it was saved.
endless() { # endless SAVE_DIR ARGUMENT...: two ranks that train until something happens; returns in the middle of it
    rm -f pid.?
    ranks 2 ./rank.sh "$bin/rdrop-train" tiny.yaml --data bin --save-dir "$@" --set max-update=1000000 \
        --set save-interval-updates=2 --set validate-interval-updates=1000000 >log 2>&1 &
    until grep '"event":"train","update":[0-9]*[4-9],' "$1/train.jsonl" >/dev/null 2>&1; do
        kill -0 $! 2>/dev/null || fail "ended too early: $(cat log)"
    done
}
ended() { # ended WHO: it did, with an error and one line about WHO
    wait $! && fail "training without rank $1 went on"
    grep "^rdrop-train: rank $1 (process $(cat "pid.$1") on .*all ranks end. Start again" log >/dev/null ||
        fail "rank $1 is not named: $(cat log)"
    [ "$(grep -c '^rdrop-train: ' log)" -eq 1 ] || fail "more than one line: $(cat log)"
}
goes_on() { # goes_on SAVE_DIR: the bits of a training that was left alone
    local update
    ranks 2 "$bin/rdrop-train" tiny.yaml --data bin --save-dir "$1" --set max-update=1 >log 2>&1 || fail "$(cat log)"
    update=$(sed -n 's/^going on after update //p' log)
    [ "${update:-0}" -ge 2 ] || fail "nothing was saved: $(cat log)"
    train_ranks 2 "$1" --set max-update=$((update + 2))
    train "$1-alone" --workers 2 --set max-update=$((update + 2))
    cmp "$1/checkpoints/$(printf %08d $((update + 2))).safetensors" \
        "$1-alone/checkpoints/$(printf %08d $((update + 2))).safetensors" || fail "$1 went on to other weights"
}
for rank in 0 1; do
    endless killed-$rank
    kill -9 "$(cat pid.$rank)"
    ended $rank
done
goes_on killed-1
endless stopped --set worker-timeout=5
kill -STOP "$(cat pid.1)"
ended 1
# Asked to stop, it saves first. mpirun passes this signal on, and waits.
endless asked
kill -USR1 "$(cat pid.mpirun)"
wait $! && fail "a training that was stopped has ended well"
grep '^rdrop-train: stopped by a signal after update ' log >/dev/null || fail "not stopped: $(cat log)"
goes_on asked
# What the first rank alone cannot do then is said, and ends the others.
endless away
mv away elsewhere
kill -USR1 "$(cat pid.mpirun)"
wait $! && fail "a training that could not be saved has ended well"
[ "$(grep -c '^rdrop-train: rank 0 .*away' log)-$(grep -c '^rdrop-train: \|Segmentation' log)" = 1-1 ] || fail "not saved: $(cat log)"

# A job of Slurm saves, stops and queues itself again.
mkdir slurm && printf '#!/bin/sh\necho "$@" >>requeued\n' >slurm/scontrol && chmod +x slurm/scontrol
job=(env PATH="$PWD/slurm:$bin:$PATH" SLURM_JOB_ID=17 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    ASAN_OPTIONS=detect_leaks=0 RDROP_LAUNCH="mpirun --oversubscribe --quiet -np 2"
    bash "$repository/recipes/slurm/train.sh" tiny.yaml --data bin --save-dir job)
"${job[@]}" --set max-update=1000000 >log 2>&1 &
until grep '"event":"train","update":4,' job/train.jsonl >/dev/null 2>&1; do
    kill -0 $! 2>/dev/null || fail "ended too early: $(cat log)"
done
kill -USR1 $!
wait $! || fail "the job failed: $(cat log)"
[ "$(cat requeued)" = "requeue 17" ] || fail "not queued again: $(cat log)"
update=$(sed -n 's/.*stopped by a signal after update \([0-9]*\);.*/\1/p' log)
"${job[@]}" --set max-update=$((update + 1)) >log 2>&1 || fail "the next job failed: $(cat log)"
[ "$(cat requeued)" = "requeue 17" ] || fail "queued again when it was done"
grep "^finished at update $((update + 1))" log >/dev/null || fail "not done: $(cat log)"

# near A B: equal, except that numbers may be rounded otherwise: products of other shapes add up in another order.
near() {
    awk 'NR == FNR { line[FNR] = $0; n = FNR; next }
        { m = split(line[FNR], was, /[ \t]/); if (m != split($0, now, /[ \t]/)) bad = 1
          for (i = 1; i <= m; i++) if (was[i] != now[i]) {
              d = was[i] - now[i]; d = d < 0 ? -d : d; size = was[i] < 0 ? -was[i] : was[i]
              if (d == 0 || d > 1e-4 * (size + 1)) { print "line " FNR ": " was[i] ", " now[i]; bad = 1 } } }
        END { exit bad || FNR != n }' "$1" "$2"
}

# Translations and scores are those of one process.
zcat data/train.en.gz >input
zcat data/train.de.gz >references
"$bin/rdrop-translate" --model one/model --input input --window 16 --output alone
for n in 2 3; do
    ranks $n "$bin/rdrop-translate" --model one/model --input input --window 16 --output together
    cmp alone together || fail "$n ranks translate otherwise"
done
ranks 2 "$bin/rdrop-translate" --model one/model --input input --beam 3 --n-best 2 >together
"$bin/rdrop-translate" --model one/model --input input --beam 3 --n-best 2 >alone
near alone together || fail "lists"
"$bin/rdrop-translate" --model one/model --input input --score references >alone 2>/dev/null
ranks 2 "$bin/rdrop-translate" --model one/model --input input --score references >together 2>/dev/null
near alone together || fail "scores"
# What comes before a fault is there, and nothing after it.
{ printf '\n\n' && seq 5000 | tr '\n' '\t' && seq 3 "$(wc -l <input)" | sed 's/.*//'; } >unmeetable
"$bin/rdrop-translate" --model one/model --input input --window 2 --constraints unmeetable >alone 2>log && fail "a fault is none"
ranks 2 "$bin/rdrop-translate" --model one/model --input input --window 2 --constraints unmeetable >together 2>log && fail "a fault is none"
cmp alone together || fail "what two ranks have written before a fault: $(cat log)"
ranks 2 "$bin/rdrop-translate" --model one/model <input >together 2>log && fail "ranks read standard input"
grep 'several ranks need --input FILE' log >/dev/null || fail "standard input: $(cat log)"

# Ranks whose copies of the text or of the model differ are refused.
tac input >reversed && head -n 36 input >shorter && cp -r one/model other-model && echo >>other-model/config.yaml
for more in "--model one/model --input reversed" "--model one/model --input shorter" "--model other-model --input input"; do
    # shellcheck disable=SC2086
    if ranks 1 "$bin/rdrop-translate" --model one/model --input input --window 4 : \
        -np 1 "$bin/rdrop-translate" $more --window 4 >together 2>log; then fail "$more: no fault"; fi
    [ "$(grep -cE 'rank 1 (reads another text than rank 0|.*has other models, or another precision, than rank 0)' log)" -eq 1 ] ||
        fail "$more: $(cat log)"
done
if ranks 1 "$bin/rdrop-train" tiny.yaml --data bin --save-dir unlike : \
    -np 1 "$bin/rdrop-train" tiny.yaml --data bin --save-dir unlike --set shard-optimizer=false >log 2>&1; then fail "other sharding"; fi
grep 'shard-optimizer is false there, but true on rank 0' log >/dev/null || fail "other sharding: $(cat log)"

# So are datasets: several chunks of pairs, a vocabulary that the first rank alone makes.
for _ in {1..30}; do cat data/train.en.gz; done >data/many.en.gz
for _ in {1..30}; do cat data/train.de.gz; done >data/many.de.gz
many=(tiny.yaml --data data --set trainpref=many,train --set testpref=none,valid,many --set sentencepiece-alpha=0.1)
"$bin/rdrop-preprocess" "${many[@]}" --dest made-alone >/dev/null 2>&1
ranks 3 "$bin/rdrop-preprocess" "${many[@]}" --dest made-together >log 2>&1 || fail "preprocess: $(cat log)"
diff -r made-alone made-together || fail "three ranks make other data"
[ "$(grep -c 'test set skipped' log)" -eq 1 ] || fail "said by each rank: $(cat log)"
ranks 2 "$bin/rdrop-preprocess" tiny.yaml --data nowhere --dest x >log 2>&1 && fail "corpora that are not there"
[ "$(grep -c '^rdrop-preprocess: nowhere/train.en' log)" -eq 1 ] || fail "preprocess: $(cat log)"
# A rank with another copy of the corpora, even in the part that it does not tokenize, is refused.
cp -r data copies
zcat data/many.en.gz | sed '$s/$/ again/' | gzip >copies/many.en.gz
if ranks 1 "$bin/rdrop-preprocess" "${many[@]}" --dest differ : \
    -np 1 "$bin/rdrop-preprocess" "${many[@]}" --data copies --dest differ >log 2>&1; then fail "other corpora"; fi
[ "$(grep -c 'many.en.gz: up to line [0-9]* rank 1 reads other pairs' log)" -eq 1 ] || fail "other corpora: $(cat log)"
[ ! -e differ/train.bin ] || fail "data of differing corpora"
ranks 2 "$bin/rdrop-preprocess" tiny.yaml --data data --dest y --only binarize >log 2>&1 && fail "a vocabulary that is not there"
[ "$(grep -c '^rdrop-preprocess: y: ' log)" -eq 1 ] || fail "no vocabulary: $(cat log)"
echo "all as expected"
