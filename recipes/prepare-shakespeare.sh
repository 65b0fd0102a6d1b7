#!/usr/bin/env bash
# Shakespeare's plays in one text, the first nine tenths for training and the rest for validation,
# as DATA_DIR/{train,valid}.txt.
#
#   prepare-shakespeare.sh DATA_DIR BUILD_DIR
#
# SHAKESPEARE_DIR names a folder that has input.txt, gzipped or not; ../shared/data/tinyshakespeare
# is used when it is there; otherwise the file is downloaded (github.com/karpathy/char-rnn).
set -euo pipefail
# shellcheck source=recipes/download.sh
. "$(dirname "$0")/download.sh"
data=$1
repository=$(cd "$(dirname "$0")/.." && pwd)
default=$repository/../shared/data/tinyshakespeare
origin=https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt
if [ -z "${SHAKESPEARE_DIR:-}" ] && [ -d "$default" ]; then SHAKESPEARE_DIR=$default; fi
fail() {
    echo "prepare-shakespeare.sh: $*" >&2
    exit 1
}

mkdir -p "$data"
if [ -z "${SHAKESPEARE_DIR:-}" ]; then
    rd_download "$data/input.txt" "" "$origin" ||
        fail "cannot download $origin; download it elsewhere and set SHAKESPEARE_DIR to its folder"
elif [ -e "$SHAKESPEARE_DIR/input.txt" ]; then
    cp --remove-destination "$SHAKESPEARE_DIR/input.txt" "$data/input.txt"
elif [ -e "$SHAKESPEARE_DIR/input.txt.gz" ]; then
    gzip -dc "$SHAKESPEARE_DIR/input.txt.gz" >"$data/input.txt"
else
    fail "$SHAKESPEARE_DIR/input.txt is missing"
fi
bytes=$(($(wc -c <"$data/input.txt") * 9 / 10))
head -c "$bytes" "$data/input.txt" >"$data/train.txt"
tail -c +$((bytes + 1)) "$data/input.txt" >"$data/valid.txt"
