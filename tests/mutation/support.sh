# shellcheck shell=bash
# Sourced by the scripts of mutation/. `build` is the build directory.
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive

# configure TREE BUILD FLAG...: a build by clang, with one library for all programs and tests
configure() {
    local tree=$1 to=$2
    shift 2
    [ -e "$to/build.ninja" ] || cmake -G Ninja -S "$tree" -B "$to" -DCMAKE_BUILD_TYPE=Debug -DRD_ONE_LIBRARY=ON \
        -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ "-DCMAKE_C_FLAGS_DEBUG=-O1 $*" "-DCMAKE_CXX_FLAGS_DEBUG=-O1 $*" >"$to/log" 2>&1 ||
        { cat "$to/log" && return 1; }
}

# The names of CTest's tests, except those about files of a build.
tests_of_build() {
    ctest --test-dir "$build" -N | sed -n 's/^ *Test *#[0-9]*: //p' | grep -vxE 'bench|exports|install|package'
}

# run_test NAME SECONDS: its status; none of its processes may take more seconds of processor, nor it all much
# longer
run_test() {
    local source command
    source=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$build/CMakeCache.txt")
    case $1 in
    test_*) command=("$build/$1") ;;
    fuzz_*) command=("$build/replay_${1#fuzz_}" "$source/tests/fuzz/corpus/${1#fuzz_}") ;;
    faults_*) command=(bash "$source/tests/faults/test_${1#faults_}.sh" "$build") ;;
    *) command=(bash "$source/tests/integration/$1.sh" "$build") ;;
    esac
    rm -rf "$build/scratch" && mkdir "$build/scratch"
    (cd "$build/scratch" && ulimit -t "$2" && TMPDIR=$build/scratch timeout -k 5 $((60 + 20 * $2)) "${command[@]}" </dev/null)
}
