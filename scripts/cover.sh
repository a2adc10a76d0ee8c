#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Line coverage of src/ under the unit, golden and program tests:  scripts/cover.sh JOBS
# Uses gcov, which comes with GCC: one line a file, the least covered first, and the sum.
set -eu
jobs=${1:-2}
cd "$(dirname "$0")/.."
mkdir -p build
cmake --preset dev -B build/cover -DSTOPCODE_SHARED=OFF \
    -DCMAKE_C_FLAGS_DEBUG='-O0 -g --coverage -fprofile-update=atomic' >build/cover.log 2>&1 || { cat build/cover.log; exit 1; }
cmake --build build/cover -j "$jobs" >>build/cover.log 2>&1 || { cat build/cover.log; exit 1; }
find build/cover -name '*.gcda' -delete
scripts/test.py --build build/cover --tier release -j "$jobs" || echo "cover: some tests failed; the figures are of what ran"

out=build/cover/gcov
rm -rf "$out" && mkdir -p "$out"
find "$PWD/build/cover/CMakeFiles" -path '*/src/*' -name '*.gcda' >"$out/files"
(cd "$out" && xargs gcov --json-format --stdout <files 2>/dev/null >all.json) || true
python3 - "$out/all.json" <<'PY'
import json, os, sys
lines = {}
with open(sys.argv[1], encoding="utf-8") as f:
    for document in f:
        if document.strip():
            for file in json.loads(document)["files"]:
                name = os.path.relpath(os.path.join(json.loads(document)["current_working_directory"], file["file"]))
                if name.startswith("src" + os.sep):
                    seen = lines.setdefault(name, {})
                    for line in file["lines"]:
                        number = line["line_number"]
                        seen[number] = seen.get(number, 0) + line["count"]
if not lines:
    sys.exit("cover: nothing was measured")
total = covered = 0
for name, seen in sorted(lines.items(), key=lambda i: sum(c > 0 for c in i[1].values()) / max(1, len(i[1]))):
    hit = sum(c > 0 for c in seen.values())
    total, covered = total + len(seen), covered + hit
    print(f"{100 * hit / max(1, len(seen)):5.1f} %  {hit:5} of {len(seen):5}  {name}")
print(f"{100 * covered / max(1, total):5.1f} %  {covered:5} of {total:5}  all of src/")
PY
