#!/usr/bin/env bash
# The quick-start corpus: its sizes, no sentence twice or in two parts, and the same bytes for the
# same seed. Argument: the build directory.
set -euo pipefail
corpus=$(realpath "$1")/quickstart-corpus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$corpus" "$work/a"
"$corpus" "$work/b" 1
"$corpus" "$work/other" 2 100 10 10
[ "$(zcat "$work/a/train.en.gz" | wc -l)" -ge 20000 ]
for part in train valid test; do
    cmp "$work/a/$part.en.gz" "$work/b/$part.en.gz"
    cmp "$work/a/$part.de.gz" "$work/b/$part.de.gz"
    [ "$(zcat "$work/a/$part.en.gz" | wc -l)" = "$(zcat "$work/a/$part.de.gz" | wc -l)" ]
done
if cmp -s <(zcat "$work/other/train.en.gz") <(zcat "$work/a/train.en.gz" | sed -n 1,100p); then
    echo "another seed gave the same sentences" >&2
    exit 1
fi
repeated=$(zcat "$work/a"/{train,valid,test}.en.gz | sort | uniq -d | sed -n 1,3p)
[ -z "$repeated" ] || { echo "in the corpus more than once: $repeated" >&2; exit 1; }

# The recipes' script: the same corpora, and a slice of the training pairs.
bash "$(dirname "$0")/../../recipes/quickstart/prepare.sh" "$work/prepared" "$1"
cmp "$work/a/train.en.gz" "$work/prepared/train.en.gz"
for language in en de; do
    cmp <(zcat "$work/prepared/slice.$language.gz") <(zcat "$work/a/train.$language.gz" | sed -n 1,4000p)
done

cd "$work"
"$corpus" --help | grep '^usage: quickstart-corpus' >/dev/null
[ ! -e --help ] || { echo "--help is a folder" >&2; exit 1; }
for arguments in "" "$work/x nonsense" "$work/x 1 0" "--seed 1"; do
    status=0
    # shellcheck disable=SC2086 # a list
    "$corpus" $arguments 2>/dev/null || status=$?
    [ "$status" = 2 ] || { echo "'$arguments' gave status $status, not 2" >&2; exit 1; }
done
echo "train, valid and test are disjoint and reproducible"
