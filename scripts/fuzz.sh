#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs one fuzzer for so many seconds:  scripts/fuzz.sh NAME SECONDS JOBS
# Without a name: lists them. It starts from what the forge makes (build/fuzz/seeds/NAME), what it has grown itself
# (build/fuzz/corpus/NAME) and the stored cases. Findings are written to build/fuzz/findings/NAME; a finding becomes a
# stored case under tests/fuzz/cases/NAME, which the ordinary tests replay from then on.
set -eu
name=${1:-} seconds=${2:-60} jobs=${3:-2}
cd "$(dirname "$0")/.."

targets=$(find tests/fuzz -name 'fuzz_*.c' 2>/dev/null | sed 's|.*/fuzz_||; s|\.c$||' | sort)
if [ -z "$name" ]; then
    echo "usage: make fuzz T=name TIME=60. Names:" $targets
    exit 2
fi
case " $(echo $targets) " in
*" $name "*) ;;
*) echo "fuzz: there is no fuzzer $name. Names:" $targets >&2; exit 2 ;;
esac

mkdir -p build "build/fuzz/findings/$name" "build/fuzz/corpus/$name" "build/fuzz/seeds"
cmake --preset fuzz >build/fuzz.log 2>&1 || { cat build/fuzz.log; exit 1; }
cmake --build --preset fuzz -j "$jobs" --target "fuzz_$name" "replay_$name" >>build/fuzz.log 2>&1 ||
    { cat build/fuzz.log; exit 1; }
program=$(find build/fuzz -name "fuzz_$name" -type f -perm -u+x | head -n 1)
replay=$(find build/fuzz -name "replay_$name" -type f -perm -u+x | head -n 1)
"$replay" --seeds "build/fuzz/seeds/$name"

# The inputs it starts from, the grown ones first: that folder is where new ones go.
set -- "build/fuzz/corpus/$name" "build/fuzz/seeds/$name"
[ ! -d "tests/fuzz/cases/$name" ] || set -- "$@" "tests/fuzz/cases/$name"
dict=
[ ! -f "tests/fuzz/$name.dict" ] || dict="-dict=tests/fuzz/$name.dict"
# A hang of ten seconds or a single request of 256 MB is a finding too.
exec "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 -print_final_stats=1 $dict \
    -artifact_prefix="build/fuzz/findings/$name/" "$@"
