#!/bin/sh
# Every test: gcc, then clang with sanitizers, then threads, then fuzzers. Stops at the first suite that fails to build; runs all
# that build; the last line counts.
set -u
cd "$(dirname "$0")/.."
MM_SHARED="${MM_SHARED:-$(cd .. && pwd)/shared}"
export MM_SHARED
[ -d "$MM_SHARED" ] || echo "Recordings are absent ($MM_SHARED): the tests that need them say SKIPPED."
passed=0
failed=0
skipped=0                 # tests inside programs that pass, for want of recordings: a pass must not hide them

tools/install.sh test || failed=$((failed + 1))

# Clients that others wrote: fetched again when the lock file is newer than what is there. They speak to one suite only.
clients="tests/clients/node_modules"
if [ ! -d "$clients" ] || [ tests/clients/package-lock.json -nt "$clients" ]; then
    mkdir -p build
    if npm ci --ignore-scripts --no-audit --no-fund --prefix tests/clients >build/clients.log 2>&1; then
        touch "$clients"
    else
        tail -n 20 build/clients.log
        rm -rf "$clients"
        echo "clients: npm ci failed, tests/clients does not run"
        failed=$((failed + 1))
    fi
fi

suite() { # name, regex of test names for ctest or "", cmake arguments...
    name=$1
    only=$2
    shift 2
    echo "== $name"
    if ! cmake -G Ninja -S . -B "build/$name" "$@" >"build/$name.cmake.log" 2>&1; then
        cat "build/$name.cmake.log"
        failed=$((failed + 1))
        return
    fi
    if ! ninja -C "build/$name" >"build/$name.build.log" 2>&1; then
        tail -n 60 "build/$name.build.log"
        failed=$((failed + 1))
        return
    fi
    ctest --test-dir "build/$name" -j 2 --output-on-failure ${only:+-R "$only"} ${without:+-LE "$without"} >"build/$name.test.log" 2>&1
    grep -E "tests passed|\*\*\*|Failed|SKIPPED|assertion|ERROR" "build/$name.test.log" | sort -u | head -n 60
    absent=$(grep -c 'SKIPPED: ' "build/$name/Testing/Temporary/LastTest.log")
    skipped=$((skipped + ${absent:-0}))
    counted=$(sed -n 's/.* \([0-9][0-9]*\) tests failed out of \([0-9][0-9]*\).*/\1 \2/p' "build/$name.test.log" | tail -n 1)
    if [ -z "$counted" ]; then
        tail -n 40 "build/$name.test.log"
        failed=$((failed + 1))
        return
    fi
    bad=${counted% *}
    all=${counted#* }
    [ "$bad" = 0 ] || sed -n '/The following tests FAILED/,$p' "build/$name.test.log"
    failed=$((failed + bad))
    passed=$((passed + all - bad))
}

mkdir -p build
without=""
suite release "" -DCMAKE_BUILD_TYPE=RelWithDebInfo
[ -x build/release/marketmaker ] && ln -sf release/marketmaker build/marketmaker
without="clients"
suite asan "" -DCMAKE_C_COMPILER=clang -DMM_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=RelWithDebInfo
suite tsan "^(base|net|store|runner|e2e\.demo)" -DMM_SANITIZE=thread -DCMAKE_BUILD_TYPE=RelWithDebInfo

echo "== fuzz"
if tools/fuzz.sh "${FUZZ_SECONDS:-10}" >build/fuzz.log 2>&1; then
    grep "^fuzz " build/fuzz.log
    passed=$((passed + $(grep -c "^fuzz [a-z_]*: [0-9]" build/fuzz.log)))
else
    tail -n 60 build/fuzz.log
    failed=$((failed + 1))
fi

if [ "$skipped" = 0 ]; then
    echo "$passed passed, $failed failed"
else
    echo "$passed passed, $failed failed, $skipped skipped"
fi
[ "$failed" = 0 ]
