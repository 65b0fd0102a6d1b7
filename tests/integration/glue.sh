#!/usr/bin/env bash
# Language understanding from the outside: a user's own tables, fine-tuning of an imported BERT until it knows them by heart,
# answers line by line, numbers, what is wrong with a table, a masked language model. Argument: the build directory.
set -euo pipefail
. "$(dirname "$0")/../assert.sh"
bin=$(realpath "$1")
repository=$(cd "$(dirname "$0")/../.." && pwd)
golden=$repository/tests/golden/bert
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export OMP_NUM_THREADS=1
run() {
    local program=$1
    shift
    "$bin/$program" "$@" >log 2>&1 || fail "$program $*: $(cat log)"
}

run rdrop-convert --import "$golden/bert" --output start
# What decides is whether the second sentence has "not", which only some word order tells from the first.
awk 'BEGIN { srand(4); split("a the cat dog house green tree run sleep is", w, " ")
    print "id,text,reply,answer"
    for (i = 1; i <= 32; i++) { s = ""; for (k = 0; k < 2; k++) { t = ""; n = 2 + int(3 * rand()); for (j = 0; j < n; j++) t = t " " w[1 + int(10 * rand())]
        if (k == i % 2) t = t " not"; s = s ",\"" substr(t, 2) "\"" } print i s "," (i % 2 ? "good" : "bad, really") } }' |
    sed 's/bad, really/"bad, really"/' >pairs.csv
gzip -k pairs.csv
cat >pairs.yaml <<'YAML'
task: sentence_prediction
finetune-from-model: start
trainpref: pairs.csv
validpref: pairs.csv
sentence1-column: text
sentence2-column: 3
label-column: answer
labels: good
head-transform: tanh
dropout: 0.1
lr: 0.008
lr-scheduler: polynomial_decay
warmup-updates: 5
max-update: 100
max-sentences: 16
max-tokens: 0
reg-alpha: 1
best-checkpoint-metric: accuracy
precision: fp32
threads: 1
log-interval: 100
validate-interval: 25
keep-last-n: 1
YAML
rejects() {
    local text=$1
    shift
    "$bin/rdrop-preprocess" pairs.yaml --data . --dest refused "$@" >log 2>err && fail "$*: not refused"
    grep -F -- "$text" err >/dev/null || fail "$*: '$(cat err)' does not say '$text'"
}
rejects 'a model needs at least two'
printf 'text,reply,answer\na,b,good\nc,d,good\n' >one.csv
rejects "one.csv: only one class, 'good' (label-column)" --set labels= --set trainpref=one.csv
printf 'text,reply,answer\n' >one.csv
rejects "one.csv: no rows" --set labels= --set trainpref=one.csv
printf 'text,reply,answer\na,b,good\nc,d,bad\ne,f,go\0od\n' >one.csv
rejects "one.csv:4: the label 'go' holds a zero byte" --set labels= --set trainpref=one.csv
sed -i '/^labels/d' pairs.yaml
rejects "pairs.csv:1: no column 'txt' (sentence1-column); there are: id, text, reply, answer" --set sentence1-column=txt
rejects "pairs.csv:3: unknown label 'bad, really' (label-column); expected one of: good, other" --set labels=good,other
rejects "pairs.csv:2: 'good' (label-column) is no finite number" --set regression-target=true
rejects "missing.csv: no such corpus" --set trainpref=missing.csv
run rdrop-preprocess pairs.yaml --data . --dest bin
[ "$(cat bin/labels.txt)" = "$(printf 'bad, really\ngood')" ] || fail "labels: $(cat bin/labels.txt)"
grep '^train.bin: 32 examples' log >/dev/null || fail "$(cat log)"

run rdrop-train pairs.yaml --data bin --save-dir out
grep 'classification_head.out_proj.weight starts anew' log >/dev/null || fail "new head: $(cat log)"
grep 'accuracy 1.0000 .*(best so far)' log >/dev/null || fail "it did not learn 32 examples by heart: $(cat log)"

# Going on from it, what comes before the head is the model's, unless the recipe says otherwise.
sed '/^head-transform/d; s/^finetune-from-model.*/finetune-from-model: out\/model/; s/^lr: .*/lr: 0/' pairs.yaml >on.yaml
run rdrop-train on.yaml --data bin --save-dir on --set max-update=1
cmp on/model/model.safetensors out/model/model.safetensors || fail "a start's pooler is gone: $(cat log)"
sed 's/really"$/never"/' pairs.csv >others.csv
sed 's/pairs.csv/others.csv/' on.yaml >others.yaml
run rdrop-preprocess others.yaml --data . --dest others
run rdrop-train others.yaml --data others --save-dir elsewhere --set max-update=1
grep '^head-transform: tanh' elsewhere/model/config.yaml >/dev/null || fail "a pooler of other classes"
# A training keeps its classes, and needs data that have some.
"$bin/rdrop-train" pairs.yaml --data others --save-dir out >log 2>err && fail "a training with other classes goes on"
grep -F '(classes: bad, really, good -> bad, never, good; labels names them in their order)' err >/dev/null ||
    fail "other classes: $(cat err)"
cp -r bin numbers && rm numbers/labels.txt
"$bin/rdrop-train" pairs.yaml --data numbers --save-dir x >log 2>err && fail "data without classes"
grep -F 'numbers/labels.txt: not there: the data have no classes' err >/dev/null || fail "data without classes: $(cat err)"
"$bin/rdrop-train" pairs.yaml --data bin --save-dir x --set vocab-size=90 >log 2>err && fail "a size without a vocabulary"
grep -F 'task sentence_prediction: vocab-size has no meaning here; leave it out (the vocabulary is' err >/dev/null ||
    fail "vocab-size: $(cat err)"
run rdrop-train on.yaml --data bin --save-dir off --set max-update=1 --set head-transform=none
grep '^head-transform: none' off/model/config.yaml >/dev/null || fail "the recipe's transform"

# All stages: F1 of the score stage is that of the second class, as in training, also where rdrop-score would take another.
printf 'extends: pairs.yaml\ntestpref: pairs.csv\nscore-metrics: f1\nmax-update: 1\n' >stages.yaml
mkdir -p all/data
sed 's/"bad, really"$/1/; s/good$/2/' pairs.csv >all/data/pairs.csv
bash "$repository/recipes/stages.sh" stages.yaml all "$bin" --threads 1 >log 2>&1 || fail "stages: $(cat log)"
grep 'positive:2|' all/scores.log >/dev/null || fail "the class of f1: $(cat all/scores.log)"

grep -F '>Loss of training, per example<' out/report.html >/dev/null || fail "the unit of the loss in report.html"
grep -A 2 'class="matrix"' out/report.html | grep '<tr><th>bad, really</th><td><b>16</b></td><td>0</td></tr>' >/dev/null ||
    fail "no matrix in report.html"

# A class that counts nothing is not learned; one that is not there is refused.
"$bin/rdrop-train" pairs.yaml --data bin --save-dir none --set 'class-weights=fine=2' >log 2>err && fail "class fine"
grep "class-weights: no class 'fine'; expected one of: bad, really, good" err >/dev/null || fail "class fine: $(cat err)"
for key in class-weights=good=2 kl-reduction=sum; do
    "$bin/rdrop-train" pairs.yaml --data bin --save-dir none --set regression-target=true --set $key --set best-checkpoint-metric=loss >log 2>err &&
        fail "$key of numbers"
    grep "${key%%=*} is of classes, but numbers are predicted" err >/dev/null || fail "$key of numbers: $(cat err)"
done
"$bin/rdrop-train" pairs.yaml --data bin --save-dir none --set labels=good,bad >log 2>err && fail "other labels than the data's"
grep "bin/labels.txt: class 1 is 'bad, really', but the recipe names 'good'; run rdrop-preprocess again" err >/dev/null || fail "labels: $(cat err)"
# What the data were made with stays in the model.
run rdrop-train pairs.yaml --data bin --save-dir one --set class-weights=good=0 --set max-update=25 --set reg-alpha=0 --set sentence1-column=id
grep 'warning: sentence1-column has no effect: it is id, but bin was made with text; run rdrop-preprocess again' log >/dev/null ||
    fail "another column than the data's: $(cat log)"
grep '^sentence1-column: "text"' one/model/config.yaml >/dev/null || fail "the column kept: $(cat one/model/config.yaml)"
run rdrop-predict --model one/model --input pairs.csv --table-format csv --output found
[ "$(sort -u found)" = 'bad, really' ] || fail "class-weights: $(cat found)"

# All answers, from a table; the same line by line, and from plain lines.
run rdrop-predict --model out/model --input pairs.csv.gz --table-format csv --references right --output found
cmp -s right found || fail "answers: $(diff right found)"
sed 's/^[^,]*,"\([^"]*\)","\([^"]*\)",.*/\1\t\2/; 1d' pairs.csv >plain
"$bin/rdrop-predict" --model out/model --plain --probabilities <plain >together
cut -f 1 together | cmp -s - found || fail "plain lines"
mkfifo in answers
printf 'caf\351\nok\n' | "$bin/rdrop-predict" --model out/model --plain >repaired 2>err || fail "text that is not UTF-8"
[ "$(wc -l <repaired)" -eq 2 ] && grep 'warning: standard input:1: not UTF-8, as 1 of 2 lines' err >/dev/null ||
    fail "text that is not UTF-8: $(cat err)"
printf 'go\n\nthere\t \n' | "$bin/rdrop-predict" --model out/model --plain >empty 2>err || fail "empty sentences"
same "$(wc -l <empty)" 3 "answers to empty sentences"
same "$(cat err)" "rdrop-predict: warning: rows with an empty sentence: 2, the first is row 2
rdrop-predict: warning: rows with one sentence, where the model was trained on pairs: 2, the first is row 1" "empty sentences"
"$bin/rdrop-predict" --model out/model --plain --probabilities <in >answers &
exec 3>in 4<answers
for line in 1 2 3; do
    sed -n "${line}p" plain >&3
    IFS= read -r answer <&4 || fail "no answer to line $line"
    wanted=$(sed -n "${line}p" together)
    [ "${answer%%$'\t'*}" = "${wanted%%$'\t'*}" ] || fail "line $line alone: $answer, not $wanted"
done
exec 3>&- 4<&-
wait
# A row is answered although an empty line after it may be the table's end.
mkfifo table table_answers
"$bin/rdrop-predict" --model out/model --table-format csv <table >table_answers &
exec 3>table 4<table_answers
{ sed 2q pairs.csv && echo; } >&3
IFS= read -r answer <&4 || fail "no answer before an empty line"
[ "$answer" = "$(sed 1q found)" ] || fail "before an empty line: $answer"
exec 3>&- 4<&-
wait
"$bin/rdrop-predict" --model out/model --plain --json <plain | sed -n 1p | grep '^{"label":"good","probabilities":{"bad, really":' >/dev/null ||
    fail "json"
if "$bin/rdrop-predict" --model out/model --precision bf16 --plain <plain >bf16 2>err; then
    cmp -s bf16 found || fail "bf16"
else # not every processor can
    grep -q 'precision bf16: needs a processor' err || fail "bf16: $(cat err)"
fi

# From standard input, which has no name, a table is read as the training's was; by its name otherwise.
"$bin/rdrop-predict" --model out/model <pairs.csv | cmp -s - found || fail "a table without a name"
# What would lose or mix answers: one file for two things, an answer of two lines, two columns of one name.
no() {
    local text=$1
    shift
    "$bin/rdrop-predict" --model out/model "$@" >log 2>err && fail "$*: not refused"
    grep -F -- "$text" err >/dev/null || fail "$*: '$(cat err)' does not say '$text'"
}
"$bin/rdrop-predict" --model out/model --plain --max-sequence-len 5 <plain 2>err >/dev/null || fail "cut rows"
grep -E 'warning: rows cut to 5 tokens .*: [0-9]+' err >/dev/null || fail "rows are cut without a word: $(cat err)"
no 'both --output and --references' --input pairs.csv --output same --references same
printf 'text,reply,answer\na,b,"go\nod"\n' >two_lines.csv
no "two_lines.csv:2: the answer 'go\nod' holds a line break" --input two_lines.csv --sentence2-column reply --references gold
printf 'text,reply,answer\na,b,Good\n' >unknown.csv
no "unknown.csv:2: the answer 'Good' is none of the model's labels" --input unknown.csv --sentence2-column reply --references gold
printf 'a\tb\na\tb\tc\n' >tabs
no 'tabs:2: expected one sentence, or two with a tab between' --input tabs --plain
printf 'text,text,answer\na,b,good\n' >twice.csv
# What comes before a fault is answered.
sed 2q pairs.csv >partly.csv
printf 'a\n' >>partly.csv
no 'partly.csv:3: 1 column; expected 4' --input partly.csv
[ "$(wc -l <log)" -eq 1 ] || fail "the row before a fault: $(cat log)"
no "2 columns are called 'text'" --input twice.csv --sentence2-column answer
# A head is of its classes: the same weights under other names would answer wrongly.
sed 's/"bad, really"/bad/' pairs.csv >other.csv
sed 's/: pairs.csv/: other.csv/; s/^finetune.*/finetune-from-model: out\/model/' pairs.yaml >other.yaml
run rdrop-preprocess other.yaml --data . --dest other
run rdrop-train other.yaml --data other --save-dir renamed --set max-update=1
grep 'out_proj.weight starts anew: out/model has none of this shape and these classes' log >/dev/null || fail "other classes: $(cat log)"
grep 'dense' log && fail "the layer before that of the classes is lost: $(cat log)"
run rdrop-train pairs.yaml --data bin --save-dir again --set finetune-from-model=out/model --set max-update=1
grep 'starts anew' log >/dev/null && fail "the same classes: $(cat log)"
# A form that the recipe says goes before that of the name.
run rdrop-preprocess pairs.yaml --data . --dest csv --set table-format=csv
run rdrop-train pairs.yaml --data csv --save-dir said --set table-format=csv --set max-update=1
cp pairs.csv named.tsv
run rdrop-predict --model said/model --input named.tsv --references right --output found
"$bin/rdrop-train" pairs.yaml --data bin --save-dir none --set 'class-weights=good = 0,bad, really=0' >log 2>err && fail "no weight"
grep 'class-weights: all are 0' err >/dev/null || fail "no weight: $(cat err)"
"$bin/rdrop-train" pairs.yaml --data bin --save-dir none --set class-weights=good=2,good=3 >log 2>err && fail "two weights"
grep 'class good has two weights' err >/dev/null || fail "two weights: $(cat err)"

# Numbers, as JSON lines.
awk 'BEGIN { srand(5); for (i = 0; i < 24; i++) { n = i % 4; s = "cat"; for (k = 0; k < n; k++) s = s " green"; printf "{\"s\": \"%s\", \"n\": %d.5}\n", s, n } }' >numbers.jsonl
sed '/column/d; s/^\(trainpref\|validpref\):.*/\1: numbers.jsonl/; s/^best.*/best-checkpoint-metric: pearson/' pairs.yaml >numbers.yaml
printf 'sentence1-column: s\nlabel-column: n\nregression-target: true\n' >>numbers.yaml
run rdrop-preprocess numbers.yaml --data . --dest numbers
[ ! -e numbers/labels.txt ] || fail "numbers with labels"
run rdrop-train numbers.yaml --data numbers --save-dir regression
grep 'Pearson 0.9[0-9]* Spearman' log >/dev/null || fail "numbers: $(cat log)"
run rdrop-predict --model regression/model --input numbers.jsonl --output found
status=0
"$bin/rdrop-predict" --model regression/model --input numbers.jsonl --probabilities >log 2>err || status=$?
[ "$status" = 2 ] && grep 'probabilities are of classes' err >/dev/null || fail "probabilities of a number: $status, $(cat err)"
# The loss of validation is the mean square of what these are wrong by.
loss=$(grep '"event":"valid".*"best":true' regression/train.jsonl | tail -1 | sed 's/.*"loss":\([0-9.e-]*\).*/\1/')
paste <(sed 's/.*"n": \([0-9.]*\)}/\1/' numbers.jsonl) found | awk -v loss="$loss" '{ sum += ($1 - $2) ^ 2 }
    END { off = sum / NR - loss; exit !(loss > 0.001 && off ^ 2 < (0.05 * loss) ^ 2) }' || fail "the loss of numbers: $loss, $(cat found)"
"$bin/rdrop-convert" --info out/model | grep '^head: 2 classes$' >/dev/null || fail "--info of classes"
"$bin/rdrop-convert" --info regression/model | grep '^head: one number$' >/dev/null || fail "--info of a number"
awk '!/^-?[0-9.]+$/ { exit 1 }' found || fail "numbers: $(cat found)"
"$bin/rdrop-train" numbers.yaml --data bin --save-dir mixed >log 2>err && fail "classes for numbers"
grep 'made for classes, not numbers' err >/dev/null || fail "classes for numbers: $(cat err)"

# A masked language model goes on from an imported one.
run rdrop-convert --import "$golden/bert_mlm" --output mlm
"$bin/rdrop-predict" --model mlm --plain <plain >log 2>err && fail "a model without that head"
grep 'fine-tune it (finetune-from-model), or ask for vectors (--embed)' err >/dev/null || fail "no head: $(cat err)"
cut -f 1 plain >train.en && cut -f 2 plain >valid.en
cat >mlm.yaml <<'YAML'
task: masked_lm
finetune-from-model: mlm
source-lang: en
target-lang: en
trainpref: train
validpref: valid
lr: 0.01
warmup-updates: 5
max-update: 60
validate-interval: 5
threads: 1
max-sentences: 8
keep-last-n: 1
YAML
run rdrop-preprocess mlm.yaml --data . --dest lines
run rdrop-train mlm.yaml --data lines --save-dir masked
grep 'starts anew\|freeze: output-bias' log >/dev/null && fail "a head was lost: $(cat log)"
first=$(sed -n 's/.*"event":"valid".*"nll":\([0-9.]*\).*/\1/p' masked/train.jsonl | tail -1)
awk "BEGIN { exit !($first < 3.5) }" || fail "masked tokens: nll $first"
run rdrop-convert --export masked/model --output back
# Two texts are not one, and data that rdrop-preprocess did not finish may be of several recipes.
rm lines/made-with.yaml
run rdrop-train mlm.yaml --data lines --save-dir masked --set max-update=61
grep 'lines: made-with.yaml, which rdrop-preprocess writes last, is missing' log >/dev/null || fail "no record: $(cat log)"
"$bin/rdrop-train" mlm.yaml --data lines --save-dir none --set target-lang=de >log 2>err && fail "two texts"
grep 'it reads one text, but source-lang is en and target-lang de' err >/dev/null || fail "two texts: $(cat err)"
# Lines without a piece that may be masked have no loss, which is not a loss of 0.
for _ in 1 2 3 4; do echo '☃ ☃'; done >train.en
run rdrop-preprocess mlm.yaml --data . --dest unknown
run rdrop-train mlm.yaml --data unknown --save-dir unmasked --set max-update=2 --set log-interval=1
grep 'tok/s nothing to predict lr' log >/dev/null || fail "updates without a token to predict: $(cat log)"
grep '"event":"train"' unmasked/train.jsonl | grep '"loss"\|"nll"\|"kl"' && fail "a loss of nothing"
echo "passed"
