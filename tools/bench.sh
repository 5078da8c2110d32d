#!/bin/sh
# Builds with -O3 and runs every program of bench/. Figures of one run belong together; absolute ones belong to the machine.
set -eu
cd "$(dirname "$0")/.."
MM_SHARED="${MM_SHARED:-$(cd .. && pwd)/shared}"
export MM_SHARED
cmake -G Ninja -S . -B build/bench -DCMAKE_BUILD_TYPE=Release >/dev/null
ninja -C build/bench benches >/dev/null
MM_BINARY="$PWD/build/bench/marketmaker"
export MM_BINARY
for source in bench/*.c; do
    name=$(basename "$source" .c)
    echo "== $name"
    "build/bench/bench/bench_$name" "$@"
    echo
done
