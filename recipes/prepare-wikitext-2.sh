#!/usr/bin/env bash
# WikiText-2; see prepare-wikitext.sh.
#
#   prepare-wikitext-2.sh DATA_DIR BUILD_DIR
set -euo pipefail
bash "$(dirname "$0")/prepare-wikitext.sh" wikitext-2 "$1"
