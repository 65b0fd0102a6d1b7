#!/usr/bin/env bash
# Files outlive a crash of the machine: the calls of a run, by strace, come in an order that makes it so.
# A new file is written, fsynced, renamed, and its directory fsynced; so is the parent of a new
# directory; train.jsonl is on disk before the checkpoint that counts the same updates. Temporaries are
# opened so that no link planted under their name is followed. Not where sanitizers make system calls of
# their own.
set -u
. "$(dirname "$(realpath "$0")")/setup.sh"
if sanitized; then exit 77; fi
if ! strace -f -o /dev/null true 2>/dev/null; then
    echo "strace is not installed, or tracing is not allowed here"
    exit 77
fi
work=$(realpath "$work")
n=0

# Reads the calls of one thread, of which every path below `work` counts; prints what is out of order.
cat >order.awk <<'AWK'
function absolute(path) { return path ~ /^\// ? path : work "/" path }
function parent(path) { sub(/\/[^\/]*$/, "", path); return path }
function wrong(text) { print FILENAME ": " text ": " $0; failed = 1 }
function quoted(k,   parts) { split($0, parts, "\""); return absolute(parts[2 * k]) }
function opened(   parts) { split($0, parts, /[<>]/); return parts[2] } # 3</path> of the first argument
/ = -1 / { next }
/^openat\(/ {
    path = $0
    sub(/.*<\//, "/", path) # the descriptor that it gave
    sub(/>$/, "", path)
    if (index(path, work) != 1 || $0 !~ /O_CREAT/) next
    if ($0 !~ /O_NOFOLLOW/) wrong("a link would be followed")
    if (path ~ /\.tmp\./ ? $0 !~ /O_EXCL/ : path !~ /\/(lock|train\.jsonl)$/) wrong("not a new file")
    unsynced[path] = 1
    files++
}
/^(p?write|p?writev|ftruncate)(64)?\(/ { path = opened(); if (path in unsynced) unsynced[path] = 1 }
/^(fsync|fdatasync)\(/ {
    path = opened()
    if (path in unsynced) unsynced[path] = 0
    if (path == pending) pending = ""
}
/^mkdir(at)?\(/ {
    path = quoted(1)
    if (index(path, work) != 1) next
    if (pending != "") wrong(pending " is not yet synced")
    # A temporary that is renamed in the end need not be there after a crash.
    if (path !~ /\.tmp\.[0-9a-f]*$/) { pending = parent(path); directories++ }
}
/^rename(at2?)?\(/ {
    from = quoted(1)
    to = quoted(2)
    # All that a temporary directory holds is moved before its new directory is synced, once.
    if (pending != "" && !(pending == parent(to) && from ~ /\/new\.tmp\.[0-9a-f]+\//)) wrong(pending " is not yet synced")
    if (unsynced[from]) wrong("renamed before it is on disk")
    if (to ~ /\/checkpoint_last$/) {
        if (unsynced[parent(to) "/train.jsonl"]) wrong("saved before train.jsonl")
        checkpoints++
    }
    delete unsynced[from]
    # What is moved aside is followed by what takes its place, in the same directory.
    pending = to ~ /\/checkpoint_previous$/ ? "" : parent(to)
    renames++
}
END {
    if (pending != "") wrong("at the end " pending " is not synced")
    for (path in unsynced)
        if (unsynced[path] && path !~ /\/lock$/) wrong("at the end " path " is not on disk")
    print files + 0, renames + 0, directories + 0, checkpoints + 0 > "/dev/stderr"
    exit failed
}
AWK

# traced FILES RENAMES DIRECTORIES CHECKPOINTS PROGRAM ARGUMENTS...: at least as many of each, in order
traced() {
    local least=("${@:1:4}") program=$5 count i
    shift 5
    rm -f trace.*
    strace -ff -y -s 0 -o trace -e trace=openat,write,pwrite64,writev,pwritev,ftruncate,fsync,fdatasync,mkdir,mkdirat,rename,renameat,renameat2 \
        "$bin/rdrop-$program" "$@" <input >got 2>err || fail "$program: $(cat err)"
    : >counts
    for i in trace.*; do
        awk -v work="$work" -f order.awk "$i" >problems 2>>counts || fail "$program $*: $(cat problems)"
    done
    read -r -a count < <(awk '{ for (i = 1; i <= 4; i++) n[i] += $i } END { print n[1], n[2], n[3], n[4] }' counts)
    for i in 0 1 2 3; do
        [ "${count[i]}" -ge "${least[i]}" ] || fail "$program $*: ${count[*]}, expected ${least[*]} or more"
    done
    n=$((n + count[1]))
}
echo old >page
ln -s page link
for output in new page link new.gz; do traced 1 1 0 0 translate --model out/model --threads 1 --output $output; done
traced 1 1 0 0 score --worst 2 --html page.html --ref input input
traced 4 4 2 0 preprocess tiny.yaml --data data --dest fresh/bin --threads 1 --shortlist
# The log and the lock; config and vocabulary; two validations of three models, a checkpoint and a
# report; and the last report.
traced 15 13 3 2 train tiny.yaml --data bin --save-dir fresh/out
traced 2 3 0 1 train tiny.yaml --data bin --save-dir fresh/out --set max-update=5
traced 1 1 0 0 train tiny.yaml --data bin --save-dir fresh/out --average
traced 5 6 1 0 convert --export out/model --output fresh/deep/marian
mkdir empty
traced 3 6 0 0 convert --quantize int8 --model out/model --output empty
traced 3 4 0 0 convert --import "$golden/bart" --output bart
echo "$n files renamed into place, each durably"
