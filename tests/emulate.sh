#!/usr/bin/env bash
# Builds for 64-bit ARM on an x86 machine, and runs the unit tests there under qemu: the portable kernels, with
# vectors of NEON, over OpenBLAS. The packages are Debian's, of this Debian's release, in a tree of their own.
#
#   tests/emulate.sh BUILD_DIR [NAME]      tests whose names match the regular expression NAME (^test_)
#
# An hour of one processor; the build takes three minutes of it.
set -euo pipefail
[ $# -ge 1 ] || {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2
    exit 2
}
cd "$(dirname "$0")/.."
. recipes/setup.sh
mkdir -p "$1"
build=$(realpath "$1") names=${2:-^test_}
root=$build/root triplet=aarch64-linux-gnu
release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
rd_setup_packages qemu-user mmdebstrap gcc-$triplet g++-$triplet

# What is installed there is unpacked, not configured: alternatives are linked by hand.
if [ ! -e "$root/usr/lib/$triplet/libopenblas.so" ]; then
    rm -rf "$root"
    packages=$(printf '%s\n' $RD_PACKAGES libedit-dev libc6-dev libstdc++-12-dev | grep -e '-dev$' | paste -sd ,)
    mmdebstrap --variant=extract --architectures=arm64 --include="$packages" "$release" "$root" \
        http://deb.debian.org/debian
    ln -sf openblas-openmp/libopenblas.so.0 openblas-openmp/libopenblas.so "$root/usr/lib/$triplet"
fi

libraries=$root/usr/lib/$triplet
export PKG_CONFIG_SYSROOT_DIR=$root
export PKG_CONFIG_LIBDIR=$libraries/pkgconfig:$libraries/openblas-openmp/pkgconfig:$root/usr/share/pkgconfig
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DRD_WERROR=ON -DRD_MPI=OFF -DRD_MECAB=OFF \
    -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_LIBRARY_ARCHITECTURE=$triplet \
    -DCMAKE_C_COMPILER=$triplet-gcc -DCMAKE_CXX_COMPILER=$triplet-g++ -DCMAKE_SYSROOT="$root" \
    -DCMAKE_FIND_ROOT_PATH="$root" -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER \
    -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY \
    "-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-aarch64;-L;$root" >"$build/configure.log"
cmake --build "$build"
# Emulated threads that wait are as slow as those that work.
OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} ctest --test-dir "$build" -R "$names" --timeout 1800 --output-on-failure
