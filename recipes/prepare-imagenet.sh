#!/usr/bin/env bash
# Makes DATA_DIR/train and DATA_DIR/val, a folder for each class, of ImageNet's archives.
#
#   prepare-imagenet.sh DATA_DIR BUILD_DIR
#
# IMAGENET_DIR has train/CLASS/FILE and val/CLASS/FILE, to which links are made; or ILSVRC2012_img_train.tar (an archive
# for each class inside), ILSVRC2012_img_val.tar (files alone) and val_classes.txt, which gives the class of each of
# those files in their order, one a line.
set -euo pipefail
data=$1
fail() {
    echo "prepare-imagenet.sh: $*" >&2
    exit 1
}
from=${IMAGENET_DIR:-}
[ -n "$from" ] || fail "set IMAGENET_DIR to a folder with train and val, or with the ILSVRC2012 archives"
mkdir -p "$data"
if [ -d "$from/train" ] && [ -d "$from/val" ]; then
    from=$(cd "$from" && pwd)
    for set in train val; do
        [ -L "$data/$set" ] || [ ! -e "$data/$set" ] || fail "$data/$set is to be a link to $from/$set; move it away"
        ln -sfn "$from/$set" "$data/$set"
    done
    exit 0
fi
for name in ILSVRC2012_img_train.tar ILSVRC2012_img_val.tar val_classes.txt; do
    [ -e "$from/$name" ] || fail "$from/$name is missing"
done
for set in train val; do
    [ ! -e "$data/$set" ] || [ -L "$data/$set" ] || [ -e "$data/unpacked-by-prepare-imagenet" ] ||
        fail "$data/$set is to be made of $from/ILSVRC2012_img_$set.tar; move it away"
done
rm -rf "$data/train.part" "$data/val.part"
mkdir -p "$data/train.part" "$data/val.part/all"
tar -xf "$from/ILSVRC2012_img_train.tar" -C "$data/train.part" || fail "$from/ILSVRC2012_img_train.tar: cannot unpack"
for archive in "$data"/train.part/*.tar; do
    class=${archive%.tar}
    mkdir -p "$class"
    tar -xf "$archive" -C "$class" || fail "$archive: cannot unpack"
    rm "$archive"
done
tar -xf "$from/ILSVRC2012_img_val.tar" -C "$data/val.part/all" || fail "$from/ILSVRC2012_img_val.tar: cannot unpack"
mapfile -t files < <(cd "$data/val.part/all" && LC_ALL=C ls)
mapfile -t classes <"$from/val_classes.txt"
[ "${#files[@]}" = "${#classes[@]}" ] ||
    fail "${#files[@]} files in ILSVRC2012_img_val.tar, but ${#classes[@]} lines in val_classes.txt"
for i in "${!files[@]}"; do
    case ${classes[i]} in '' | */* | .*) fail "val_classes.txt:$((i + 1)): '${classes[i]}' is no class" ;; esac
    mkdir -p "$data/val.part/${classes[i]}"
    mv "$data/val.part/all/${files[i]}" "$data/val.part/${classes[i]}/"
done
rmdir "$data/val.part/all"
touch "$data/unpacked-by-prepare-imagenet"
rm -rf "$data/train" "$data/val"
mv "$data/train.part" "$data/train"
mv "$data/val.part" "$data/val"
