#!/bin/sh
# Builds the fuzz targets with clang and runs each for some seconds: tools/fuzz.sh SECONDS. A finding is left in build/fuzz/findings.
set -eu
cd "$(dirname "$0")/.."
seconds="${1:-10}"
cmake -G Ninja -S . -B build/fuzz -DCMAKE_C_COMPILER=clang -DMM_FUZZ=ON -DMM_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=Release >/dev/null
ninja -C build/fuzz
mkdir -p build/fuzz/findings
passed=0
failed=0
for source in fuzz/*.c; do
    name=$(basename "$source" .c)
    mkdir -p "build/fuzz/corpus/$name"
    seeds=""
    [ -d "fuzz/seeds/$name" ] && seeds="fuzz/seeds/$name"
    # shellcheck disable=SC2086
    if "build/fuzz/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="build/fuzz/findings/$name-" \
        "build/fuzz/corpus/$name" $seeds >"build/fuzz/$name.log" 2>&1; then
        passed=$((passed + 1))
        echo "fuzz $name: $(grep -c . "build/fuzz/$name.log") lines, $(tail -n 1 "build/fuzz/$name.log")"
    else
        failed=$((failed + 1))
        echo "fuzz $name: FAILED"
        tail -n 40 "build/fuzz/$name.log"
    fi
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" = 0 ]
