#!/usr/bin/env bash
# What an update of BART's shapes takes, and how that grows with the source: seconds, and the process's memory, of
# one pair of made-up text and a target of 64 tokens, with R-Drop, from random weights.
#
#   long_inputs.sh BUILD_DIR [--arch LIST] [--lengths LIST] [--updates N] [--set KEY=VALUE]...
#
#   --arch LIST     bart-base,bart-large
#   --lengths LIST  256,512,1024,2048: source tokens
#   --updates N     measured, after one more (2)
set -euo pipefail
bin=$(realpath "$1")
shift
archs=bart-base,bart-large lengths=256,512,1024,2048 updates=2 settings=()
while [ $# -gt 0 ]; do
    case $1 in
    --arch) archs=$2 ;;
    --lengths) lengths=$2 ;;
    --updates) updates=$2 ;;
    --set) settings+=(--set "$2") ;;
    *)
        sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2
        exit 2
        ;;
    esac
    shift 2
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# A byte-level vocabulary of BART's size: bytes, pairs of letters, triples. A word is two tokens: blank, triple.
mkdir vocab
awk -v pieces=vocab/vocab.json -v merges=vocab/merges.txt 'BEGIN {
    n = split("a b c d e f g h i j k l m n o p q r s t u v w x y z A B C D E F G H I J K L M N O P Q R S T U V W X Y Z", letter, " ")
    printf "{\"<s>\": 0, \"<pad>\": 1, \"</s>\": 2, \"<unk>\": 3" > pieces
    print "#version: 0.2" > merges
    for (b = 0; b < 256; b++) {
        prints = (b > 32 && b < 127) || (b > 160 && b != 173)
        printf ", \"\\u%04x\": %d", prints ? b : 256 + others++, 4 + b > pieces
    }
    id = 260
    for (i = 1; i <= n; i++) for (j = 1; j <= n; j++) {
        printf ", \"%s%s\": %d", letter[i], letter[j], id++ > pieces
        print letter[i], letter[j] > merges
    }
    for (i = 1; i <= n; i++) for (j = 1; j <= n; j++) for (k = 1; k <= n && id < 50264; k++) {
        printf ", \"%s%s%s\": %d", letter[i], letter[j], letter[k], id++ > pieces
        print letter[i] letter[j], letter[k] > merges
    }
    print ", \"<mask>\": 50264}" > pieces
}'
# text WORDS: lines of random words, whose letters ascend so that no later pair is merged first
text() {
    awk -v words="$1" '
        function up(from, to) { return from + int(rand() * (to - from + 1)) }
        BEGIN { srand(1)
            for (line = 0; line < 4; line++) {
                for (w = 1; w <= words; w++) {
                    first = up(97, 113); second = up(first, 122)
                    printf "%s%c%c%c", (w > 1 ? " " : ""), first, second, up(second, 122)
                }
                print ""
            } }'
}
printf '| | source tokens | seconds an update | peak memory, GiB |\n|---|---|---|---|\n'
for arch in ${archs//,/ }; do
    for length in ${lengths//,/ }; do
        cat >recipe.yaml <<END
source-lang: s
target-lang: t
trainpref: train
validpref: train
arch: $arch
vocab-from: vocab
max-source-len: $length
max-target-len: $length
max-source-positions: $((length + 2))
max-target-positions: $((length + 2))
label-smoothing: 0.1
reg-alpha: 0.7
max-tokens: $((length + 2))
max-sentences: 1
max-update: 100
END
        text $(((length - 1) / 2)) >train.s # <s>, a token for the first word, two for each other one, </s>
        text 31 >train.t
        "$bin/rdrop-preprocess" recipe.yaml --data . --dest bin 2>log >&2 || { cat log >&2; exit 1; }
        "$bin/bench-train" recipe.yaml --data bin --warmup 1 --updates "$updates" --budget 0.001 --square 64 \
            ${settings[@]+"${settings[@]}"} >measured
        awk -v arch="$arch" -v source="$length" '
            / tokens an update$/ { for (i = 1; i < NF; i++) if ($(i + 1) == "ms") milliseconds = $i }
            match($0, /peak memory [0-9]+/) { mib = substr($0, RSTART + 12, RLENGTH - 12) }
            END { printf "| `%s` | %d | %.1f | %.2f |\n", arch, source, milliseconds / 1000, mib / 1024 }' measured
    done
done
