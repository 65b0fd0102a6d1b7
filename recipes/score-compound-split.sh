#!/bin/bash
# Tokenized BLEU after splitting hyphenated compounds, as WMT14 English-German papers report it
# (R-Drop's 30.91 among them):
#
#   recipes/score-compound-split.sh REF HYP
#
# REF and HYP as for recipes/score-tokenized.sh, which does the work.
exec "$(dirname "$0")/score-tokenized.sh" --compound-split "$@"
