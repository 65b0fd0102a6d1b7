#!/usr/bin/env bash
# Language models from a text to perplexity, by the stages of a recipe; scores of lines and tokens; text after
# prompts; what is refused. Argument: the build directory.
set -euo pipefail
. "$(dirname "$0")/../assert.sh"
bin=$(realpath "$1")
repository=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# refused STATUS TEXT COMMAND...: one line, with TEXT
refused() {
    local status=0 wanted=$1 text=$2
    shift 2
    "$@" >refused.out 2>refused.err || status=$?
    [ "$status" -eq "$wanted" ] && [ "$(wc -l <refused.err)" -eq 1 ] && grep -F -- "$text" refused.err >/dev/null ||
        fail "$*: status $status, $(cat refused.err)"
}
lm() { "$bin/rdrop-lm" --threads 1 "$@"; }

# WikiText: the layout of the public archive, with a made-up text.
mkdir -p archive/wikitext-2
"$bin/quickstart-corpus" pairs 1 600 60 5 >/dev/null
zcat pairs/train.en.gz | awk '{ print " " $0 " <unk> " } NR % 7 == 0 { print "" }' >archive/wikitext-2/wiki.train.tokens
zcat pairs/valid.en.gz | sed 's/.*/ & /' | tee archive/wikitext-2/wiki.valid.tokens >archive/wikitext-2/wiki.test.tokens
cat >recipe.yaml <<YAML
extends: $repository/recipes/wikitext-2.yaml
prepare: prepare.sh
encoder-embed-dim: 16
decoder-ffn-embed-dim: 32
decoder-layers: 1
decoder-attention-heads: 2
adaptive-input: false
adaptive-input-cutoff: []
adaptive-softmax-cutoff: []
tie-adaptive-weights: false
kl-adaptive: exact
share-decoder-input-output-embed: true
tokens-per-sample: 16
max-target-positions: 24
max-tokens: 256
max-update: 12
warmup-updates: 2
validate-interval-updates: 4
score-tokens-per-sample: 24
score-context-window: 8
threads: 1
YAML
printf 'bash %q "$1" x\n' "$repository/recipes/prepare-wikitext-2.sh" >prepare.sh
if command -v zip >/dev/null; then
    (cd archive && zip -q ../wikitext-2-v1.zip wikitext-2/*)
    export WIKITEXT_ZIP=$work/wikitext-2-v1.zip
else
    export WIKITEXT_DIR=$work/archive/wikitext-2
fi
bash "$repository/recipes/stages.sh" recipe.yaml out "$bin" --threads 1 >log 2>&1 || fail "stages: $(cat log)"
same "$(zcat out/data/wiki.train.tokens.gz | cksum)" "$(cksum <archive/wikitext-2/wiki.train.tokens)" "the text prepared"
same "$(sed -n 2p out/scores.txt | awk '{ print $1, ($2 == $3), ($2 > 5 && $2 < 5000) }')" "wiki.test 1 1" "scores.txt"
bash "$repository/recipes/stages.sh" recipe.yaml out "$bin" --threads 1 >log 2>&1
[ "$(grep -c 'up to date' log)" -eq 6 ] || fail "stages run again: $(cat log)"
rm -f wikitext-2-v1.zip
refused 1 "expected the public archive" env -u WIKITEXT_DIR WIKITEXT_ZIP="$work/none.zip" \
    bash "$repository/recipes/prepare-wikitext-2.sh" other x

# Words: each line's end and <unk> are tokens, the dictionary is fairseq's.
model=out/train/model
same "$(awk '{ n += NF + 1 } END { print n }' archive/wikitext-2/wiki.test.tokens) tokens" \
    "$(sed 's/.*\t\([0-9]* tokens\).*/\1/' out/scores.log)" "tokens of the test set"
"$bin/rdrop-convert" --info $model | grep '^vocabulary files: dict.txt$' >/dev/null || fail "--info: $("$bin/rdrop-convert" --info $model)"
[ "$((($(wc -l <out/bin/dict.txt) + 4) % 8))" -eq 0 ] || fail "dict.txt is not filled up to a multiple of 8"

# Sums: the lines' of the tokens, the text's of the lines; a base of 2; what --no-line-end leaves out.
head -n 20 archive/wikitext-2/wiki.test.tokens >text
lm --model $model --per-line <text >sums 2>totals
lm --model $model --per-line --per-token <text >tokens 2>/dev/null
# near A B WHAT: files of as many numbers, which differ by less than 0.01
near() {
    paste "$1" "$2" | awk 'NF != 2 || $1 - $2 > 0.01 || $2 - $1 > 0.01 { exit 1 }' || fail "$3: $(paste "$1" "$2")"
}
of_lines() { awk '{ s[$1] += $NF } END { for (i = 1; i <= 20; i++) print s[i] }'; }
of_lines <tokens >added && near added sums "sums of tokens"
awk '{ s -= $1 } END { print s }' sums >added
sed 's/^\([0-9]*\) tokens.*loss \([0-9.]*\) .*/\1 \2/' totals | awk '{ print $1 * $2 }' >whole
awk '{ getline a <"added"; d = ($1 - a) / a; exit d > 0.001 || d < -0.001 }' whole || fail "the loss of all: $(cat whole added)"
lm --model $model --per-line --base 2 <text 2>/dev/null | awk '{ print $1 * log(2) }' >added
near added sums "base 2"
grep -v '</s>' tokens | of_lines >added
lm --model $model --per-line --no-line-end <text 2>/dev/null >without && near added without "--no-line-end"
# A second sentence after a first, as the two lines of a text are scored.
printf 'the price\tis low\n' | lm --model $model --conditional --per-token 2>/dev/null | cut -f 2,3 >second
printf 'the price\nis low\n' | lm --model $model --per-token 2>/dev/null | awk '$1 == 2' | cut -f 2,3 | diff - second ||
    fail "--conditional"
# Neither does it matter how much is computed at once.
same "$(lm --model $model --input text --tokens-per-sample 12)" "$(lm --model $model --max-tokens 30 --input text --tokens-per-sample 12)" \
    "batches"

# Writing: as many lines as prompts, which they begin with; the same sample for the same seed.
head -n 5 text | cut -d ' ' -f 2-4 >prompts
lm --model $model --generate --beam 2 --max-len-b 5 <prompts >written
paste -d '\n' prompts written | awk 'NR % 2 { p = $0; next } index($0, p) != 1 { exit 1 }' || fail "prompts: $(cat written)"
for seed in 1 1 2; do
    lm --model $model --generate --sampling --sampling-seed $seed --max-len-b 9 --window 1 <prompts | cksum
done >sampled
same "$(uniq sampled | wc -l) $(sort -u sampled | wc -l)" "2 2" "samples"

# A prompt is printed as it was; those before one that cannot be continued are answered.
printf 'the  price \tis\n' | lm --model $model --generate --beam 1 --max-len-b 3 >written
awk -v p=$'the  price \tis' 'index($0, p) != 1 || $0 == p { exit 1 }' written || fail "blanks of a prompt: $(cat written)"
# As JSON: the lines of an n-best list, with a number from 1.
lm --model $model --generate --beam 2 --nbest 2 --input prompts >listed || fail "an n-best list"
lm --model $model --generate --beam 2 --nbest 2 --input prompts --json >objects || fail "JSON"
grep -vE '^\{"line":[0-9]+,"text":"[^"]*","score":-?[0-9.e-]+,"log_prob":-?[0-9.e-]+\}$' objects && fail "an object has other members"
same "$(sed -E 's/.*"line":([0-9]+),"text":"([^"]*)".*/\1 \2/' objects)" "$(awk -F ' [|][|][|] ' '{ print $1 + 1, $2 }' listed | sed 's/\t/\\t/g')" "JSON"
{ echo the && awk 'BEGIN { for (i = 0; i < 30; i++) printf "the "; print "" }'; } >long_prompt
refused 1 "line 2: a prompt of 30 tokens" lm --model $model --generate --input long_prompt
same "$(wc -l <refused.out)" 1 "the answer before a prompt that is too long"
printf 'the\nthe\0price\n' >nul_prompt
refused 1 "nul_prompt:2: a NUL in a prompt" lm --model $model --generate --input nul_prompt
if [ -e /dev/full ]; then
    refused 1 "/dev/full: cannot write the output: No space left" \
        lm --model $model --generate --beam 1 --input prompts --output /dev/full
fi
# A model that samples needs no --sampling.
cp -r $model sampler && sed -i 's/^sampling: false/sampling: true/' sampler/config.yaml
lm --model sampler --generate --sampling-seed 3 --max-len-b 4 <prompts >written || fail "a model that samples"

# It reads as many tokens at once as in training. Words are what white space of Unicode separates.
same "$(lm --model $model --input text)" "$(lm --model $model --input text --tokens-per-sample 16)" "tokens-per-sample by default"
printf 'the\343\200\200price\302\240is\n' | lm --model $model | grep "^4 tokens .*, 4 words" >/dev/null || fail "words"

# int8 and bf16 are near float32.
reference=$(lm --model $model --precision fp32 --input text | sed 's/.*loss \([0-9.]*\).*/\1/')
for precision in int8 bf16; do
    lm --model $model --precision $precision --input text >near 2>err || continue # not every processor can
    sed 's/.*loss \([0-9.]*\).*/\1/' near | awk -v r="$reference" '{ d = $1 - r; exit !(d < 0.05 && d > -0.05) }' ||
        fail "$precision: $(cat near), fp32 $reference"
done

# Fine-tuning takes the model's shape; what is of training alone is the recipe's.
adaptive="--set share-decoder-input-output-embed=false --set adaptive-softmax-cutoff=20 --set max-update=2 --threads 1"
# shellcheck disable=SC2086 # several words
"$bin/rdrop-train" recipe.yaml --data out/bin --save-dir adaptive $adaptive --set adaptive-softmax-dropout=0.1 >/dev/null
# shellcheck disable=SC2086
"$bin/rdrop-train" recipe.yaml --data out/bin --save-dir tuned $adaptive --set finetune-from-model=adaptive/model \
    --set adaptive-softmax-dropout=0.3 --set cutoff=token --set cutoff-ratio=0.2 >/dev/null
for key in "adaptive-softmax-dropout: 0.3" "cutoff: token" "cutoff-ratio: 0.2" "adaptive-softmax-cutoff: .20"; do
    grep "^$key" tuned/model/config.yaml >/dev/null || fail "fine-tuned: $key: $(grep "^${key%:*}" tuned/model/config.yaml)"
done

for cutoff in "[4, 8] 16" "4, 8)x"; do
    ! "$bin/rdrop-recipe" recipe.yaml --set adaptive-softmax-cutoff="$cutoff" >/dev/null 2>&1 || fail "accepted: $cutoff"
done

for key in mixup=0.5 regression-target=true kl-reduction=sum sentence2-column=b; do
    ! "$bin/rdrop-recipe" recipe.yaml --set "$key" >/dev/null 2>log || fail "a key of another task is accepted: $key"
    grep "task language_modeling: ${key%=*} has no meaning here" log >/dev/null || fail "$key: $(cat log)"
done

# Characters: a line ends with a newline, which text may go on over.
cat >characters.yaml <<YAML
extends: recipe.yaml
vocab-type: characters
max-update: 4
tokens-per-sample: 24
YAML
"$bin/rdrop-preprocess" characters.yaml --data out/data --dest chars --threads 1 >counts
grep -E '^train\.bin: [0-9]+ tokens, 0\.000% unknown' counts >/dev/null || fail "counts: $(cat counts)"
"$bin/rdrop-train" characters.yaml --data chars --save-dir charrun --threads 1 >/dev/null
lm --model charrun/model --generate --sampling --many-lines --max-len-b 20 <<<"th" >written
[ -s written ] || fail "--many-lines wrote nothing"
# The end of a text ends an output, whether lines do or not.
for option in --many-lines --many-lines=false; do
    lm --model charrun/model --generate $option --beam 1 --nbest 1 --max-len-b 5 --sequence-bias '2: 500' <<<"th"
done >written
[ "$(uniq written | wc -l)" -eq 1 ] || fail "an end of text: $(cat written)"
# A token that has a newline in it ends a line as well: " \n" is 689 in this vocabulary.
mkdir -p pieces && cp "$repository"/tests/golden/bpe/{vocab.json,merges.txt} pieces
bytes=(characters.yaml --set vocab-type=unigram --set line-end=newline --set vocab-from=pieces)
"$bin/rdrop-preprocess" "${bytes[@]}" --data out/data --dest bytes --threads 1 >log 2>&1 || fail "$(cat log)"
"$bin/rdrop-train" "${bytes[@]}" --data bytes --save-dir byterun --threads 1 >/dev/null
lm --model byterun/model --generate --beam 1 --max-len-b 5 --sequence-bias '689: 500' <prompts >written
same "$(sed 's/ $//' written)" "$(cat prompts)" "a token that ends with a newline"

# One prompt at a time is answered at once.
coproc asked { exec "$bin/rdrop-lm" --model charrun/model --generate --beam 1 --max-len-b 2 --threads 1 2>/dev/null; }
pid=$asked_PID
for prompt in a bc; do
    echo $prompt >&"${asked[1]}"
    read -r answer <&"${asked[0]}" && [[ $answer == $prompt* ]] || fail "an answer at once: $answer"
done
kill "$pid" && { wait "$pid" || true; }

printf 'a\nbc\n' | lm --model charrun/model --per-token 2>/dev/null | wc -l | grep -x ' *5' >/dev/null || fail "characters"

# What is refused, one line each.
refused 1 "use rdrop-lm" "$bin/rdrop-translate" --model $model --input text
: >empty
refused 1 "an empty text" lm --model $model --input empty
refused 2 "tokens-per-sample 25 is more than the model's 24 positions" lm --model $model --input text --tokens-per-sample 25
refused 2 "context-window 24 leaves no new tokens" lm --model $model --input text --context-window 24
refused 1 "no tab; expected FIRST, a tab, SECOND" lm --model $model --input text --conditional
refused 2 "--many-lines" lm --model $model --generate --many-lines --input prompts
refused 2 "--sampling-topk means nothing without --sampling" lm --model $model --generate --sampling-topk 3 --input prompts
refused 2 "--lenpen means nothing without --generate" lm --model $model --lenpen 2 --input text
refused 2 "--base needs --per-line or --per-token" lm --model $model --base 2 --input text
refused 2 "--generate and --base exclude each other" lm --model $model --generate --base 2 --input prompts
cp -r out/data empty_data && : | gzip >empty_data/wiki.valid.tokens.gz
refused 1 "an empty file; expected lines of text" "$bin/rdrop-preprocess" recipe.yaml --data empty_data --dest empty_bin --threads 1
awk 'BEGIN { for (i = 0; i < 30000; i++) printf "word "; print "" }' | gzip >empty_data/wiki.valid.tokens.gz
"$bin/rdrop-preprocess" recipe.yaml --data empty_data --dest long --threads 1 >/dev/null
"$bin/rdrop-train" recipe.yaml --data long --save-dir longrun --set max-update=1 --threads 1 >/dev/null || fail "a long line"
refused 1 "line 1 has 30001 tokens, but the model takes up to 24" \
    "$bin/rdrop-train" recipe.yaml --data long --save-dir longrun2 --set sample-break-mode=complete --set max-target-positions=24 --threads 1
# Text is read as in the model's training, whatever its blocks are: with the loss of its validation.
for mode in none complete eos; do
    "$bin/rdrop-train" recipe.yaml --data out/bin --save-dir $mode --set sample-break-mode=$mode --set tokens-per-sample=8 \
        --set max-target-positions=64 --set decoder-learned-pos=true --set max-update=24 --threads 1 >/dev/null
    loss=$(grep '"event":"valid".*"best":true' $mode/train.jsonl | tail -n 1 | sed 's/.*"nll":\([0-9.]*\).*/\1/')
    lm --model $mode/model --input out/data/wiki.valid.tokens.gz --precision fp32 >log
    awk -v loss="$loss" '{ sub(/.*: loss /, ""); off = ($1 - loss) / loss; exit !(off < 2e-4 && off > -2e-4) }' log ||
        fail "$mode: validation has $loss, $(cat log)"
done
"$bin/rdrop-train" recipe.yaml --data out/bin --save-dir small --set max-tokens=10 --set max-update=1 --threads 1 >log 2>&1
grep 'max-tokens is 10, but a block has 16' log >/dev/null || fail "batches smaller than blocks: $(cat log)"
cp out/bin/train.bin out/bin/valid.bin chars
refused 1 "run rdrop-preprocess again" "$bin/rdrop-train" characters.yaml --data chars --save-dir other --threads 1
refused 1 "the model has an encoder" "$bin/rdrop-train" recipe.yaml --data out/bin --save-dir other --set encoder-layers=1 --threads 1
echo passed
