#!/usr/bin/env bash
# Makes a model directory of a foreign one, for recipes that start from it by finetune-from-model. One that is there
# already stays if it has the same weights, and is refused if not.
#
#   prepare-model.sh FOREIGN_DIR MODEL_DIR BUILD_DIR
set -euo pipefail
foreign=$1 model=$2 bin=$3
mkdir -p "$(dirname -- "$model")"
work=$(mktemp -d "$model.XXXXXX") # an interrupted import leaves no model
trap 'rm -rf "$work"' EXIT
"$bin/rdrop-convert" --import "$foreign" --output "$work/model"
if [ ! -e "$model" ]; then
    mv -T "$work/model" "$model"
elif ! cmp -s "$work/model/model.safetensors" "$model/model.safetensors"; then
    echo "prepare-model.sh: $model is another model than $foreign; move it away, or run in another folder" >&2
    exit 1
fi
