# Installs what the build needs and builds: sourced by recipes/run.sh and tests/run.sh.
#
#   rd_setup_packages [--no-install] [EXTRA_PACKAGE...]   missing Debian packages, installed by apt
#   rd_setup_build SOURCE_DIR BUILD_DIR TARGET             configured when not yet, then built
#
# Both print what they do to stderr and return non-zero, after one line that says why, on failure.
# shellcheck shell=bash

RD_PACKAGES="build-essential cmake ninja-build pkg-config zlib1g-dev libopenblas-openmp-dev
    libsentencepiece-dev libyaml-dev libjansson-dev libzip-dev libicu-dev libstemmer-dev libcmocka-dev
    libjpeg-dev libpng-dev"
# Used when there, done without where the distribution does not have them.
RD_OPTIONAL_PACKAGES="libdnnl-dev libedit-dev libmecab-dev mecab-ipadic-utf8"
RD_CMAKE_NEEDED=3.25

rd_setup_log() {
    printf '%s\n' "$*" >&2
}

# Prints those of the named packages that are not installed.
rd_setup_missing() {
    local package names
    for package in "$@"; do
        names=$package
        # What it stands for, which may be there without it.
        [ "$package" != libjpeg-dev ] || names+=" libjpeg62-turbo-dev libjpeg-turbo8-dev"
        # shellcheck disable=SC2086,SC2143 # several names, of which dpkg-query fails for those that it does not know
        [ -n "$(dpkg-query -W -f '${db:Status-Status}\n' $names 2>/dev/null | grep -x installed)" ] ||
            printf '%s ' "$package"
    done
}

# Runs apt-get as root, or through sudo.
rd_setup_apt() {
    if [ "$(id -u)" -eq 0 ]; then
        DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" >&2
    elif command -v sudo >/dev/null; then
        sudo DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" >&2
    else
        rd_setup_log "setup: not root and no sudo; as root, run: apt-get -y $*"
        return 1
    fi
}

# Succeeds when version $1 is at least version $2.
rd_setup_version_at_least() {
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

rd_setup_check_cmake() {
    local version
    version=$(cmake --version 2>/dev/null | sed -n '1s/^cmake version //p')
    rd_setup_version_at_least "${version:-0}" "$RD_CMAKE_NEEDED" && return 0
    rd_setup_log "setup: cmake ${version:-none} found, $RD_CMAKE_NEEDED or newer needed" \
        "(Debian 12 and Ubuntu 24.04 have it; elsewhere see https://cmake.org/download)"
    return 1
}

rd_setup_packages() {
    local no_install=0 missing optional package
    if [ "${1:-}" = --no-install ]; then
        no_install=1
        shift
    fi
    if ! command -v dpkg-query >/dev/null; then
        # shellcheck disable=SC2086 # the list is of several
        rd_setup_log "setup: no dpkg here, so packages are not checked; the build needs the" \
            "equivalents of:" $RD_PACKAGES "$@"
        return 0
    fi
    # Word splitting is what turns these lists into arguments.
    # shellcheck disable=SC2086
    missing=$(rd_setup_missing $RD_PACKAGES "$@")
    # shellcheck disable=SC2086
    optional=$(rd_setup_missing $RD_OPTIONAL_PACKAGES)
    if [ "$no_install" -eq 1 ]; then
        [ -z "$missing" ] && return 0
        # shellcheck disable=SC2086
        rd_setup_log "setup: missing packages; install them with: apt-get install" $missing $optional
        return 1
    fi
    if [ -n "$missing" ]; then
        # shellcheck disable=SC2086
        rd_setup_log "setup: installing" $missing $optional
        rd_setup_apt update || rd_setup_log "setup: apt-get update failed; trying to go on"
        # shellcheck disable=SC2086
        rd_setup_apt install --no-install-recommends $missing || {
            rd_setup_log "setup: could not install" $missing
            return 1
        }
        for package in $optional; do
            rd_setup_apt install --no-install-recommends "$package" ||
                rd_setup_log "setup: $package is not available; going on without it"
        done
    fi
    rd_setup_check_cmake
}

# One at a time: a second one finds the work done.
rd_setup_build() {
    local source=$1 build=$2 target=$3 lock status=0
    mkdir -p "$build" && exec {lock}>>"$build/.lock" || return 1
    flock "$lock"
    rd_setup_make "$source" "$build" "$target" || status=$?
    exec {lock}>&-
    return "$status"
}

rd_setup_make() {
    local source=$1 build=$2 target=$3
    if [ ! -e "$build/build.ninja" ]; then
        rd_setup_log "setup: configuring $build"
        cmake --log-level=NOTICE -S "$source" -B "$build" -G Ninja >&2 || return 1
    fi
    rd_setup_log "setup: building $build"
    # The compiler's output goes to stderr: stdout is the caller's.
    cmake --build "$build" --target "$target" >&2
}
