#!/usr/bin/env bash
# Puts the archive of CIFAR-10 into DATA_DIR as cifar10.tar.gz.
#
#   prepare-cifar10.sh DATA_DIR BUILD_DIR
#
# CIFAR10_ARCHIVE is a tar.gz of {train,test}/CLASS/FILE (JPEG or PNG), or the original cifar-10-binary.tar.gz, whose
# files become train-batches and test-batches; it defaults to ../shared/data/cifar10/cifar10-jpeg.tar.gz next to the
# repository.
set -euo pipefail
data=$1
repository=$(cd "$(dirname "$0")/.." && pwd)
from=${CIFAR10_ARCHIVE:-$repository/../shared/data/cifar10/cifar10-jpeg.tar.gz}
mkdir -p "$data"
fail() {
    echo "prepare-cifar10.sh: $*" >&2
    exit 1
}
[ -e "$from" ] || fail "$from is missing; set CIFAR10_ARCHIVE to an archive of {train,test}/CLASS/FILE, or to" \
    "cifar-10-binary.tar.gz"
names=$(tar -tzf "$from" 2>/dev/null) || fail "$from: not a readable tar.gz"
if grep -E '(^|/)train/[^/]+/[^/]+$' <<<"$names" >/dev/null; then
    cp --remove-destination "$from" "$data/cifar10.tar.gz"
elif grep 'data_batch_5.bin$' <<<"$names" >/dev/null; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    tar -xzf "$from" -C "$work" --strip-components 1
    for number in 1 2 3 4 5; do mv "$work/data_batch_$number.bin" "$work/train_$number.bin"; done
    mv "$work/test_batch.bin" "$work/test.bin"
    tar -czf "$data/cifar10.tar.gz" -C "$work" train_{1,2,3,4,5}.bin test.bin
else
    fail "$from: neither folders train/CLASS and test/CLASS nor CIFAR-10's binary files"
fi
