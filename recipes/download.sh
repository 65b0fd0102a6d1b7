# Downloads of prepare scripts; sourced by them.
# shellcheck shell=bash

# rd_need PROGRAM: whether it is there, which its package's name says if not
rd_need() {
    command -v "$1" >/dev/null || {
        echo "${0##*/}: there is no program $1; install the package $1" >&2
        return 1
    }
}

# rd_download FILE MD5 ADDRESS...: FILE from the first address that has it. With an MD5 nothing else will do, and a FILE
# that has it stays; "" takes any. RDROP_DOWNLOADS names a folder that keeps what was downloaded, for the next to take.
rd_download() {
    local file=$1 md5=$2 address kept
    shift 2
    [ -z "$md5" ] || ! rd_has_md5 "$file" "$md5" || return 0
    kept=${RDROP_DOWNLOADS:+$RDROP_DOWNLOADS/$(md5sum <<<"$*" | cut -c 1-32)}
    if [ -f "$kept" ] && { [ -z "$md5" ] || rd_has_md5 "$kept" "$md5"; } && cp "$kept" "$file.part"; then
        mv "$file.part" "$file"
        return
    fi
    rd_need curl || return 1
    for address; do
        echo "downloading $address" >&2
        curl -fsSL --retry 3 -o "$file.part" "$address" || continue
        if [ -z "$md5" ] || rd_has_md5 "$file.part" "$md5"; then
            [ -z "$kept" ] || { cp "$file.part" "$kept.part" && mv "$kept.part" "$kept"; } || true
            mv "$file.part" "$file"
            return
        fi
        echo "${0##*/}: $address: not the file that was published, whose MD5 is $md5" >&2
    done
    rm -f "$file.part"
    return 1
}
rd_has_md5() {
    [ -f "$1" ] && md5sum --status -c <<<"$2  $1"
}
