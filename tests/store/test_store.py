#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Symbol paths, stores and downloads, against folders and real HTTP servers on this machine.

Every case has a fresh folder `box`; `ask()` runs store_fetch, which prints what the library answered and logged.
"""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import server as srv  # noqa: E402
import tap  # noqa: E402

GUID = "3844DBB920174967BE7AA4A2C20430FA"
INDEX = GUID + "2"
PDB = b"RIGHT " + bytes(range(256)) * 400
WRONG = b"WRONG " + bytes(100)
NAME = "x.pdb"
AT = f"/{NAME}/{INDEX}/"

PROGRAM = os.path.join(os.environ.get("STOPCODE_BUILD") or os.path.join(tap.ROOT, "build", "dev"), "tests",
                       "store_fetch")


class Answer:
    """What store_fetch printed."""

    def __init__(self, text, status):
        self.text, self.status = text, status
        self.lines = text.splitlines()

    def all(self, word):
        return [line[len(word) + 1:] for line in self.lines if line.startswith(word + " ")]

    def first(self, word):
        return (self.all(word) or [None])[0]

    @property
    def found(self):
        """(origin, path), or None."""
        line = self.first("found")
        return tuple(line.split(" ", 1)) if line else None

    @property
    def why(self):
        return self.first("why") or ""

    @property
    def log(self):
        return "\n".join(self.all("log"))


def start(*args, env=None):
    clean = {k: v for k, v in os.environ.items()
             if not k.startswith("_NT_") and not k.lower().endswith("_proxy") and k != "XDG_CACHE_HOME"}
    return subprocess.Popen([PROGRAM, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env={**clean, **(env or {})})


def finish(process, timeout=60):
    out, err = process.communicate(timeout=timeout)
    if process.returncode not in (0, 1):
        raise AssertionError(f"store_fetch ended with {process.returncode}:\n{err.decode(errors='replace')[-3000:]}")
    return Answer(out.decode("utf-8", "replace"), process.returncode)


def ask(*args, env=None):
    return finish(start(*args, env=env))


def pdb(*options, name=NAME, age=2, env=None):
    return ask(*options, "pdb", name, GUID, age, env=env)


@contextlib.contextmanager
def case(name):
    """A case with a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="store-") as folder, tap.case(name):
        if not os.path.exists(PROGRAM):
            raise AssertionError(f"not built: {PROGRAM}")
        yield os.path.realpath(folder)


def put(*parts, data=PDB):
    path = os.path.join(*parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def files(folder):
    """All files under FOLDER, without our own bookkeeping."""
    return sorted(os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder)
                  for name in names if ".stopcode" not in at)


def leftovers(folder):
    return sorted(name for at, _, names in os.walk(folder) if ".stopcode" in at for name in names
                  if not name.endswith(".miss"))


def equal_found(answer, origin, path, data=PDB):
    if not answer.found:
        raise AssertionError(f"nothing found:\n{answer.text[-3000:]}")
    tap.equal(answer.found, (origin, path), "found")
    tap.equal(read(path) == data, True, "the file's bytes are right")


def cached(box, name=NAME):
    return f"{box}/cache/{name}/{INDEX}/{name}"


def fetch(box, server, *options, **more):
    """Asks SERVER, behind box/cache."""
    return pdb("cache", f"{box}/cache", "path", f"srv*{server.url}", *options, **more)


# --- paths and names -------------------------------------------------------------------------------------------


def test_paths():
    microsoft = "https://msdl.microsoft.com/download/symbols"
    table = {
        "srv*": f"srv*/c*{microsoft}",
        "SRV**https://a/b": "srv*/c*https://a/b",
        "srv*https://a/b/": "srv*/c*https://a/b",
        "srv*/d*https://a": "srv*/d*https://a",
        "srv*/d*/e*https://a": "srv*/d*/e*https://a",
        "srv*/d*https://a*https://b": "srv*/d*https://a*https://b",
        "srv*/d*": "srv*/d",
        "symsrv*symsrv.dll*/d*https://a": "srv*/d*https://a",
        "SymSrv*SymSrv.dll": f"srv*/c*{microsoft}",
        "cache*": "cache*/c",
        "cache*/d": "cache*/d",
        "cache*;srv*https://a": "cache*/c;srv*/c*https://a",
        "/d;;/e;": "/d;/e",
        ' "/d e" ; /f ': "/d e;/f",
        "https://a/b": "srv*/c*https://a/b",
        r"srv*c:\symbols*https://a": "srv*/c*https://a",
        r"srv*c:\symbols*d:\more*https://a": "srv*/c*https://a",
        r"c:\my symbols": "/c",
        r"%TEMP%\x;/d": "/c;/d",
        r"\\server\share;/d": "/d",
        r"srv*\\server\share*https://a": "srv*/c*https://a",
        r"~/a\b/": "/h/a/b",
        r"a\b": "a/b",
        "srv*/c*https://user:secret@a/b": "srv*/c*https://a/b",
        "": "",
    }
    with case("paths mean what they mean to Windows users"):
        for text, want in table.items():
            answer = ask("cache", "/c", "path", text, "path", env={"HOME": "/h"})
            tap.equal(answer.first("expanded"), want, text)
            tap.equal(answer.first("path"), text, "the path as written")
    with case("a folder of Windows becomes the cache, and that is said"):
        tap.contains(ask("cache", "/c", "path", r"srv*c:\symbols*https://a", "path").log,
                     r"c:\symbols is a folder of Windows: using /c instead")
        tap.contains(ask("cache", "/c", "path", r"\\server\share", "path").log, r"\\server\share is left out")
    with case("what is no path is refused, and says why"):
        for text in ("foo*/x", "**/x", "cache*/a*/b", "cache*https://a", "/a\x01", "/x;" * 300, "x" * 40000,
                     "srv*" + "*".join(f"/{i}" for i in range(20))):
            answer = ask("cache", "/c", "path", text, "path")
            tap.equal(answer.status, 1, repr(text[:30]))
            tap.contains(answer.text, "symbol path: ")
    with case(".symfix sets and appends Microsoft's server"):
        tap.equal(ask("cache", "/c", "symfix", "", "path").first("expanded"), f"srv*/c*{microsoft}")
        tap.equal(ask("cache", "/c", "symfix", "/d", "path").first("expanded"), f"srv*/d*{microsoft}")
        tap.equal(ask("cache", "/c", "path", "/e", "symfix", "/d", "path").first("expanded"),
                  f"/e;srv*/d*{microsoft}")
        tap.equal(ask("cache", "/c", "symfix", "/d;/e", "path").status, 1)
    with case("the environment's paths, the alternative one first"):
        env = {"_NT_SYMBOL_PATH": "/b", "_NT_ALT_SYMBOL_PATH": "/a", "_NT_EXECUTABLE_IMAGE_PATH": "/i"}
        answer = ask("cache", "/c", "env", 1, "path", env=env)
        tap.equal((answer.first("expanded"), answer.first("images")), ("/a;/b", "/i"))
        answer = ask("cache", "/c", "env", 1, "path", env={**env, "_NT_ALT_SYMBOL_PATH": "bad*x"})
        tap.equal(answer.first("expanded"), "/b")
        tap.contains(answer.log, "_NT_ALT_SYMBOL_PATH is not used")
    with case("the default cache is the user's"):
        tap.equal(ask("path", "srv*", "path", env={"HOME": "/h"}).first("expanded"),
                  f"srv*/h/.cache/stopcode/symbols*{microsoft}")
        tap.equal(ask("path", "cache*", "path", env={"XDG_CACHE_HOME": "/y"}).first("expanded"),
                  "cache*/y/stopcode/symbols")


def test_names():
    good = {r"C:\a\b.pdb": "b.pdb", r"..\..\x.pdb": "x.pdb", "/etc/passwd": "passwd", "d:y.pdb": "y.pdb",
            "x.pdb": "x.pdb", "näme.pdb": "näme.pdb", "a b.sys": "a b.sys", "console.pdb": "console.pdb",
            "com10.sys": "com10.sys", "a" * 255: "a" * 255}
    bad = ["", ".", "..", r"a\..", "a/", "c:", r"\\", "x\x01.pdb", "x\n.pdb", "x\x7f", "NUL", "nul.pdb", "c:\\aux",
           "con .txt", "COM1.sys", "lpt9", "com¹.sys", "conout$", "a*b", "a?b", "a|b", "x.pdb.", "x.pdb ", ".hidden",
           ".stopcode", "a" * 256, b"x\xff.pdb", b"x\xed\xa0\x80.pdb", "x\x85y"]
    with case("a name is reduced to its harmless part"):
        for name, want in good.items():
            tap.equal(ask("name", name).text, want + "\n", name)
    with case("a name of which nothing harmless is left is refused"):
        for name in bad:
            process = subprocess.run([PROGRAM, b"name", name if isinstance(name, bytes) else name.encode()],
                                     capture_output=True)
            tap.equal(process.stdout, b"refused\n", repr(name))
    with case("a key with such a name is an error, and no server hears of it"), srv.serving({}) as server, \
            tempfile.TemporaryDirectory() as box:
        for name in ("..", "nul.pdb", "a/..", "x\x01"):
            answer = fetch(box, server, name=name)
            tap.equal(answer.first("error")[:2], "7 ", name)
        tap.equal(server.count(), 0)
        tap.equal(files(box), [])


# --- folders and stores here -----------------------------------------------------------------------------------


def test_folders():
    for at in ("", "symbols/pdb", "pdb"):
        with case(f"a plain folder is searched: {at or 'itself'}") as box:
            path = put(box, "d", at, NAME)
            equal_found(pdb("path", f"{box}/d"), "folder", path)
    with case("a plain folder is also searched as a store") as box:
        path = put(box, "d", NAME, INDEX, NAME)
        equal_found(pdb("path", f"{box}/d"), "store", path)
    with case("names are found in any case") as box:
        path = put(box, "d", "Symbols", "PDB", "X.Pdb")
        equal_found(pdb("path", f"{box}/d"), "folder", path)
        path = put(box, "s", "X.PDB", INDEX.lower(), "X.pdb")
        equal_found(pdb("path", f"srv*{box}/s", "cache", f"{box}/c"), "store", path)
    with case("a file that does not match is passed over for one that does") as box:
        put(box, "a", NAME, data=WRONG)
        path = put(box, "b", NAME)
        answer = pdb("path", f"{box}/a;{box}/b", "verify", "RIGHT")
        equal_found(answer, "folder", path)
        tap.contains(answer.log, f"{box}/a/{NAME} - mismatched")
    with case("why nothing was found is one line that names the places") as box:
        answer = pdb("path", f"{box}/a;srv*{box}/b")
        tap.equal(answer.why, f"there is no folder {box}/a; not in {box}/b")
        tap.equal(pdb("path", "").why, "the symbol path is empty")
    with case("a folder or a pipe with the file's name is not the file") as box:
        os.makedirs(f"{box}/d/{NAME}")
        tap.equal(pdb("path", f"{box}/d").found, None)
        os.rmdir(f"{box}/d/{NAME}")
        os.mkfifo(f"{box}/d/{NAME}")
        tap.equal(pdb("path", f"{box}/d").found, None)


def test_stores():
    with case("a store of two tiers") as box:
        put(box, "s", "index2.txt", data=b"")
        path = put(box, "s", "x.", NAME, INDEX, NAME)
        equal_found(pdb("path", f"srv*{box}/s"), "store", path)
        put(box, "one", NAME, INDEX, NAME)
        os.makedirs(f"{box}/one/x.")
        equal_found(pdb("path", f"srv*{box}/one"), "store", f"{box}/one/{NAME}/{INDEX}/{NAME}")
    with case("what a later store has is copied into the earlier ones") as box:
        put(box, "c", NAME, INDEX, NAME)
        put(box, "b", "index2.txt", data=b"")
        answer = pdb("path", f"srv*{box}/a*{box}/b*{box}/c")
        equal_found(answer, "store", f"{box}/a/{NAME}/{INDEX}/{NAME}")
        tap.equal(answer.first("from"), f"{box}/c")
        tap.equal(files(box)[:2], [f"a/{NAME}/{INDEX}/{NAME}", "b/index2.txt"])
        tap.equal(read(f"{box}/b/x./{NAME}/{INDEX}/{NAME}") == PDB, True)
    with case("cache* keeps what the elements behind it find, and only those") as box:
        put(box, "a", NAME)
        put(box, "b", "y.pdb")
        path = f"{box}/a;cache*{box}/k;{box}/b"
        equal_found(pdb("path", path), "folder", f"{box}/a/{NAME}")
        tap.equal(os.path.exists(f"{box}/k"), False)
        equal_found(pdb("path", path, name="y.pdb"), "folder", f"{box}/k/y.pdb/{INDEX}/y.pdb")
        equal_found(pdb("path", path, name="y.pdb"), "store", f"{box}/k/y.pdb/{INDEX}/y.pdb")
    with case("an unusable cache costs the copy, not the answer") as box:
        put(box, "k", data=b"a file")
        path = put(box, "d", NAME)
        answer = pdb("path", f"cache*{box}/k;{box}/d")
        equal_found(answer, "folder", path)
        tap.contains(answer.log, f"warn not copied into {box}/k")
    with case("images by time stamp and size, in the image path first") as box:
        put(box, "s", "d.sys", "C9C030003b000", "d.sys")
        put(box, "i", "d.sys", data=b"image path")
        key = ("image", r"\SystemRoot\d.sys", "c9c03000", "3b000")
        tap.equal(ask("path", f"srv*{box}/s", *key).found[1], f"{box}/s/d.sys/C9C030003b000/d.sys")
        tap.equal(ask("path", f"srv*{box}/s", "exepath", f"{box}/i", *key).found[1], f"{box}/i/d.sys")
    with case("old PDBs by signature and age; ages are hexadecimal") as box:
        path = put(box, "s", NAME, "3B7D84751a", NAME)
        equal_found(ask("path", f"srv*{box}/s", "nb10", NAME, "3b7d8475", 26), "store", path)
        path = put(box, "s", NAME, GUID + "1a", NAME)
        equal_found(pdb("path", f"srv*{box}/s", age=26), "store", path)
    with case("Breakpad's and Volatility's layouts") as box:
        path = put(box, "s", "x.pdb", INDEX, "x.sym")
        equal_found(ask("path", f"{box}/s", "sym", "c:\\x.pdb", GUID, 2), "store", path)
        path = put(box, "s", "libc.so.6", INDEX, "libc.so.6.sym")
        equal_found(ask("path", f"{box}/s", "sym", "libc.so.6", GUID, 2), "store", path)
        path = put(box, "s", "nt.pdb", f"{GUID}-12.json")
        equal_found(ask("path", f"{box}/s", "isf", "nt.pdb", GUID, 12), "store", path)
        path = put(box, "s", "nt.pdb", f"{GUID}-12.json.xz")
        equal_found(ask("path", f"{box}/s", "isf", "nt.pdb", GUID, 12), "store", path)
    with case("compressed files are unpacked into the store before, or the cache") as box:
        put(box, "s", NAME, INDEX, "x.pd_", data=srv.cabinet("x.pdb", PDB))
        answer = pdb("path", f"srv*{box}/a*{box}/s", "verify", "RIGHT", "cache", f"{box}/cache")
        equal_found(answer, "store", f"{box}/a/{NAME}/{INDEX}/{NAME}")
        equal_found(pdb("path", f"srv*{box}/s", "cache", f"{box}/cache"), "store", cached(box))
        equal_found(pdb("path", f"{box}/s", "cache", f"{box}/cache"), "store", cached(box))
        tap.equal(leftovers(box), [])
    with case("a wrong, damaged or oversized cabinet leaves nothing behind") as box:
        for body, limit in ((srv.cabinet("x.pdb", WRONG), 0), (srv.cabinet("x.pdb", PDB)[:-2000], 0), (b"MSCF", 0),
                            (srv.cabinet("x.pdb", PDB, claimed=len(PDB) + 5), 0), (srv.cabinet("x.pdb", PDB), 5000),
                            (srv.cabinet("x.pdb", PDB, claimed=4000), 5000), (b"", 0), (PDB, 0)):
            put(box, "s", NAME, INDEX, "x.pd_", data=body)
            answer = pdb("path", f"srv*{box}/s", "verify", "RIGHT ", "max", limit, "cache", f"{box}/cache")
            if answer.found and body != srv.cabinet("x.pdb", PDB, claimed=4000):
                raise AssertionError(answer.text)
            shutil.rmtree(f"{box}/cache/{NAME}", ignore_errors=True)
            tap.equal(leftovers(box), [])


def test_pointers():
    with case("file.ptr is followed inside its store") as box:
        path = put(box, "s", "shelf", "other.pdb")
        put(box, "s", NAME, INDEX, "file.ptr", data=f"PATH:{path}\r\n".encode())
        equal_found(pdb("path", f"srv*{box}/s"), "store", path)
        put(box, "s", NAME, INDEX, "file.ptr", data=rb"..\..\shelf\other.pdb")
        tap.equal(os.path.realpath(pdb("path", f"srv*{box}/s").found[1]), path)
    with case("file.ptr to a share: its base name beside it") as box:
        path = put(box, "s", NAME, INDEX, "other.pdb")
        put(box, "s", NAME, INDEX, "file.ptr", data=rb"PATH:\\server\share\other.pdb")
        answer = pdb("path", f"srv*{box}/s")
        equal_found(answer, "store", path)
    with case("file.ptr does not lead out of its store") as box:
        secret = put(box, "secret", "other.pdb")
        os.makedirs(f"{box}/s")
        os.symlink(f"{box}/secret", f"{box}/s/link")
        for text in (secret, "../../../secret/other.pdb", r"..\..\..\secret\other.pdb", "../../link/other.pdb",
                     "file://" + secret, "/etc/passwd", r"c:\x\..", "PATH:", "\0\1\2", "x" * 5000, "nul"):
            put(box, "s", NAME, INDEX, "file.ptr", data=text.encode())
            tap.equal(pdb("path", f"srv*{box}/s").found, None, text[:40])
    with case("file.ptr's message is the reason given") as box:
        put(box, "s", NAME, INDEX, "file.ptr", data=b"MSG: Not released.\n")
        tap.contains(pdb("path", f"srv*{box}/s").why, "says: Not released.")


# --- servers ---------------------------------------------------------------------------------------------------


def test_download():
    with case("a download goes into the cache, and is asked for once") as box, \
            srv.serving({AT + NAME: PDB}) as server:
        answer = fetch(box, server, "verify", "RIGHT")
        equal_found(answer, "download", cached(box))
        tap.equal(answer.first("from"), server.url)
        equal_found(fetch(box, server, "verify", "RIGHT"), "store", cached(box))
        tap.equal(server.count(), 1)
        tap.equal(leftovers(box), [])
        tap.equal(server.seen[0][1]["User-Agent"].startswith("stopcode/"), True)
        tap.contains(answer.log, f"debug SYMSRV:  HTTPGET: {server.url}{AT}{NAME}")
    with case("a download is copied into all stores before the server") as box, \
            srv.serving({AT + NAME: PDB}) as server:
        answer = pdb("cache", f"{box}/c", "path", f"cache*{box}/k;srv*{box}/a*{box}/b*{server.url}")
        tap.equal(answer.found[0], "download")
        tap.equal(files(box), [f"{n}/{NAME}/{INDEX}/{NAME}" for n in "abk"])
    with case("compressed: name_ is asked for, and unpacked") as box, \
            srv.serving({AT + "x.pd_": srv.cabinet("x.pdb", PDB)}) as server:
        equal_found(fetch(box, server, "verify", "RIGHT"), "download", cached(box))
        tap.equal([p for p, _ in server.seen], [AT + "x.pdb", AT + "x.pd_"])
        tap.equal(leftovers(box), [])
    with case("compressed by another program (gcab)") as box:
        if not shutil.which("gcab"):
            tap.skip("gcab is not installed (scripts/deps.sh)")
        put(box, "x.pdb")
        subprocess.run(["gcab", "-c", "-z", "x.pd_", "x.pdb"], cwd=box, check=True, capture_output=True)
        with srv.serving({AT + "x.pd_": read(f"{box}/x.pd_")}) as server:
            equal_found(fetch(box, server, "verify", "RIGHT"), "download", cached(box))
    with case("a server of two tiers is recognised, and asked so from then on") as box, \
            srv.serving({"/index2.txt": b".", f"/x.{AT}{NAME}": PDB}) as server:
        answer = fetch(box, server, "repeat", 2)
        equal_found(answer, "download", cached(box))
        tap.equal([p for p, _ in server.seen][-2:], ["/index2.txt", f"/x.{AT}{NAME}"])
    with case("images, Breakpad and Volatility files are downloaded too") as box, \
            srv.serving({"/d.sys/C9C030003b000/d.sys": PDB, f"/x.pdb/{INDEX}/x.sym": PDB,
                         f"/nt.pdb/{GUID}-1.json.xz": PDB}) as server:
        options = ("cache", f"{box}/cache", "path", f"srv*{server.url}")
        for key in (("image", "d.sys", "c9c03000", "3b000"), ("sym", "x.pdb", GUID, 2), ("isf", "nt.pdb", GUID, 1)):
            tap.equal(ask(*options, *key).found[0], "download", key[0])
        tap.equal(server.count(), 3)
    with case("names are encoded in URLs") as box, srv.serving({}) as server:
        fetch(box, server, name="a b#%ä?.pdb".replace("?", ""))
        tap.equal(server.seen[0][0].split("/")[1], "a%20b%23%25%C3%A4.pdb")
    with case("progress is reported") as box, srv.serving({AT + NAME: srv.slow(PDB, 6, 1.2)}) as server:
        answer = fetch(box, server)
        equal_found(answer, "download", cached(box))
        last = [int(n) for n in answer.all("progress")[-1].split()]
        tap.equal(last[1], len(PDB))
        tap.equal(0 < last[0] <= len(PDB) and len(answer.all("progress")) > 1, True)
    with case("offline: no server is asked, and that is the reason given") as box, \
            srv.serving({AT + NAME: PDB}) as server:
        tap.contains(fetch(box, server, "offline", 1).why, "was not asked: offline")
        tap.equal(server.count(), 0)
    with case("a password in a URL is sent, and never shown") as box, srv.serving({AT + NAME: PDB}) as server:
        url = server.url.replace("//", "//someone:secret@")
        answer = pdb("cache", f"{box}/cache", "path", f"srv*{url}")
        tap.equal(answer.found[0], "download")
        tap.equal("Authorization" in server.seen[0][1], True)
        tap.lacks("\n".join(line for line in answer.lines if not line.startswith("path ")), "secret")


def test_server_pointers():
    other = "/shelf/other.pdb"
    with case("a server's file.ptr is followed to another URL") as box, srv.serving({other: PDB}) as far:
        with srv.serving({AT + "file.ptr": f"PATH:{far.url}{other}".encode()}) as server:
            equal_found(fetch(box, server, "verify", "RIGHT"), "download", cached(box))
            tap.equal([p for p, _ in server.seen], [AT + "x.pdb", AT + "x.pd_", AT + "file.ptr"])
    with case("a server's file.ptr to a share: its base name on the server") as box, \
            srv.serving({AT + "file.ptr": rb"PATH:\\a\b\other.pdb", AT + "other.pdb": PDB}) as server:
        equal_found(fetch(box, server), "download", cached(box))
    with case("a server's file.ptr opens no file of ours and leads nowhere strange") as box:
        secret = put(box, "secret.pdb")
        for text in (f"PATH:{secret}", f"PATH:file://{secret}", r"..\..\secret.pdb", "ftp://127.0.0.1/x", "nul", "",
                     "\0", "x" * 9000):
            with srv.serving({AT + "file.ptr": text.encode() or b" "}) as server:
                answer = fetch(box, server)
                tap.equal(answer.found, None, text[:30])
                tap.equal([p for p, _ in server.seen if ".." in p or "secret" in p and AT not in p], [])
                shutil.rmtree(f"{box}/cache")
    with case("a server's message is the reason given") as box, \
            srv.serving({AT + "file.ptr": b"MSG: Gone."}) as server:
        tap.contains(fetch(box, server).why, "says: Gone.")


def test_failures():
    with case("what a server does not have is remembered on disk, for a while") as box, srv.serving({}) as server:
        tap.contains(fetch(box, server).why, "does not have it")
        asked = server.count()
        tap.contains(fetch(box, server).why, "did not have it when asked before")
        tap.equal(server.count(), asked)
        server.routes[AT + NAME] = PDB
        time.sleep(2.1)
        equal_found(fetch(box, server, "retry", 1), "download", cached(box))
    with case("what was remembered can be forgotten") as box, srv.serving({}) as server:
        fetch(box, server, "repeat", 2)
        asked = server.count()
        fetch(box, server, "repeat", 2, "forget", 1)
        tap.equal(server.count() > asked, True)
    with case("404, 403 and 410 mean that it is not there") as box:
        for number in (404, 403, 410):
            with srv.serving({AT + NAME: srv.code(number), AT + "x.pd_": srv.cabinet("x.pdb", PDB)}) as server:
                tap.equal(fetch(f"{box}/{number}", server).found[0], "download", number)
    with case("500, 401 and 503 are said, not remembered, and end nothing else") as box:
        path = put(box, "d", NAME)
        for number in (500, 401, 503):
            with srv.serving({AT + NAME: srv.code(number)}) as server:
                answer = pdb("cache", f"{box}/cache", "path", f"srv*{server.url};{box}/d")
                equal_found(answer, "folder", path)
                tap.contains(answer.log, f"HTTP status {number}")
                tap.equal(server.count(), 1)
                pdb("cache", f"{box}/cache", "path", f"srv*{server.url};{box}/d")
                tap.equal(server.count(), 2)
    with case("a wrong file is refused, not kept, and not fetched again") as box, \
            srv.serving({AT + NAME: WRONG}) as server:
        answer = fetch(box, server, "verify", "RIGHT")
        tap.equal(answer.found, None)
        tap.contains(answer.log, "does not match: refused")
        tap.equal(files(f"{box}/cache") + leftovers(box), [])
        fetch(box, server, "verify", "RIGHT")
        tap.equal(server.count(AT + NAME), 1)
    with case("a wrong name, right compressed: the right one is found") as box, \
            srv.serving({AT + NAME: WRONG, AT + "x.pd_": srv.cabinet("x.pdb", PDB)}) as server:
        equal_found(fetch(box, server, "verify", "RIGHT"), "download", cached(box))
    with case("a wrong file in the cache is replaced by a right one") as box, srv.serving({AT + NAME: PDB}) as server:
        put(cached(box), data=WRONG)
        equal_found(fetch(box, server, "verify", "RIGHT"), "download", cached(box))
    with case("a damaged cabinet, an empty file") as box:
        for routes in ({AT + "x.pd_": b"MSCF" + bytes(90)}, {AT + NAME: b""}):
            with srv.serving(routes) as server:
                tap.equal(fetch(box, server, "verify", "RIGHT").found, None)
                tap.equal(files(f"{box}/cache") + leftovers(box), [])
    with case("a file larger than allowed is refused, whether its size is stated or not") as box:
        for answer in (PDB, srv.chunked(PDB)):
            with srv.serving({AT + NAME: answer}) as server:
                tap.equal(fetch(box, server, "max", 50000).found, None)
                tap.equal(files(f"{box}/cache") + leftovers(box), [])
                equal_found(fetch(f"{box}/more", server, "max", len(PDB)), "download", cached(f"{box}/more"))
                shutil.rmtree(f"{box}/more")
    with case("a cache that cannot be written: no download, and the reason") as box, \
            srv.serving({AT + NAME: PDB}) as server:
        put(box, "cache", data=b"a file")
        tap.contains(fetch(box, server).why, "cannot make the folder")
    with case("a link planted where a partial file goes is not written through") as box, \
            srv.serving({AT + NAME: PDB}) as server:
        fetch(box, server, "max", 1000)
        victim = put(box, "victim", data=b"mine")
        server.routes[AT + NAME] = srv.breaking(PDB, 1000, etag='"v"', times=9)
        fetch(box, server)
        part = [n for n in leftovers(box) if n.endswith(".part")][0]
        os.unlink(f"{box}/cache/.stopcode/{part}")
        os.symlink(victim, f"{box}/cache/.stopcode/{part}")
        fetch(box, server)
        tap.equal(read(victim), b"mine")


def test_redirects():
    with case("redirects are followed") as box, srv.serving({"/far": PDB}) as far:
        with srv.serving({AT + NAME: srv.redirect(f"{far.url}/far")}) as server:
            equal_found(fetch(box, server), "download", cached(box))
    with case("a redirect loop ends, and is the reason given") as box, \
            srv.serving({AT + NAME: srv.redirect(AT + NAME)}) as server:
        tap.contains(fetch(box, server).why, "redirects")
        tap.equal(server.count() <= 10, True)
    with case("a redirect to a file or another protocol is not followed") as box:
        secret = put(box, "secret.pdb")
        for to in (f"file://{secret}", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x"):
            with srv.serving({AT + NAME: srv.redirect(to)}) as server:
                answer = fetch(box, server)
                tap.equal(answer.found, None, to)
                tap.contains(answer.why, "rotocol")


def make_certificate(box):
    if not shutil.which("openssl"):
        tap.skip("openssl is not installed (scripts/deps.sh)")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", f"{box}/key.pem", "-out", f"{box}/cert.pem", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return srv.tls_context(f"{box}/cert.pem", f"{box}/key.pem")


def test_tls():
    with case("TLS with a certificate that is trusted") as box, \
            srv.serving({AT + NAME: PDB}, make_certificate(box)) as server:
        equal_found(fetch(box, server, "ca", f"{box}/cert.pem"), "download", cached(box))
    with case("TLS with a certificate that nobody vouches for is refused before anything is sent") as box, \
            srv.serving({AT + NAME: PDB}, make_certificate(box)) as server:
        answer = fetch(box, server)
        tap.equal(answer.found, None)
        tap.contains(answer.why.lower(), "certificate")
        tap.equal(server.count(), 0)
    with case("TLS with another host's certificate is refused") as box, \
            srv.serving({AT + NAME: PDB}, make_certificate(box)) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        answer = pdb("cache", f"{box}/cache", "path", f"srv*{url}", "ca", f"{box}/cert.pem")
        tap.equal(answer.found, None)
        tap.equal(server.count(), 0)
    with case("from https no redirect and no file.ptr leads back to http") as box, srv.serving({"/x": PDB}) as plain:
        context = make_certificate(box)
        for routes in ({AT + NAME: srv.redirect(f"{plain.url}/x")}, {AT + "file.ptr": f"PATH:{plain.url}/x".encode()}):
            with srv.serving(routes, context) as server:
                tap.equal(fetch(box, server, "ca", f"{box}/cert.pem").found, None)
        tap.equal(plain.count(), 0)


def test_resume():
    with case("a transfer that breaks off is resumed at once where the server knows versions") as box, \
            srv.serving({AT + NAME: srv.breaking(PDB, 40000, etag='"v1"', times=2)}) as server:
        equal_found(fetch(box, server), "download", cached(box))
        tap.equal([h.get("Range") for _, h in server.seen], [None, "bytes=40000-", "bytes=80000-"])
        tap.equal(server.seen[1][1].get("If-Range"), '"v1"')
        tap.equal(leftovers(box), [])
    with case("and by the next process") as box, \
            srv.serving({AT + NAME: srv.breaking(PDB, 10000, etag='"v1"', times=4)}) as server:
        tap.equal(fetch(box, server).found, None)
        equal_found(fetch(box, server), "download", cached(box))
        tap.equal(server.seen[-1][1].get("Range"), "bytes=40000-")
    with case("a file that changed meanwhile is fetched whole") as box, \
            srv.serving({AT + NAME: srv.breaking(WRONG * 100, 1000, etag='"old"', times=9)}) as server:
        tap.equal(fetch(box, server).found, None)
        server.routes[AT + NAME] = srv.breaking(PDB, 0, etag='"new"', times=0)
        equal_found(fetch(box, server), "download", cached(box))
    with case("a server that lies about its length and has no versions: refused, nothing kept") as box, \
            srv.serving({AT + NAME: srv.breaking(PDB, 40000, times=99)}) as server:
        answer = fetch(box, server)
        tap.equal(answer.found, None)
        tap.equal(files(f"{box}/cache") + leftovers(box), [])
        tap.equal(server.count(AT + NAME), 1)
    with case("a server that ignores ranges sends all of it again") as box, \
            srv.serving({AT + NAME: srv.breaking(PDB, 40000, etag='"v1"', ranges=False)}) as server:
        equal_found(fetch(box, server), "download", cached(box))
    with case("a server that sends another range than the one asked for is refused") as box:
        def lie(handler):
            if handler.headers.get("Range"):
                handler.status(206, PDB[100:], [("Content-Range", f"bytes 100-{len(PDB) - 1}/{len(PDB)}"),
                                                ("ETag", '"v1"')])
            else:
                first(handler)
        first = srv.breaking(PDB, 40000, etag='"v1"')
        with srv.serving({AT + NAME: lie}) as server:
            tap.equal(fetch(box, server, "verify", "RIGHT").found, None)
            tap.equal(files(f"{box}/cache"), [])
    with case("a partial file that is larger than the server's is thrown away") as box, \
            srv.serving({AT + NAME: srv.breaking(PDB, 20000, etag='"v1"', times=9)}) as server:
        fetch(box, server)

        def answer(handler):
            if handler.headers.get("Range"):
                handler.status(416)
            else:
                handler.whole(PDB)
        server.routes[AT + NAME] = answer
        equal_found(fetch(box, server), "download", cached(box))


def test_time():
    with case("a slow server is waited for") as box, srv.serving({AT + NAME: srv.slow(PDB, 8, 2)}) as server:
        equal_found(fetch(box, server, "stall", 2), "download", cached(box))
    with case("a server that stalls is left after the time allowed") as box, \
            srv.serving({AT + NAME: srv.stalling(PDB, 500)}) as server:
        began = time.monotonic()
        tap.equal(fetch(box, server, "stall", 1).found, None)
        tap.equal(time.monotonic() - began < 5, True)
    with case("a server that never answers is asked once, and then never again") as box, \
            srv.serving({AT + NAME: lambda handler: time.sleep(6)}) as server:
        began = time.monotonic()
        answer = fetch(box, server, "stall", 1, "repeat", 5)
        tap.equal(time.monotonic() - began < 5, True)
        tap.equal(server.count(), 1)
        tap.equal(len(answer.all("why")), 5)
    with case("a host that is not there is the answer at once, five times") as box:
        with srv.serving({}) as server:
            url = server.url
        began = time.monotonic()
        answer = pdb("cache", f"{box}/cache", "path", f"srv*{url}", "repeat", 5)
        tap.equal(time.monotonic() - began < 3, True)
        tap.contains(answer.why, "cannot be reached")
        tap.equal(sum("HTTPGET" in line for line in answer.all("log")), 1)
        answer = pdb("cache", f"{box}/cache", "path", f"srv*{url}", "repeat", 2, "forget", 1)
        tap.equal(sum("HTTPGET" in line for line in answer.all("log")), 2)
    with case("cancelled before it began") as box, srv.serving({AT + NAME: PDB}) as server:
        tap.equal(fetch(box, server, "cancel", 0).first("error"), "2 cancelled")
        tap.equal(server.count(), 0)
    with case("cancelled under way: at once, and nothing in the cache") as box, \
            srv.serving({AT + NAME: srv.slow(PDB, 40, 8)}) as server:
        began = time.monotonic()
        tap.equal(fetch(box, server, "cancel", 10000).first("error"), "2 cancelled")
        tap.equal(time.monotonic() - began < 6, True)
        tap.equal(files(f"{box}/cache") + leftovers(box), [])


def test_together():
    with case("two processes that want one file download it once") as box, \
            srv.serving({AT + NAME: srv.slow(PDB, 6, 1.2)}) as server:
        options = ("cache", f"{box}/cache", "path", f"srv*{server.url}", "verify", "RIGHT", "pdb", NAME, GUID, 2)
        answers = [finish(p) for p in [start(*options) for _ in range(4)]]
        tap.equal(server.count(), 1)
        tap.equal(sorted(a.found[0] for a in answers), ["download", "store", "store", "store"])
        tap.equal({a.found[1] for a in answers}, {cached(box)})
        tap.equal(leftovers(box), [])
    with case("two processes and a file that is not there: one asks") as box:
        def slow_no(handler):
            time.sleep(0.5)
            handler.status(404)
        with srv.serving({AT + NAME: slow_no}) as server:
            options = ("cache", f"{box}/cache", "path", f"srv*{server.url}", "pdb", NAME, GUID, 2)
            answers = [finish(p) for p in [start(*options) for _ in range(3)]]
            tap.equal(server.count(AT + NAME), 1)
            tap.equal([a.found for a in answers], [None] * 3)
    with case("a process that is killed leaves no lock behind") as box, \
            srv.serving({AT + NAME: srv.slow(PDB, 60, 12)}) as server:
        options = ("cache", f"{box}/cache", "path", f"srv*{server.url}", "pdb", NAME, GUID, 2)
        first = start(*options)
        until = time.monotonic() + 10
        while server.count() == 0 and time.monotonic() < until:
            time.sleep(0.02)
        second = start(*options)
        time.sleep(0.3)
        server.routes[AT + NAME] = PDB
        first.send_signal(signal.SIGKILL)
        first.communicate()
        equal_found(finish(second, timeout=10), "download", cached(box))
    with case("a process that waits can be cancelled") as box, \
            srv.serving({AT + NAME: srv.slow(PDB, 30, 4)}) as server:
        options = ("cache", f"{box}/cache", "path", f"srv*{server.url}")
        first = start(*options, "pdb", NAME, GUID, 2)
        until = time.monotonic() + 10
        while server.count() == 0 and time.monotonic() < until:
            time.sleep(0.02)
        tap.equal(ask(*options, "cancel", 0, "pdb", NAME, GUID, 2).first("error"), "2 cancelled")
        finish(first)


def main():
    for test in (test_paths, test_names, test_folders, test_stores, test_pointers, test_download,
                 test_server_pointers, test_failures, test_redirects, test_tls, test_resume, test_time, test_together):
        test()
    tap.done()


if __name__ == "__main__":
    main()
