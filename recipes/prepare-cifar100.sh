#!/usr/bin/env bash
# Puts CIFAR-100's archive into DATA_DIR as cifar100.tar.gz.
#
#   prepare-cifar100.sh DATA_DIR BUILD_DIR
#
# CIFAR100_ARCHIVE is cifar-100-binary.tar.gz.
set -euo pipefail
data=$1
fail() {
    echo "prepare-cifar100.sh: $*" >&2
    exit 1
}
[ -n "${CIFAR100_ARCHIVE:-}" ] || fail "set CIFAR100_ARCHIVE to cifar-100-binary.tar.gz"
names=$(tar -tzf "$CIFAR100_ARCHIVE" 2>/dev/null) || fail "$CIFAR100_ARCHIVE: not a readable tar.gz"
for name in train.bin test.bin; do
    grep "$name\$" <<<"$names" >/dev/null || fail "$CIFAR100_ARCHIVE: holds no $name"
done
mkdir -p "$data"
cp --remove-destination "$CIFAR100_ARCHIVE" "$data/cifar100.tar.gz"
