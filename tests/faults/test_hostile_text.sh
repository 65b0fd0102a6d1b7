#!/usr/bin/env bash
# Whatever bytes come in, rdrop-translate gives one line for each, in order, and says nothing bad but
# what it cut and what is not UTF-8; rdrop-score gives a score or a line that says what is wrong.
set -u
. "$(dirname "$(realpath "$0")")/setup.sh"
n=0

# lines FILE: as rdrop-translate counts them, a last one without its end included
lines() {
    awk 'END { print NR }' "$1"
}

# translate NAME: the file NAME, alone and between lines whose translations are known
translate() {
    local before after expected
    before=$(lines "$1")
    "$bin/rdrop-translate" --model out/model --threads 1 --max-len-b 5 --max-len-a 0 <"$1" >got 2>err ||
        fail "$1: exit $?: $(tail -n 3 err)"
    after=$(wc -l <got)
    [ "$before" -eq "$after" ] || fail "$1: $before lines in, $after out"
    grep -vqE '^rdrop-translate: warning: .*: (line cut, |not UTF-8, as )' err && fail "$1: $(head -n 3 err)"
    iconv -f UTF-8 -t UTF-8 got >/dev/null || fail "$1: the output is not UTF-8"
    { head -n 1 input && cat "$1" && echo && sed -n 2p input; } >around
    "$bin/rdrop-translate" --model out/model --threads 1 --max-len-b 5 --max-len-a 0 <around >got2 2>/dev/null ||
        fail "$1, between lines: exit $?"
    expected=$(head -n 1 translated)
    [ "$(head -n 1 got2)" = "$expected" ] || fail "$1: the line before it is translated otherwise"
    expected=$(sed -n 2p translated)
    [ "$(tail -n 1 got2)" = "$expected" ] || fail "$1: the line behind it is translated otherwise"
    n=$((n + 1))
}

# score NAME: as a system and as a reference
score() {
    local code
    # shellcheck disable=SC2094 # both only read
    for order in "$1 plain" "plain $1" "$1 $1"; do
        read -r system reference <<<"$order"
        "$bin/rdrop-score" --metric bleu,chrf++,ter,rouge --threads 1 --ref "$reference" "$system" >got 2>err
        code=$?
        [ $code -le 1 ] || fail "score $order: exit $code"
        if [ $code -eq 1 ]; then
            [ "$(wc -l <err)" -eq 1 ] && [ ! -s got ] || fail "score $order: $(head -n 3 err)"
        else
            grep -qiE 'nan|inf' got && fail "score $order: $(cat got)"
        fi
    done
    n=$((n + 3))
}

long() { head -c "$1" /dev/zero | tr '\0' "$2"; }
mkdir texts
printf 'a\0b\n\0\0\0\nc\0' >texts/nul
printf '\377\375\nabc\200\200\303\n\300\257\n\370\210\200\200\200\n' >texts/invalid
printf '\355\240\200\n\355\260\200x\355\240\275\355\270\200\n' >texts/surrogates
printf '\364\220\200\200\n\357\277\276\n\357\277\277\n\357\267\220\n' >texts/noncharacters
# Longer than the buffer that reads them.
{ long 100000 a && echo && long 100000 ' ' && echo && long 100000 '(' && echo; } >texts/lengthy
{ for ((i = 0; i < 100000; i++)); do echo 'ab '; done | tr '\n' ' ' && echo; } >texts/words
yes '' | head -n 100000 >texts/empty
printf '\001\002\003\033[31m\b\b\177\n\v\f\r\n\r\r\n\302\205\342\200\250\342\200\251\n' >texts/control
printf '\342\200\217\342\200\256abc\342\201\246\n\330\247\331\204\331\205\n\357\273\277x\n' >texts/direction
printf '\360\220\214\260\360\222\200\200\n\360\237\221\251\342\200\215\360\237\221\251\n\352\231\256\n' >texts/scripts
printf 'a' >texts/combining && for ((i = 0; i < 5000; i++)); do printf '\314\201'; done >>texts/combining
printf '<s> </s> <unk> <pad> \342\226\201\n<0x41><0x0A>\n ||| 1 ||| \n' >texts/pieces
: >texts/nothing
printf '\n' >texts/newline
for ((i = 0; i < 2; i++)); do # any bytes, always the same
    awk -v seed=$i 'BEGIN { srand(seed); for (k = 0; k < 20000; k++) printf "%d\n", rand() * 256 }' |
        awk '{ printf "\\%03o", $1 }' | xargs -0 printf >texts/random$i
done
for text in texts/*; do
    translate "$text"
    # As many lines of something else to compare with; nothing where there are none.
    count=$(lines "$text")
    yes 'some plain words.' | head -n "$count" >plain
    score "$text"
done
"$bin/rdrop-score" --metric rouge --ref texts/words texts/words >got 2>err && fail "aligned too many words"
grep -q 'takes [0-9.]* GiB, at most 1 GiB is allowed' err || fail "too many words: $(cat err)"
# The same bits in gzip, and through the n-best list and the scores of given translations.
gzip -c texts/invalid >invalid.gz
"$bin/rdrop-translate" --model out/model --input invalid.gz >got 2>err || fail "gzip: $(cat err)"
[ "$(wc -l <got)" -eq 4 ] || fail "gzip: $(wc -l <got) lines"
for text in texts/control texts/pieces texts/nul; do
    "$bin/rdrop-translate" --model out/model --beam 2 --n-best 2 <"$text" >got 2>err || fail "n-best"
    [ "$(cut -d' ' -f1 got | sort -nu | wc -l)" -eq "$(lines "$text")" ] || fail "n-best of $text"
    grep -vqE '^[0-9]+ \|\|\| .* \|\|\| ' got && fail "n-best of $text: $(cat -v got)"
    "$bin/rdrop-translate" --model out/model --score "$text" --input "$text" >got 2>/dev/null ||
        fail "--score $text"
    [ "$(wc -l <got)" -eq "$(lines "$text")" ] || fail "--score of $text"
done
# As constraints, glossary and prefixes, and as documents in sentences and windows: a line for each line,
# or one that says what is wrong.
sed 's/^/a\t/' texts/pieces >terms.tsv
for text in texts/*; do
    head -n 1000 "$text" >some
    for options in "--constraints some" "--constraints some --prefix some --beam 2" "--glossary $text" \
        "--glossary terms.tsv --split-sentences --split-language xx" "--split-sentences --truncate-source" \
        "--window-tokens 9 --window-overlap 4" "--split-sentences --window-tokens 4" "--max-input-length 3" \
        "--interactive"; do
        input=$text count=$(lines "$text")
        case $text-$options in
        *lengthy-*--window* | *lengthy-*--constraints* | *words-*--window* | *words-*--split*) continue ;; # many windows
        esac
        if [[ $options = *constraints* ]]; then # each line is searched
            count=$(lines some) input=plain
            yes 'a dog' | head -n "$count" >plain
        fi
        # shellcheck disable=SC2086
        timeout 120 "$bin/rdrop-translate" --model out/model --threads 1 --max-len-b 5 --max-len-a 0 $options \
            <"$input" >got 2>err
        code=$?
        case $code in
        0) [ "$(wc -l <got)" -eq "$count" ] || fail "$text, $options, $input: $(wc -l <got) lines" ;;
        1) [ "$(grep -c '^rdrop-translate: [^w]' err)" -eq 1 ] || fail "$text, $options, $input: $(tail -n 3 err)" ;;
        *) fail "$text, $options, $input: exit $code: $(tail -n 3 err)" ;;
        esac
        iconv -f UTF-8 -t UTF-8 got >/dev/null || fail "$text, $options, $input: the output is not UTF-8"
        n=$((n + 1))
    done
done
echo "$n runs, all as expected"
