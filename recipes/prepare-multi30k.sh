#!/usr/bin/env bash
# Multi30k, task 1 (github.com/multi30k/dataset) as DATA_DIR/{train,val,test_*}.{en,de,fr,cs}.gz;
# of the test sets Czech has that of 2016 alone.
#
#   prepare-multi30k.sh DATA_DIR BUILD_DIR
#
# MULTI30K_DIR names a folder that has the files; ../shared/data/multi30k is used when it is there;
# otherwise they are downloaded. LANGUAGES, "en de", says which; recipes/run.sh gives those of the recipe
# (en de fr).
set -euo pipefail
# shellcheck source=recipes/download.sh
. "$(dirname "$0")/download.sh"
data=$1
repository=$(cd "$(dirname "$0")/.." && pwd)
default=$repository/../shared/data/multi30k
origin=https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw
if [ -z "${MULTI30K_DIR:-}" ] && [ -d "$default" ]; then MULTI30K_DIR=$default; fi
mkdir -p "$data"
for prefix in train val test_2016_flickr test_2017_flickr test_2017_mscoco; do
    for language in ${LANGUAGES:-en de fr}; do
        case $prefix.$language in test_2017_*.cs) continue ;; esac
        name=$prefix.$language.gz
        if [ -n "${MULTI30K_DIR:-}" ]; then
            if [ ! -e "$MULTI30K_DIR/$name" ]; then
                echo "prepare-multi30k.sh: $MULTI30K_DIR/$name is missing" >&2
                exit 1
            fi
            cp --remove-destination "$MULTI30K_DIR/$name" "$data/$name"
        elif [ ! -e "$data/$name" ]; then
            rd_download "$data/$name" "" "$origin/$name" || {
                echo "prepare-multi30k.sh: cannot download $origin/$name; download it elsewhere and" \
                    "set MULTI30K_DIR to its folder" >&2
                exit 1
            }
        fi
    done
done
