#!/usr/bin/env bash
# Puts Fashion-MNIST's four files into DATA_DIR.
#
#   prepare-fashion-mnist.sh DATA_DIR BUILD_DIR
#
# FASHION_MNIST_DIR defaults to where Debian's package dataset-fashion-mnist has them.
set -euo pipefail
data=$1
from=${FASHION_MNIST_DIR:-/usr/share/datasets/fashion-mnist}
mkdir -p "$data"
for name in {train,t10k}-{images-idx3,labels-idx1}-ubyte.gz; do
    if [ ! -e "$from/$name" ]; then
        echo "prepare-fashion-mnist.sh: $from/$name is missing; install the package dataset-fashion-mnist, or set" \
            "FASHION_MNIST_DIR to a folder that has {train,t10k}-{images-idx3,labels-idx1}-ubyte.gz" >&2
        exit 1
    fi
    cp --remove-destination "$from/$name" "$data/$name"
done
