#!/bin/bash
# rdrop-translate from the outside: order, empty lines, gz, n-best, scores, ensembles, batches and
# threads, bad input. Argument: the build directory. test_translator makes two models of random weights.
set -u
build=$(realpath "$1")
translate=$build/rdrop-translate
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

check() { # description, command...
    local what=$1
    shift
    if "$@"; then return; fi
    echo "FAILED: $what" >&2
    failures=$((failures + 1))
}
# Runs rdrop-translate expecting an exit status and a part of its one-line message.
refuses() { # status, text, arguments...
    local status=$1 text=$2 got
    shift 2
    "$translate" "$@" <in.txt >out.refused 2>err.refused
    got=$?
    check "exit $status of: $*, not $got" [ "$got" -eq "$status" ]
    check "message of: $* has \"$text\": $(head -c 300 err.refused)" grep -qF -- "$text" err.refused
    check "one line of message: $*" [ "$(wc -l <err.refused)" -eq 1 ]
}

words=(a dog cat man red blue house runs sees the big two old tree on under)
generate() { # lines, seed
    RANDOM=$2
    for ((i = 0; i < $1; i++)); do
        line=
        for ((k = RANDOM % 12 + 1; k > 0; k--)); do line+="${words[RANDOM % 16]} "; done
        echo "${line% }"
    done
}
mkdir models
"$build/test_translator" models >log 2>&1 || { cat log; exit 1; }
MODEL_A=$work/models/a MODEL_B=$work/models/b

generate 200 3 | awk 'NR % 17 == 3 { print ""; next } NR % 19 == 5 { print "  "; next } { print }' >in.txt
"$translate" --model "$MODEL_A" <in.txt >plain || exit 1
check "a line out for each line in" [ "$(wc -l <plain)" -eq 200 ]
check "empty in, empty out" [ "$(paste -d '|' in.txt plain | grep -cE '^ *\|.')" -eq 0 ]
check "and some lines are not" [ "$(grep -c . plain)" -gt 50 ]

gzip -k in.txt
sed 's/$/\r/' in.txt >crlf.txt
for way in "--input in.txt" "--input in.txt.gz" "--input crlf.txt" "--input - --batch-tokens 7" \
    "--input in.txt --threads 1" "--input in.txt --threads 3 --batch-tokens 40" \
    "--input in.txt --window 1" "--input in.txt --window 1000 --model $MODEL_A" \
    "--input in.txt --output file.out" "--input in.txt --output packed.gz"; do
    # shellcheck disable=SC2086 # the words of a way are arguments
    "$translate" --model "$MODEL_A" $way <in.txt >out
    [ -e file.out ] && mv file.out out
    [ -e packed.gz ] && gzip -dc packed.gz >out && rm packed.gz
    check "same output with: $way" cmp -s plain out
done
# Precisions: close to each other, and weights rounded ahead of time are those rounded when opened.
"$build/rdrop-convert" --quantize int8 --model "$MODEL_A" --output quantized || exit 1
check "smaller" [ "$(stat -c %s quantized/model.safetensors)" -lt \
    "$(stat -c %s "$MODEL_A/model.safetensors")" ]
"$translate" --model quantized --precision fp32 --score plain <in.txt >scores.int8 2>log || exit 1
"$translate" --model "$MODEL_A" --precision fp32 --score plain <in.txt >scores.fp32 2>log || exit 1
check "rounded weights score alike" awk 'NR == FNR { a[NR] = $1; next }
    { d = a[FNR] - $1; if (d < 0) d = -d; if (d > 0.05 * -a[FNR] + 0.1) exit 1 }' scores.fp32 scores.int8
for precision in bf16 int8; do
    "$translate" --model "$MODEL_A" --precision $precision --score plain <in.txt >scores 2>err
    if [ $? -ne 0 ]; then
        check "says what $precision needs" grep -q "precision $precision: needs" err
        continue
    fi
    check "$precision scores alike" awk 'NR == FNR { a[NR] = $1; next }
        { d = a[FNR] - $1; if (d < 0) d = -d; if (d > 0.05 * -a[FNR] + 0.1) exit 1 }' scores.fp32 scores
    "$translate" --model "$MODEL_A" --precision $precision --threads 1 <in.txt >one
    "$translate" --model "$MODEL_A" --precision $precision --threads 3 --batch-tokens 50 <in.txt >many
    check "$precision: batches and threads change nothing" [ "$(diff one many | grep -c '^<')" -lt 5 ]
done
"$build/rdrop-convert" --quantize fp8 --model "$MODEL_A" --output other 2>err
check "quantize takes int8 alone" [ "$?-$(wc -l <err)" = 2-1 ]
"$build/rdrop-convert" --quantize int8 --output other 2>err
check "quantize needs a model" [ "$?-$(wc -l <err)" = 2-1 ]
refuses 2 "'fp8'; expected one of" --model "$MODEL_A" --precision fp8
check "no temporary files left" [ -z "$(ls | grep tmp)" ]
"$translate" --model "$MODEL_A" --model "$MODEL_B" <in.txt >mixed
check "an ensemble of different models runs" [ "$(wc -l <mixed)" -eq 200 ]

"$translate" --model "$MODEL_A" --n-best 3 <in.txt >nbest
check "n-best format" [ "$(grep -cvE '^[0-9]+ \|\|\| .* \|\|\| -?[0-9]+\.[0-9]{4}$' nbest)" -eq 0 ]
awk -F' \\|\\|\\| ' '!($1 in seen) { seen[$1] = 1; print $2 }' nbest >first
check "the first of each n-best list is the translation" cmp -s first plain
check "n-best scores fall" awk -F' \\|\\|\\| ' \
    '$1 == line && $3 > score { exit 1 } { line = $1; score = $3 }' nbest

"$translate" --model "$MODEL_A" --score plain <in.txt >scores 2>totals
check "a score for each line" [ "$(grep -cE '^-?[0-9]+\.[0-9]{4}$' scores)" -eq 200 ]
check "totals of scoring" grep -q '200 references' totals
"$translate" --model "$MODEL_A" --score plain --batch-tokens 9 --threads 2 <in.txt 2>/dev/null |
    paste - scores | awk '{ d = $1 - $2; if (d > 0.001 || d < -0.001) exit 1 }'
check "scores do not depend on batches" [ "${PIPESTATUS[2]}" -eq 0 ]

for setting in "--lenpen-form gnmt" "--temperature 1.5" "--patience 0.25"; do
    # shellcheck disable=SC2086
    "$translate" --model "$MODEL_A" --n-best 3 $setting <in.txt >out || exit 1
    cmp -s nbest out
    check "$setting changes what is found" [ $? -eq 1 ]
done

# Samples depend on seed and line number, not on batches or threads.
"$translate" --model "$MODEL_A" --sampling --seed 5 <in.txt >drawn || exit 1
cmp -s plain drawn
check "samples are not the best" [ $? -eq 1 ]
"$translate" --model "$MODEL_A" --sampling --seed 6 <in.txt >out || exit 1
cmp -s out drawn
check "another seed, other samples" [ $? -eq 1 ]
for way in "--batch-tokens 30 --threads 2" "--window 1" "--window 7 --threads 1 --top-p 1"; do
    # shellcheck disable=SC2086
    "$translate" --model "$MODEL_A" --sampling --seed 5 $way <in.txt >out || exit 1
    check "same samples with: $way" cmp -s drawn out
done
"$translate" --model "$MODEL_A" --sampling --top-k 1 <in.txt >out || exit 1
"$translate" --model "$MODEL_A" --beam 1 <in.txt >greedy || exit 1
check "drawing from one token is greedy search" cmp -s greedy out
"$translate" --model "$MODEL_A" --sampling --top-p 0.9 --n-best 3 --seed 5 <in.txt >out || exit 1
check "so many samples" [ "$(wc -l <out)" -ge $(($(grep -c '[a-z]' in.txt) * 3)) ]
"$translate" --model "$MODEL_A" --n-best 4 --beam 4 --diverse-beam-groups 2 <in.txt >out || exit 1
check "diverse beams" [ "$(wc -l <out)" -ge $(($(grep -c '[a-z]' in.txt) * 4)) ]
refuses 2 "nothing without --sampling" --model "$MODEL_A" --top-k 3
refuses 2 "input and --prefix are both standard input" --model "$MODEL_A" --prefix -
refuses 2 "prefix and --glossary are both standard input" --model "$MODEL_A" --input in.txt --prefix - --glossary -
refuses 2 "exclude each other" --model "$MODEL_A" --sampling --diverse-beam-groups 2
refuses 2 "multiple of the groups" --model "$MODEL_A" --beam 5 --diverse-beam-groups 2
refuses 2 "top-p" --model "$MODEL_A" --sampling --top-p 1.5

"$translate" --model "$MODEL_A" --print-alignment <in.txt >aligned || exit 1
check "alignments stand behind translations" cmp -s <(cut -f 1 aligned) plain
check "and are pairs" [ "$(cut -f 2 aligned | grep -cvE '^([0-9]+-[0-9]+( [0-9]+-[0-9]+)*)?$')" -eq 0 ]
check "of words that are there" awk -F '\t' '{ n = split($1, source, " "); m = split($2, target, " ")
    for (k = split($3, pairs, " "); k; k--) { split(pairs[k], p, "-"); if (p[1] >= n || p[2] >= m) exit 1 } }' \
    <(paste in.txt aligned)
check "every word is aligned" awk -F '\t' '{ split("", seen); m = split($1, target, " ")
    for (k = split($2, pairs, " "); k; k--) { split(pairs[k], p, "-"); seen[p[2]] = 1 }
    if (length(seen) != m) exit 1 }' aligned
"$translate" --model "$MODEL_A" --print-alignment --n-best 3 <in.txt >out || exit 1
check "alignments of lists" cmp -s <(sed 's/ |||[^|]*$//' out) nbest
refuses 2 "has 1 layers" --model "$MODEL_A" --print-alignment --alignment-layer 2
refuses 2 "means nothing without --print-alignment" --model "$MODEL_A" --alignment-layer 1
refuses 2 "has 1 layers" --model "$MODEL_A" --coverage-penalty 1 --alignment-layer 2
for option in --print-alignment --replace-unk "--alignment-layer 1"; do
    # shellcheck disable=SC2086
    refuses 2 "exclude each other" --model "$MODEL_A" $option --score plain
done
refuses 2 "--nbest means nothing with --score" --model "$MODEL_A" --n-best 4 --score plain
refuses 2 "--sampling means nothing with --score" --model "$MODEL_A" --sampling --score plain

# Translations begin with their line of --prefix; without one, they are as they were.
awk '!/[a-z]/ { print ""; next } NR % 3 == 1 { print "the old" } NR % 3 == 2 { print "a cat sees" } NR % 3 == 0 { print "" }' in.txt >prefix
"$translate" --model "$MODEL_A" --prefix prefix --batch-tokens 50 <in.txt >prefixed
check "each translation begins with its prefix" \
    awk -F'|' '$1 ~ /[a-z]/ && index($3, $2) != 1 { exit 1 }' <(paste -d '|' in.txt prefix prefixed)
check "no prefix, no change" \
    cmp -s <(awk 'NR % 3 == 0' plain) <(awk 'NR % 3 == 0' prefixed)
head -7 prefix >prefix.short
refuses 1 "prefix.short has 7" --model "$MODEL_A" --prefix prefix.short
awk '{ print "the" }' in.txt >prefix.everywhere
refuses 1 "line $(grep -nm 1 -v '[^ ]' in.txt | cut -d: -f1): a prefix, but there is nothing" --model "$MODEL_A" \
    --prefix prefix.everywhere
refuses 1 "line $(grep -nm 1 -v '[^ ]' in.txt | cut -d: -f1): a prefix, but there is nothing" --model "$MODEL_A" \
    --prefix prefix.everywhere --split-sentences
awk '{ print NR == 2 ? "日本 the" : "" }' in.txt >prefix.unknown
for split in "" --split-sentences; do
    # shellcheck disable=SC2086
    refuses 1 "line 2: a prefix with what the target vocabulary lacks: 日本 the" --model "$MODEL_A" --prefix prefix.unknown $split
done
refuses 2 "exclude each other" --model "$MODEL_A" --prefix prefix --score plain

# What is kept is within the alignment, also where a line is translated in parts.
sed 's/ / <b> /3; s/$/ <i>x<\/i>/; s/^/<u> /' in.txt >tagged
for window in 3 5 6 7 12; do
    "$translate" --model "$MODEL_A" --keep '<[^>]+>' --print-alignment --window-tokens $window --input tagged >out 2>/dev/null || exit 1
    awk -F'\t' '{ words = split($1, w, " "); n = split($2, pairs, " ")
        for (i = 1; i <= n; i++) { split(pairs[i], pair, "-"); bad += pair[2] >= words; all++ } } END { exit bad || !all }' out ||
        { echo "FAILED: windows of $window: alignments beyond the last word"; exit 1; }
done

# A string longer than a window is put first, whole, and the words after it keep their alignment.
grep '[a-z]' in.txt | sed 's/^/<the old house sees a cat or a dog> /' >tagged
"$translate" --model "$MODEL_A" --keep '<[^>]+>' --print-alignment --window-tokens 3 --input tagged >out 2>/dev/null || exit 1
awk -F'\t' '{ n = split($2, pairs, " "); all += n
    for (i = 1; i <= n; i++) { split(pairs[i], pair, "-"); bad += pair[2] < 9 } } END { exit bad || !all }' out ||
    { echo "FAILED: words are aligned that were put first: $(head -2 out)"; exit 1; }

# Phrases that must appear, line by line or by the words of the input.
awk 'NR % 3 == 1 { print "the red house" } NR % 3 == 2 { print "cat\told tree\tcat" } NR % 3 == 0 { print "" }' \
    in.txt >constraints
for more in "--beam 12" "--beam 6 --diverse-beam-groups 3" "--beam 2 --batch-tokens 30 --coverage-penalty 0.2"; do
    # shellcheck disable=SC2086
    "$translate" --model "$MODEL_A" --constraints constraints --max-len-b 25 $more <in.txt >out 2>err || exit 1
    check "phrases appear with $more" awk -F'|' '$1 ~ /[a-z]/ { n = split($2, p, "\t")
        for (i = 1; i <= n; i++) if (!index($3, p[i])) exit 1
        if (n == 3 && $3 !~ /cat.*cat/) exit 1 }' <(paste -d '|' in.txt constraints out)
    # shellcheck disable=SC2086
    check "unasked lines with $more" cmp -s <(awk 'NR % 3 == 0' out) \
        <("$translate" --model "$MODEL_A" --max-len-b 25 $more <in.txt | awk 'NR % 3 == 0')
    check "warnings are of empty lines only" [ "$(grep -c warning err)" -eq \
        "$(paste -d '|' in.txt constraints | grep -cE '^ *\|.')" ]
done
"$translate" --model "$MODEL_A" --constraints constraints --max-len-a 0 --max-len-b 2 <in.txt >out 2>err
check "what has no room is named" grep -q 'standard input:1: no room or no pieces for "the red house"' err
printf 'dog\tblue man\nold tree\ton the\n' >terms.tsv
"$translate" --model "$MODEL_A" --glossary terms.tsv --max-len-b 40 --beam 8 <in.txt >out 2>err || exit 1
check "the glossary's terms appear" awk -F'|' '
    $1 ~ /(^| )dog( |$)/ { dogs++; if (!index($2, "blue man")) exit 1 }
    $1 ~ /(^| )old tree( |$)/ { trees++; if (!index($2, "on the")) exit 1 }
    END { if (dogs < 20 || !trees) exit 1 }' <(paste -d '|' in.txt out)
check "without a warning" [ ! -s err ]
yes "" | head -7 >constraints.short
refuses 1 "constraints.short has 7" --model "$MODEL_A" --constraints constraints.short
echo "no tab" >terms.bad
refuses 1 "terms.bad:1: not a line of a glossary" --model "$MODEL_A" --glossary terms.bad
refuses 2 "exclude each other" --model "$MODEL_A" --glossary terms.tsv --sampling
refuses 1 "terms.bad: not a shortlist" --model "$MODEL_A" --shortlist terms.bad
refuses 1 "no-such" --model "$MODEL_A" --shortlist no-such
refuses 2 "exclude each other" --model "$MODEL_A" --constraints constraints --score plain

yes 'the old house' | head -200 | tr '\n' ' ' >longer
"$translate" --model "$MODEL_A" --score longer --input longer >out 2>err || exit 1
check "lines cut for scoring are named" grep -qE '^rdrop-translate: warning: longer:1: line cut, its last [0-9]+ tokens are beyond the 39 ' err

# Lines that are long: cut, in sentences, in windows; always a line for a line.
"$translate" --model "$MODEL_A" --max-input-length 5 <in.txt >out 2>err || exit 1
long=$(grep -c . err)
check "a warning for each line that is cut" [ "$long" -gt 20 ]
check "that names it" [ "$(grep -cE '^rdrop-translate: warning: standard input:[0-9]+: line cut, its last [0-9]+ tokens are beyond the 5 that are used$' err)" -eq "$long" ]
"$translate" --model "$MODEL_A" --max-input-length 5 --truncate-source <in.txt >counted 2>err || exit 1
check "counted instead" grep -qx "rdrop-translate: warning: standard input: $long lines cut, [0-9]* tokens dropped in all" err
check "in one line" [ "$(wc -l <err)" -eq 1 ]
check "with the same translations" cmp -s out counted
"$translate" --model "$MODEL_A" --truncate-source <in.txt >out 2>err
check "nothing to count" [ ! -s err ]
grep '[a-z]' in.txt >full
paste -d '|' full <(tac full) | sed 's/|/? /; s/$/!/' >paragraphs
"$translate" --model "$MODEL_A" --split-sentences --input paragraphs >split 2>err || exit 1
check "a line for each paragraph" [ "$(wc -l <split)" -eq "$(wc -l <full)" ]
sed 's/? /?\n/' paragraphs >sentences
"$translate" --model "$MODEL_A" --input sentences >out || exit 1
check "its sentences, joined" cmp -s <(tr -s ' ' <split | sed 's/^ //; s/ $//') \
    <(paste -d ' ' - - <out | tr -s ' ' | sed 's/^ //; s/ $//')
"$translate" --model "$MODEL_A" --split-sentences --split-language de --print-alignment --input paragraphs >out || exit 1
check "alignments of joined lines" awk -F '\t' '{ n = split($1, source, " "); m = split($2, target, " ")
    for (k = split($3, pairs, " "); k; k--) { split(pairs[k], p, "-"); if (p[1] >= n || p[2] >= m) exit 1 } }' \
    <(paste paragraphs out)
tr '\n' ' ' <in.txt >document
"$translate" --model "$MODEL_A" --window-tokens 20 --window-overlap 5 --input document >out 2>err || exit 1
check "a document in one line" [ "$(wc -l <out)" -eq 1 ]
check "nothing of it cut" [ ! -s err ]
"$translate" --model "$MODEL_A" --split-sentences --window-tokens 20 --sampling --input paragraphs >out || exit 1
"$translate" --model "$MODEL_A" --split-sentences --window-tokens 20 --sampling --input paragraphs --window 3 >other || exit 1
check "samples of parts do not depend on windows" cmp -s out other
refuses 2 "exclude each other" --model "$MODEL_A" --split-sentences --n-best 2
refuses 2 "exclude each other" --model "$MODEL_A" --split-sentences --score plain
refuses 2 "nothing without --window-tokens" --model "$MODEL_A" --window-overlap 2
refuses 2 "at most 39" --model "$MODEL_A" --window-tokens 40
refuses 2 "max-input-length" --model "$MODEL_A" --max-input-length 0

# A conversation, through a pipe and on a terminal of its own.
head -3 in.txt | "$translate" --model "$MODEL_A" --interactive >out 2>err || exit 1
check "interactive answers" cmp -s out <(head -3 plain)
check "and says how" grep -q 'Ctrl-D ends' err
check "prompts once more than there are lines" [ "$(grep -o '> ' err | wc -l)" -eq 4 ]
if command -v script >/dev/null; then
    head -3 in.txt | TERM=dumb script -qec "$translate --model $MODEL_A --interactive" /dev/null | tr -d '\r' | sed 's/^> //' >out
    check "interactive on a terminal ends by Ctrl-D" [ "${PIPESTATUS[1]}" -eq 0 ]
    check "with its answers" [ "$(grep -cxF -f <(head -3 plain | grep .) out)" -ge 2 ]
fi
# The first letter comes last, after Ctrl-A, to the start of the line; then Ctrl-P recalls the line.
if command -v script >/dev/null && ldd "$translate" | grep libedit >/dev/null; then
    first=$(head -1 in.txt)
    printf '%s\001%s\n\020\n' "${first:1}" "${first:0:1}" |
        TERM=xterm script -qec "$translate --model $MODEL_A --interactive >edited" /dev/null >screen
    check "an edited line ends by Ctrl-D" [ "${PIPESTATUS[1]}" -eq 0 ]
    check "lines are edited and recalled" cmp -s edited <(head -1 plain && head -1 plain)
fi
refuses 2 "exclude each other" --model "$MODEL_A" --interactive --input in.txt

check "nothing in, nothing out" [ -z "$("$translate" --model "$MODEL_A" </dev/null)" ]
printf 'a dog \377\376 runs' >broken
check "invalid UTF-8 is repaired" \
    [ "$("$translate" --model "$MODEL_A" <broken 2>err | wc -l)" -eq 1 ]
check "and said" grep -q 'standard input:1: not UTF-8, as 1 of 1 lines' err
generate 2000 4 | tr '\n' ' ' >long
"$translate" --model "$MODEL_A" --max-len-a 0 --max-len-b 3 <long >out 2>err
check "a line too long is cut" [ "$(wc -l <out)" -eq 1 ]
check "and named" grep -q ':1: line cut' err

# The answer to the first line comes before the second line is given.
coproc "$translate" --model "$MODEL_A"
# shellcheck disable=SC2154 # coproc sets COPROC and COPROC_PID
pid=$COPROC_PID
echo "a dog runs" >&"${COPROC[1]}"
check "an early answer" read -r -t 60 _ <&"${COPROC[0]}"
eval "exec ${COPROC[1]}>&-"
wait "$pid"

# A signal ends it while it waits for more, or for anything; its output is no file then.
asleep() { until grep '^State:.S' "/proc/$1/status" >/dev/null; do :; done; }
for signal in TERM INT HUP; do
    coproc "$translate" --model "$MODEL_A" 2>err
    pid=$COPROC_PID
    exec 3<&"${COPROC[0]}" 4>&"${COPROC[1]}"
    echo "a dog runs" >&4
    read -r -t 60 _ <&3
    asleep "$pid"
    kill -$signal "$pid"
    read -r -t 60 _ <&3
    check "SIG$signal ends it" [ $? -eq 1 ]
    wait "$pid"
    check "SIG$signal: a failure, not $?" [ $? -eq 1 ]
    check "SIG$signal: $(cat err)" grep -qx 'rdrop-translate: stopped after 1 lines' err
    exec 3<&- 4>&-
done
mkfifo silent
"$translate" --model "$MODEL_A" --input silent --output unfinished 2>err &
pid=$!
exec 3>silent # as soon as it is opened to be read
asleep $pid
kill -TERM $pid
wait $pid
outcome="$?: $(cat err)"
check "SIGTERM before anything came: $outcome" [ "$outcome" = "1: rdrop-translate: stopped after 0 lines" ]
check "and nothing is left" [ -z "$(ls unfinished* 2>/dev/null)" ]
exec 3>&-

"$translate" --model "$MODEL_A" --input in.txt 2>err | head -1 >/dev/null
check "silent when its reader leaves" [ ! -s err ]
if [ -e /dev/full ]; then
    "$translate" --model "$MODEL_A" <in.txt >/dev/full 2>err
    check "a full disk is a failure" [ $? -eq 1 ]
    check "and is named" grep -q 'cannot write' err
fi

mkdir empty no-weights
cp "$MODEL_A"/*.yaml "$MODEL_A"/*.model no-weights/ 2>/dev/null
refuses 1 "nowhere" --model nowhere
refuses 1 "config.yaml" --model empty
refuses 1 "model.safetensors" --model no-weights
refuses 1 "nothing.txt" --model "$MODEL_A" --input nothing.txt
refuses 1 "missing/out" --model "$MODEL_A" --output missing/out
refuses 2 "nbest" --model "$MODEL_A" --beam 2 --n-best 3
refuses 2 "beam" --model "$MODEL_A" --beam 0
refuses 2 "beam" --model "$MODEL_A" --beam five
refuses 2 "max-len" --model "$MODEL_A" --max-len-a -1
refuses 2 "--temperature is 0" --model "$MODEL_A" --temperature 0
refuses 2 "'wu'; expected one of power, gnmt" --model "$MODEL_A" --lenpen-form wu
refuses 2 "unknown option" --model "$MODEL_A" --no-such-option
refuses 2 "--model" --beam 3
refuses 2 "surplus" --model "$MODEL_A" surplus
head -5 plain >short
refuses 1 "short" --model "$MODEL_A" --score short
check "help" grep -q 'Usage: rdrop-translate' <("$translate" --help)

[ "$failures" -eq 0 ] && echo "all passed"
exit $((failures > 0))
