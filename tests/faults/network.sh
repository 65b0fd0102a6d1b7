#!/usr/bin/env bash
# Ranks of two machines: network namespaces with a link between them of limited rate and delay, so that all they tell
# each other crosses a network. They make what two threads make; each has files of its own; a cut link ends them. Then
# what an update of RECIPE takes, and how much of it they wait, at several rates.
#
#   tests/faults/network.sh BUILD_DIR [RECIPE DATA]       as root; not a part of continuous integration
set -euo pipefail
. "$(dirname "$0")/../assert.sh"
bin=$(realpath "$1")
recipe=${2:+$(realpath "$2")} data=${3:+$(realpath "$3")}
work=$(mktemp -d)
a=rdrop-a b=rdrop-b
clean() {
    ip netns del $a 2>/dev/null || true
    ip netns del $b 2>/dev/null || true
    rm -rf "$work"
}
trap clean EXIT
cd "$work"

ip netns add $a
ip netns add $b
ip link add rdrop0 netns $a type veth peer name rdrop0 netns $b
ip -n $a addr add 10.77.0.1/24 dev rdrop0
ip -n $b addr add 10.77.0.2/24 dev rdrop0
for machine in $a $b; do
    ip -n $machine link set lo up
    ip -n $machine link set rdrop0 up
done
limit() { # limit RATE DELAY: each way; without delay where the kernel has no netem
    for machine in $a $b; do
        tc -n $machine qdisc replace dev rdrop0 root netem rate "$1" delay "$2" limit 100000 2>/dev/null ||
            tc -n $machine qdisc replace dev rdrop0 root tbf rate "$1" burst 1mb latency 100ms ||
            fail "the kernel limits no rates"
    done
}

# What mpirun takes for ssh.
cat >shell.sh <<SH
#!/bin/sh
shift
exec nsenter --net=/run/netns/$b unshare --uts sh -c "hostname $b; \$*"
SH
chmod +x shell.sh
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_WAIT_POLICY=passive
machines() { # machines COMMAND...: a rank on each, in directories of their own
    nsenter --net=/run/netns/$a unshare --uts sh -c 'hostname "$0"; exec "$@"' $a \
        mpirun --quiet --mca plm_rsh_agent "$work/shell.sh" --mca btl tcp,self --mca btl_tcp_if_include rdrop0 \
        --mca oob_tcp_if_include rdrop0 -np 1 --host 10.77.0.1 -wdir "$work/a" "$@" : \
        -np 1 --host 10.77.0.2 -wdir "$work/b" "$@"
}

cat >tiny.yaml <<YAML
source-lang: en
target-lang: de
trainpref: train
validpref: valid
vocab-size: 300
joined-dictionary: true
arch: transformer-tiny
encoder-layers: 1
decoder-layers: 1
reg-alpha: 5
max-tokens: 256
max-update: 10
validate-interval-updates: 5
eval-bleu: true
threads: 1
YAML
"$bin/quickstart-corpus" corpus 1 300 20 5 >/dev/null
"$bin/rdrop-preprocess" tiny.yaml --data corpus --dest bin >log 2>&1 || fail "preprocess: $(cat log)"
mkdir a b
for machine in a b; do cp -r tiny.yaml bin corpus $machine; done

limit 1gbit 1ms
"$bin/rdrop-train" tiny.yaml --data bin --save-dir threads --workers 2 >log 2>&1 || fail "$(cat log)"
machines "$bin/rdrop-train" tiny.yaml --data bin --save-dir out >log 2>&1 || fail "two machines: $(cat log)"
cmp threads/model/model.safetensors a/out/model/model.safetensors || fail "two machines make other weights"
[ ! -e b/out ] || fail "the second machine wrote a save-dir"
machines "$bin/rdrop-preprocess" tiny.yaml --data corpus --dest made >log 2>&1 || fail "preprocess: $(cat log)"
diff -r bin a/made || fail "two machines make other data"
[ ! -e b/made ] || fail "the second machine wrote data"
echo "two machines: the bits of two threads"

machines "$bin/rdrop-train" tiny.yaml --data bin --save-dir cut --set max-update=1000000 --set worker-timeout=5 >log 2>&1 &
until grep '"event":"valid"' a/cut/train.jsonl >/dev/null 2>&1; do
    kill -0 $! || fail "ended too early: $(cat log)"
done
ip -n $b link set rdrop0 down
until grep 'rank 1 (.*has not answered for 5 seconds; all ranks end' log >/dev/null; do
    kill -0 $! || fail "the cut link: $(cat log)"
done
echo "a cut link: found"
ip -n $b link set rdrop0 up # or mpirun would wait for the other machine
wait $! && fail "training without a link went on"
[ -n "$recipe" ] || exit 0

for rate in 100gbit 25gbit 10gbit 1gbit; do
    for sharded in true false; do
        for rounded in false true; do
            limit $rate 100us
            machines "$bin/bench-train" "$recipe" --data "$data" --updates 10 --warmup 2 --budget 0 --square 64 \
                --set threads=1 --set shard-optimizer=$sharded --set reduce-bf16=$rounded --json >result
            tr -d '\n ' <result >line
            printf '%s, shard-optimizer %s, reduce-bf16 %s: %s s an update, %s of them for each other\n' $rate $sharded \
                $rounded "$(sed 's/.*"seconds_per_update":\([0-9.e-]*\).*/\1/' line)" \
                "$(sed 's/.*"workers":{"seconds":\([0-9.e-]*\).*/\1/' line)"
        done
    done
done
