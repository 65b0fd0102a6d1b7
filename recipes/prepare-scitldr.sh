#!/usr/bin/env bash
# Puts {train,val,test}.{source,target}.gz and {val,test}.refs.jsonl from SCITLDR_DIR into DATA_DIR.
#
#   prepare-scitldr.sh DATA_DIR BUILD_DIR
#
# SCITLDR_DIR defaults to ../shared/data/scitldr next to the repository.
set -euo pipefail
data=$1
repository=$(cd "$(dirname "$0")/.." && pwd)
from=${SCITLDR_DIR:-$repository/../shared/data/scitldr}
mkdir -p "$data"
for name in {train,val,test}.{source,target}.gz {val,test}.refs.jsonl; do
    if [ ! -e "$from/$name" ]; then
        echo "prepare-scitldr.sh: $from/$name is missing; set SCITLDR_DIR to a folder that has" \
            "{train,val,test}.{source,target}.gz and {val,test}.refs.jsonl" >&2
        exit 1
    fi
    cp --remove-destination "$from/$name" "$data/$name"
done
