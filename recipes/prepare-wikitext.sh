#!/usr/bin/env bash
# WikiText as DATA_DIR/wiki.{train,valid,test}.tokens.gz.
#
#   prepare-wikitext.sh NAME DATA_DIR
#
# NAME is wikitext-2 or wikitext-103. WIKITEXT_DIR names a folder that has the files, gzipped or
# not, or WIKITEXT_ZIP the public archive NAME-v1.zip; ../shared/data/NAME is used when it is there;
# otherwise the archive is downloaded.
set -euo pipefail
# shellcheck source=recipes/download.sh
. "$(dirname "$0")/download.sh"
name=$1 data=$2
repository=$(cd "$(dirname "$0")/.." && pwd)
default=$repository/../shared/data/$name
# The author's copy, and where it was at first.
origins=("https://wikitext.smerity.com/$name-v1.zip" "https://s3.amazonaws.com/research.metamind.io/wikitext/$name-v1.zip")
case $name in
wikitext-2) md5=542ccefacc6c27f945fb54453812b3cd ;;
wikitext-103) md5=9ddaacaf6af0710eda8c456decff7832 ;;
esac
if [ -z "${WIKITEXT_DIR:-}${WIKITEXT_ZIP:-}" ] && [ -d "$default" ]; then WIKITEXT_DIR=$default; fi
fail() {
    echo "prepare-$name.sh: $*" >&2
    exit 1
}

mkdir -p "$data"
if [ -z "${WIKITEXT_DIR:-}${WIKITEXT_ZIP:-}" ]; then
    WIKITEXT_ZIP=$data/$name-v1.zip
    rd_download "$WIKITEXT_ZIP" "$md5" "${origins[@]}" ||
        fail "cannot download ${origins[0]}; download it elsewhere and set WIKITEXT_ZIP to it"
fi
[ -z "${WIKITEXT_ZIP:-}" ] || rd_need unzip || fail "or unpack $WIKITEXT_ZIP and set WIKITEXT_DIR to the folder"
for part in train valid test; do
    file=wiki.$part.tokens
    if [ -n "${WIKITEXT_ZIP:-}" ]; then
        unzip -p "$WIKITEXT_ZIP" "$name/$file" >"$data/$file.part" ||
            fail "$WIKITEXT_ZIP: unzip cannot read $name/$file; expected the public archive $name-v1.zip"
        gzip -n <"$data/$file.part" >"$data/$file.gz.part"
        rm "$data/$file.part"
    elif [ -e "$WIKITEXT_DIR/$file.gz" ]; then
        cp "$WIKITEXT_DIR/$file.gz" "$data/$file.gz.part"
    elif [ -e "$WIKITEXT_DIR/$file" ]; then
        gzip -n <"$WIKITEXT_DIR/$file" >"$data/$file.gz.part"
    else
        fail "$WIKITEXT_DIR/$file is missing"
    fi
    mv "$data/$file.gz.part" "$data/$file.gz"
done
