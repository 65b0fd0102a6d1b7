#!/usr/bin/env bash
# Files made to crash a program, to take its memory or its time, or to speak to the terminal: each is
# one line of a message and exit status 1. And a stack of 128 KiB is enough for all programs.
set -u
. "$(dirname "$(realpath "$0")")/setup.sh"
unset DNNL_MAX_CPU_ISA # the stack that oneDNN's newest products take counts, too
n=0

# refused WORDS COMMAND...: exit status 1 and one line on standard error that holds WORDS
refused() {
    local words=$1 code
    shift
    "$@" >got 2>err </dev/null
    code=$?
    [ $code -eq 1 ] || fail "$*: exit $code: $(head -n 3 err)"
    [ "$(wc -l <err)" -eq 1 ] || fail "$*: $(wc -l <err) lines: $(head -n 3 err)"
    grep -qF -- "$words" err || fail "$*: no \"$words\" in: $(cat err)"
    tr -d '\n' <err | LC_ALL=C grep -q '[[:cntrl:]]' && fail "$*: control characters: $(cat -v err)"
    n=$((n + 1))
}

# model NAME: a copy of the trained model, to change
model() {
    rm -rf "$1" && cp -r out/model "$1"
}

# repeat TEXT N: without line ends
repeat() {
    yes "$1" | head -n "$2" | tr -d '\n'
}

# number N: as 8 bytes
number() {
    local shift
    for shift in 0 8 16 24 32 40 48 56; do printf '%b' "\\x$(printf %02x $(($1 >> shift & 255)))"; done
}

# A header of 4.5 MB of {}, which takes 400 MB of memory parsed; the file is large enough for weights.
model header
{
    number 4500009
    printf '{"x":['
    repeat '{},' 1500000
    printf '0]}'
    cat out/model/model.safetensors
} >header/model.safetensors
refused "too many values for its size" "$bin/rdrop-translate" --model header --input input
refused "too many values for its size" "$bin/rdrop-convert" --info header

# SentencePiece models: pieces without text, and a tag of five bytes for an empty normalizer. They come with a
# config.yaml that does not say of which vocabulary the model is, as an attacker's would agree with his file.
vocabulary_model() {
    model "$1" && sed -i '/^vocabulary: /d' "$1/config.yaml"
}
vocabulary_model pieces
printf '\n\0' >>pieces/spm.model
refused "a piece of no text" "$bin/rdrop-translate" --model pieces --input input
vocabulary_model tag
printf '\x9a\x80\x80\x80\x10\0' >>tag/spm.model
refused "truncated or damaged" "$bin/rdrop-translate" --model tag --input input
vocabulary_model twice
printf '\x1a\0' >>twice/spm.model
refused "a part that comes twice" "$bin/rdrop-translate" --model twice --input input

# Nesting, in YAML and JSON.
model yaml
{ printf 'x: ' && repeat '[' 200000; } >yaml/config.yaml
refused "more than 64 deep" "$bin/rdrop-translate" --model yaml --input input
refused "more than 64 deep" "$bin/rdrop-train" yaml/config.yaml --data bin --save-dir none
mkdir json && repeat '{"a":' 100000 >json/config.json
refused "more than 64 deep" "$bin/rdrop-convert" --info json
repeat '[' 100000 >refs.jsonl
echo >>refs.jsonl
echo a >hypothesis
refused "more than 64 deep" "$bin/rdrop-score" --ref refs.jsonl hypothesis

# What files hold stays on its line.
printf 'lr: "a\\e[31m\\nb"\n' >colour.yaml
refused 'a\x1b[31m\nb' "$bin/rdrop-recipe" colour.yaml
printf 'x' >$'two\nlines.yaml'
refused 'two\nlines.yaml' "$bin/rdrop-recipe" $'two\nlines.yaml'
mkdir type && printf '{"model_type": "\\u001b[31m"}' >type/config.json
"$bin/rdrop-convert" --info type >got 2>&1
LC_ALL=C grep -q $'\x1b' got && fail "--info: $(cat -v got)"

# Nothing that SentencePiece could learn from.
mkdir blank
for side in en de; do
    printf ' \n\t\n' | tee blank/train.$side >blank/valid.$side
done
for type in unigram bpe; do
    refused "no text" "$bin/rdrop-preprocess" tiny.yaml --data blank --dest none --threads 1 \
        --set vocab-type=$type --set mask=0 --set mask-piece=false
done

# Drawn segmentations longer than the model reads.
settings="--set mask=0 --set permute-sentences=0 --set sentencepiece-alpha=0.1 --set eval-bleu=false --set max-update=30"
# shellcheck disable=SC2086 # several options
"$bin/rdrop-preprocess" tiny.yaml --data data --dest drawn --threads 1 $settings >log 2>&1 || fail "$(cat log)"
longest=$(sed -n 's/.*longest \([0-9]*\).*/\1/p' log | sort -n | tail -n 1)
# shellcheck disable=SC2086
"$bin/rdrop-train" tiny.yaml --data drawn --save-dir drawn/out $settings \
    --set max-source-positions=$((longest + 1)) --set max-target-positions=$((longest + 1)) >log 2>&1 ||
    fail "drawn segmentations: $(tail -n 1 log)"

# Under a small stack. (Sanitizers need more.)
if ! sanitized; then
    small() {
        (ulimit -s 128 && exec "$@") >got 2>err || {
            status=$?
            grep -q 'precision bf16: needs' err && return # not every processor can
            fail "ulimit -s 128: $*: exit $status: $(tail -n 1 err)"
        }
        n=$((n + 1))
    }
    unset OMP_NUM_THREADS
    small "$bin/rdrop-preprocess" tiny.yaml --data data --dest small --threads 2 --shortlist
    for precision in fp32 bf16; do
        small "$bin/rdrop-train" tiny.yaml --data small --save-dir small/$precision --threads 2 --precision $precision \
            --set encoder-embed-dim=512 --set encoder-ffn-embed-dim=2048 --set max-update=1
    done
    small "$bin/rdrop-translate" --model out/model --input input --threads 2 --beam 4 --n-best 4 --print-alignment
    small "$bin/rdrop-convert" --quantize int8 --model out/model --output small/int8
    small "$bin/rdrop-translate" --model small/int8 --input input --threads 2
    small "$bin/rdrop-convert" --info out
    small "$bin/rdrop-score" --metric bleu,chrf++,ter,rouge --paired-bs --ref input input translated
    small "$bin/rdrop-recipe" tiny.yaml
fi
echo "$n attacks"
