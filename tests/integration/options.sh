#!/usr/bin/env bash
# The command lines of all programs: --help, --version and the man page know the same options, each of them is
# understood, and an option that is not known is named as it was typed. Argument: the build directory.
set -euo pipefail
. "$(dirname "$0")/../assert.sh"
bin=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# wrong TEXT PROGRAM ARGUMENTS...: wrong usage, in one line that has TEXT.
wrong() {
    local text=$1 got=0
    shift
    "$bin/$1" "${@:2}" >out 2>err </dev/null || got=$?
    [ $got -eq 2 ] || fail "$*: exit $got ($(cat err))"
    [ ! -s out ] || fail "$*: something was printed"
    [ "$(wc -l <err)" -eq 1 ] || fail "$*: not one line: $(cat err)"
    grep -qF -- "$text" err || fail "$*: '$(cat err)' does not say '$text'"
    grep -qF -- "$1: " err || fail "$*: '$(cat err)' does not name the program"
}

n=0
for program in rdrop-preprocess rdrop-train rdrop-translate rdrop-score rdrop-recipe rdrop-convert rdrop-predict rdrop-lm; do
    "$bin/$program" --help >help || fail "$program --help"
    "$bin/$program" -h | cmp - help || fail "$program: -h is not --help"
    "$bin/$program" --version | grep -xE "$program [0-9]+\.[0-9]+\.[0-9]+" >/dev/null || fail "$program --version"
    "$bin/$program" --man >page || fail "$program --man"
    grep -q "^Usage: $program" help || fail "$program: --help has no usage"
    [ "$(sed -E 's/^  (rdrop|echo|paste).*//' help | awk 'length > 80' | wc -l)" -eq 0 ] || fail "$program: --help is wider than 80 columns"
    if command -v groff >/dev/null; then
        [ -z "$(groff -man -ww -z page 2>&1)" ] || fail "$program: the man page: $(groff -man -ww -z page 2>&1)"
    fi
    # "  -r, --ref FILE ..." and "\fB\-r\fR, \fB\-\-ref\fR \fIFILE\fR"
    sed -nE 's/^  (   |-[a-z],) --([a-z0-9-]+)( [^ ]+)?.*/\2/p' help | sort >in_help
    sed -nE 's/^(\\fB\\-[a-z]\\fR, )?\\fB\\-\\-([a-z0-9\\-]+)\\fR.*/\2/p' page | sed 's/\\//g' | sort >in_page
    cmp in_help in_page || fail "$program: the man page has other options than --help"
    [ -z "$(uniq -d in_help)" ] || fail "$program: named twice: $(uniq -d in_help)"
    flags=()
    while read -r option; do
        n=$((n + 1))
        case $option in help | version) continue ;; esac
        if grep -qE -- "--$option [A-Z]" help; then
            wrong "option '--$option' needs a value" $program "--$option"
        else
            flags+=("--$option")
        fi
    done <in_help
    wrong "unknown option '--no-such-option'" $program ${flags[@]+"${flags[@]}"} --no-such-option
    wrong "unknown option '--no-such-option'" $program --no-such-option=3
    wrong "unknown option '-xyz'" $program -xyz word
    wrong "unknown option '-x'" $program -x=word
    wrong "did you mean '--version'" $program --versoin
done
# Every key of a recipe is in the man page of rdrop-recipe, and nothing else is.
"$bin/rdrop-recipe" --help-recipe | sed -nE 's/^([a-z][a-z0-9-]*)  .*/\1/p' | sort >in_help
"$bin/rdrop-recipe" --man | sed -nE 's/^\\fB([a-z][a-z0-9\-]*)\\fR: .*/\1/p' | sed 's/\\//g' | sort >in_page
[ "$(wc -l <in_help)" -gt 150 ] || fail "few keys: $(wc -l <in_help)"
diff in_help in_page >&2 || fail "the man page of rdrop-recipe has other keys (>) than --help-recipe (<)"
[ $n -gt 100 ] || fail "only $n options were found"

# Every search key of a recipe is an option, under the same name.
echo "max-update: 1" >r.yaml
"$bin/rdrop-recipe" r.yaml --group search | sed 's/:.*//' >keys
"$bin/rdrop-translate" --help >help
while read -r key; do
    grep -qE -- "--$key( |$)" help || fail "rdrop-translate --help has no --$key"
done <keys

wrong "option '-ref' needs a value" rdrop-score -ref # as sacreBLEU's -tok
wrong "option '--ref' needs a value, found '--metric'" rdrop-score --ref --metric bleu
wrong "--threads is 'x'; expected a whole number" rdrop-translate --model m --threads x
wrong "--threads is 0; expected 1 to 4096" rdrop-translate --model m --threads=0
wrong "--n-best is 0" rdrop-translate --model m --n-best 0
wrong "--lenpen-form is 'wu'; expected one of power, gnmt" rdrop-translate --model m --lenpen-form wu
wrong "unexpected argument 'a\\x1b[31m\\nb'" rdrop-translate $'a\e[31m\nb' # a name that a pattern found
wrong "unknown option '--\\x1b[31m'" rdrop-score $'--\e[31m'
wrong "unknown option '-r5'; did you mean '-r 5'?" rdrop-score -r5
wrong "'--window-' may be any of --window-tokens, --window-overlap" rdrop-translate --window- 3
wrong "expected --model DIR" rdrop-translate
wrong "unexpected argument 'word'; a file to read is --input FILE" rdrop-translate --model m word
wrong "--set lr=VALUE" rdrop-train r.yaml --data d --lr 3
wrong "--precision is 'int8'" rdrop-train r.yaml --data d --precision int8
wrong "no key 'beem'; did you mean 'beam'?" rdrop-recipe r.yaml --get beem
wrong "no value of 'vocab-size' is kept: it means vocab-size-src and vocab-size-tgt" rdrop-recipe r.yaml --get vocab-size
wrong "--group is 'x'" rdrop-recipe r.yaml --group x
"$bin/rdrop-recipe" r.yaml --set best-checkpoint-metric=rouge >log 2>&1 && fail "a metric that there is not"
grep -q "there are: loss, .*rougeL$" log || fail "what a task is validated by: $(cat log)"

# The last of two counts, which is said where they are files.
"$bin/rdrop-score" --ref in --ref in --html a.html --html b.html in >log 2>&1 || true
grep -F -- "--html is given twice: 'b.html' counts, and not 'a.html'" log >/dev/null || fail "two files: $(cat log)"
"$bin/rdrop-recipe" r.yaml --get beam --get nbest >log 2>&1 && grep -F "'nbest' counts, and not 'beam'" log >/dev/null || fail "two keys: $(cat log)"

# The groups' keys are the recipe's, each once; aliases and other spellings mean the same.
"$bin/rdrop-recipe" r.yaml >all
"$bin/rdrop-recipe" r.yaml --group data model train search score | cmp - all || fail "the groups are not the recipe"
"$bin/rdrop-recipe" r.yaml --group data,model --group=train -group search,score | cmp - all || fail "several --group"
[ "$("$bin/rdrop-recipe" --set=beam=7 -- r.yaml)" = "$("$bin/rdrop-recipe" r.yaml -set beam=7)" ] || fail "--set"
[ "$("$bin/rdrop-recipe" r.yaml --se nbest=3 --get n-best)" = 3 ] || fail "a beginning of --set"
PATH=/nowhere "$bin/rdrop-recipe" run quickstart 2>err && fail "rdrop-recipe run without a shell"
grep -F 'cannot start bash: ' err >/dev/null || fail "rdrop-recipe run without a shell: $(cat err)"
echo "all as expected"
