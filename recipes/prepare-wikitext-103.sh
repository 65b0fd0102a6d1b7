#!/usr/bin/env bash
# WikiText-103; see prepare-wikitext.sh.
#
#   prepare-wikitext-103.sh DATA_DIR BUILD_DIR
set -euo pipefail
bash "$(dirname "$0")/prepare-wikitext.sh" wikitext-103 "$1"
