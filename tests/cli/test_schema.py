#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/schema: what the program writes is what the schemas say, no key more and no key less.

All dumps of the corpus, all worlds and cases of the forge, and files that are no dumps, through `stopcode analyze
--json` and `!analyze` in JSON. The schemas let readers meet keys of later versions; here every key must be in them.
"""
import copy
import glob
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import minidump
import tap

try:
    import jsonschema
except ImportError:
    jsonschema = None

FOLDER = tempfile.TemporaryDirectory()


def closed(schema):
    """SCHEMA in which no object may have keys that it does not name."""
    if isinstance(schema, list):
        return [closed(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if "properties" in result and result.get("type") == "object":
        result["additionalProperties"] = False
    return result


def load(name):
    with open(os.path.join(tap.ROOT, "docs", "schema", name), encoding="utf-8") as f:
        return json.load(f)


def validator(name):
    if not jsonschema:
        tap.skip("no jsonschema for Python here (Debian: python3-jsonschema)")
    schema = closed(load(name))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def check(with_, records):
    """Every record fits; at least one was there."""
    assert records, "nothing to check"
    for record in records:
        for error in with_.iter_errors(record):
            where = "/".join(str(p) for p in error.absolute_path)
            raise AssertionError(f"{record.get('file')}: {where}: {error.message[:300]}")


def analyse(*operands):
    """(rows, summary)"""
    _, out, _ = tap.run("analyze", "--json", *operands, timeout=110)
    lines = [json.loads(line) for line in out.splitlines()]
    return lines[:-1], lines[-1]


def both(*operands):
    rows, total = analyse(*operands)
    check(validator("analysis-1.json"), rows)
    check(validator("summary-1.json"), [total])
    return rows, total


for schema in ("analysis-1.json", "summary-1.json"):
    with tap.case(f"{schema} is a schema, and describes every key"):
        validator(schema)
        for name, group in [("", load(schema)), *load(schema)["$defs"].items()]:
            for key, what in group["properties"].items():
                assert what.get("description") or "const" in what, f"{name}.{key} has no description"
            tap.equal(sorted(group["required"]), sorted(group["properties"]), f"{name}: keys that are always there")

with tap.case("the schemas share what they both have"):
    one, two = load("analysis-1.json")["$defs"], load("summary-1.json")["$defs"]
    for name in set(one) & set(two):
        tap.equal(one[name], two[name], name)

with tap.case("the check can fail: a missing key, an unknown key, a wrong value"):
    path = os.path.join(FOLDER.name, "good.dmp")
    with open(path, "wb") as f:
        f.write(minidump.build())
    rows, _ = both(path)
    for change in (lambda r: r.pop("bucket"), lambda r: r.update(more=1), lambda r: r.update(confidence="sure"),
                   lambda r: r["findings"][0].update(evidence=[]), lambda r: r.update(time="yesterday")):
        wrong = copy.deepcopy(rows[0])
        change(wrong)
        assert list(validator("analysis-1.json").iter_errors(wrong)), "a wrong record passed"

with tap.case("dumps of the corpus: rows and summary"):
    rows, total = both(tap.corpus("kdump"), tap.corpus("mdmp"))
    assert total["analysed"] > 50, total["analysed"]

with tap.case("dumps of the corpus, with their symbols and images"):
    store = tap.corpus("symstore")
    rows, _ = both("-y", store, "-i", store, tap.corpus("kdump/triage_x64.dmp"))
    tap.equal((rows[0]["findings"][0]["symbol"], rows[0]["findings"][0]["version"]),
              ("amdppm!WriteIoMemRawEx+0x70", "10.0.19041.1110"), "symbol and version")

with tap.case("forged dumps: rows and summary"):
    texts = glob.glob(os.path.join(tap.ROOT, "tests", "forge", "worlds", "*.scenario"))
    texts += glob.glob(os.path.join(tap.ROOT, "tests", "cases", "*", "scenario*.txt"))
    os.makedirs(os.path.join(FOLDER.name, "forged"))
    for number, text in enumerate(sorted(texts)):
        subprocess.run([tap.helper("stopcode-forge"), "-q", text, "-o", os.path.join(FOLDER.name, "forged", f"{number}.dmp"),
                        "--store", os.path.join(FOLDER.name, "store")], check=True)
    rows, _ = both(os.path.join(FOLDER.name, "forged"))
    tap.equal(len(rows), len(texts), "rows")

with tap.case("files that are no dumps, and files that are not there"):
    bad = os.path.join(FOLDER.name, "bad.dmp")
    with open(bad, "wb") as f:
        f.write(b"no dump\n" * 100)
    rows, total = both(bad, os.path.join(FOLDER.name, "none.dmp"))
    tap.equal(([bool(r["error"]) for r in rows], total["not_opened"]), ([True, True], 2), "errors")

with tap.case("no file at all"):
    os.makedirs(os.path.join(FOLDER.name, "empty"))
    _, total = analyse(os.path.join(FOLDER.name, "empty"))
    check(validator("summary-1.json"), [total])

with tap.case("!analyze in JSON has the same records"):
    for name in ("kdump/triage_x64.dmp", "kdump/triage_arm64.dmp", "mdmp/getsentry+symbolic/windows-mini.dmp"):
        _, out, _ = tap.run("--json", tap.corpus(name), "-c", "!analyze -v", "-c", "q")
        check(validator("analysis-1.json"), json.loads(out.splitlines()[0])["records"])

FOLDER.cleanup()
tap.done()
