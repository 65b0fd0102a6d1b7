#!/usr/bin/env bash
# Makes the quick-start corpora with the generator of the build, and the slice of the training data
# that quickstart-slice.yaml trains on: prepare.sh DATA_DIR BUILD_DIR
set -euo pipefail
slice_pairs=4000
if [ $# -ne 2 ]; then
    echo "usage: prepare.sh DATA_DIR BUILD_DIR" >&2
    exit 2
fi
generator=$2/quickstart-corpus
[ -x "$generator" ] || generator=$2/../libexec/rdrop/quickstart-corpus # installed
"$generator" "$1"
for language in en de; do
    # sed reads to the end: one that leaves early would make gzip fail
    gzip -dc "$1/train.$language.gz" | sed -n "1,${slice_pairs}p" | gzip -n >"$1/slice.$language.gz"
done
