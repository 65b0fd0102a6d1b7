#!/usr/bin/env bash
# Puts {train,val,test}.{source,target}.gz from CAPTIONS_SUM_DIR into DATA_DIR.
#
#   prepare-captions-sum.sh DATA_DIR BUILD_DIR
#
# CAPTIONS_SUM_DIR defaults to ../shared/data/captions-sum next to the repository.
set -euo pipefail
data=$1
repository=$(cd "$(dirname "$0")/.." && pwd)
from=${CAPTIONS_SUM_DIR:-$repository/../shared/data/captions-sum}
mkdir -p "$data"
for name in {train,val,test}.{source,target}.gz; do
    if [ ! -e "$from/$name" ]; then
        echo "prepare-captions-sum.sh: $from/$name is missing; set CAPTIONS_SUM_DIR to a folder" \
            "that has {train,val,test}.{source,target}.gz" >&2
        exit 1
    fi
    cp --remove-destination "$from/$name" "$data/$name"
done
