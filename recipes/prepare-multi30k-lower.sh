#!/usr/bin/env bash
# Multi30k as prepare-multi30k.sh makes it, in lower case.
#
#   prepare-multi30k-lower.sh DATA_DIR BUILD_DIR
set -euo pipefail
bash "$(dirname "$0")/prepare-multi30k.sh" "$@"
for file in "$1"/*.gz; do
    zcat "$file" | LC_ALL=C.UTF-8 sed 's/.*/\L&/' | gzip -n >"$file.part"
    mv "$file.part" "$file"
done
