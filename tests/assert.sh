# shellcheck shell=bash
# Sourced by tests: what ends them.

# On standard output as well, so that $(what fails) is nothing that is expected.
fail() {
    echo "FAILED: $*" | tee /dev/stderr
    exit 1
}
# same FOUND EXPECTED WHAT
same() { [ "$1" = "$2" ] || fail "$3: '$1', expected '$2'"; }
# same_weights A B: two trainings that give the same bits
same_weights() { cmp "$1/model/model.safetensors" "$2/model/model.safetensors" || fail "$1 and $2 differ"; }
