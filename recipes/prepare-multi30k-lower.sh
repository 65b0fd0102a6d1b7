#!/usr/bin/env bash
# Multi30k as prepare-multi30k.sh makes it, in lower case.
#
#   prepare-multi30k-lower.sh DATA_DIR BUILD_DIR
set -euo pipefail
bash "$(dirname "$0")/prepare-multi30k.sh" "$@"
for file in "$1"/{train,val,test_2016_flickr,test_2017_flickr,test_2017_mscoco}.{en,de,fr,cs}.gz; do
    [ -e "$file" ] || continue # files of the user's own stay as they are
    zcat "$file" | LC_ALL=C.UTF-8 sed 's/.*/\L&/' | gzip -n >"$file.part"
    mv "$file.part" "$file"
done
