#!/usr/bin/env bash
# IWSLT 2014 German-English as DATA_DIR/{train,valid,test}.{de,en}: text out of the XML and the
# tags, lowercased, cleaned by length and ratio (words), every 23rd pair held out for validation,
# the test sets joined. The same steps and limits as fairseq's preparation, less the tokenizer
# and BPE, which SentencePiece replaces.
#
#   prepare-iwslt14.sh DATA_DIR BUILD_DIR
#
# IWSLT14_ARCHIVE names a local de-en.tgz; without it the archive is downloaded.
set -euo pipefail
# shellcheck source=recipes/download.sh
. "$(dirname "$0")/download.sh"
data=$1
origin=http://dl.fbaipublicfiles.com/fairseq/data/iwslt14/de-en.tgz
sed=(sed -E)

mkdir -p "$data"
work=$(mktemp -d "$data/prepare.XXXXXX")
trap 'rm -rf "$work"' EXIT

fail() {
    echo "prepare-iwslt14.sh: $*" >&2
    exit 1
}

archive=${IWSLT14_ARCHIVE:-$work/de-en.tgz}
if [ -z "${IWSLT14_ARCHIVE:-}" ]; then
    rd_download "$archive" "" "$origin" ||
        fail "cannot download $origin; download it elsewhere and set IWSLT14_ARCHIVE to the file"
fi
tar -xzf "$archive" -C "$work" --no-same-owner || fail "$archive is not a readable tar.gz"
texts=$work/de-en
[ -d "$texts" ] || fail "$archive has no folder de-en"

# Lowercase of letters beyond ASCII too, whatever locale the caller has.
lower() {
    LC_ALL=C.UTF-8 sed 's/.*/\L&/'
}

# Lines of a training file that are text: no <url>, <talkid>, <keywords>, ...; title tags removed.
train_lines() {
    grep -vE '<(url|talkid|keywords|speaker|reviewer|translator)' "$1" |
        "${sed[@]}" 's/<\/?(title|description)>//g; s/^[ \t\r]+//; s/[ \t\r]+$//'
}

# The <seg> elements of the development and test files, one a line.
segments() {
    { grep -E '<seg id' "$1" || fail "$1 has no <seg id=...> lines"; } |
        "${sed[@]}" "s/^.*<seg id=\"[0-9]+\">[ \t]*//; s/[ \t]*<\/seg>[ \t\r]*\$//; s/’/'/g"
}

for language in de en; do
    [ -e "$texts/train.tags.de-en.$language" ] || fail "$archive has no train.tags.de-en.$language"
    train_lines "$texts/train.tags.de-en.$language" | lower >"$work/all.$language"
    : >"$work/test.$language"
    for name in dev2010 dev2012 tst2010 tst2011 tst2012; do
        for kind in TED TEDX; do
            xml=$texts/IWSLT14.$kind.$name.de-en.$language.xml
            [ -e "$xml" ] || continue
            segments "$xml" | lower >>"$work/test.$language"
        done
    done
    [ -s "$work/test.$language" ] || fail "$archive has no IWSLT14.TED.*.$language.xml"
done
for name in all test; do
    [ "$(wc -l <"$work/$name.de")" -eq "$(wc -l <"$work/$name.en")" ] ||
        fail "$archive: the $name texts differ in length: $(wc -l <"$work/$name.de") German and" \
            "$(wc -l <"$work/$name.en") English lines"
done

# Pairs of 1 to 175 words, neither side more than 1.5 times the other.
paste "$work/all.de" "$work/all.en" | LC_ALL=C awk -F '\t' -v out="$work" '
    {
        d = split($1, unused, " "); e = split($2, unused, " ")
        if (d < 1 || e < 1 || d > 175 || e > 175 || d > 1.5 * e || e > 1.5 * d) { dropped++; next }
        set = ++kept % 23 == 0 ? "valid" : "train"
        print $1 > (out "/" set ".de"); print $2 > (out "/" set ".en")
    }
    END { printf "%d pairs kept, %d dropped\n", kept, dropped > "/dev/stderr" }'
for name in train valid test; do
    [ -s "$work/$name.de" ] || fail "$archive: too few pairs for a $name set"
    for language in de en; do mv "$work/$name.$language" "$data/$name.$language"; done
done
