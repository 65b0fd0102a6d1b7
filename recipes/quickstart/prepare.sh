#!/usr/bin/env bash
# Makes the quick-start corpora with the generator of the build: prepare.sh DATA_DIR BUILD_DIR
set -euo pipefail
if [ $# -ne 2 ]; then
    echo "usage: prepare.sh DATA_DIR BUILD_DIR" >&2
    exit 2
fi
"$2/quickstart-corpus" "$1"
