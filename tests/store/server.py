# SPDX-License-Identifier: MIT
"""A symbol server for test_store.py, on 127.0.0.1 only, that answers as each test wants; and cabinets for it."""
import contextlib
import http.server
import ssl
import struct
import threading
import time
import zlib


class Server(http.server.ThreadingHTTPServer):
    """`routes`: path -> bytes, or a function of the handler. `seen`: (path, headers) of all requests, in order."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, routes, context=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.routes = routes
        self.seen = []
        self.lock = threading.Lock()
        self.scheme = "https" if context else "http"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    def count(self, path=None):
        with self.lock:
            return sum(1 for p, _ in self.seen if path is None or p == path)

    def handle_error(self, request, client_address):
        pass  # clients that hang up, or do not like the certificate, are what is tested


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20

    def log_message(self, *args):
        pass

    def do_GET(self):
        with self.server.lock:
            self.server.seen.append((self.path, dict(self.headers)))
        answer = self.server.routes.get(self.path)
        if answer is None:
            self.status(404)
        elif callable(answer):
            answer(self)
        else:
            self.whole(answer)

    def status(self, code, body=b"<html>no</html>", headers=()):
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def whole(self, body, headers=()):
        self.status(200, body, headers)


@contextlib.contextmanager
def serving(routes, context=None):
    server = Server(routes, context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def tls_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


# --- answers ---------------------------------------------------------------------------------------------------


def code(number, headers=()):
    return lambda handler: handler.status(number, headers=headers)


def redirect(to):
    return lambda handler: handler.status(302, headers=[("Location", to)])


def slow(body, pieces, seconds):
    """The body in PIECES parts, with SECONDS in all."""
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        step = -(-len(body) // pieces)
        for at in range(0, len(body), step):
            handler.wfile.write(body[at:at + step])
            handler.wfile.flush()
            time.sleep(seconds / pieces)
    return answer


def stalling(body, sent):
    """SENT bytes, and then nothing any more."""
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:sent])
        handler.wfile.flush()
        time.sleep(6)
        handler.close_connection = True
    return answer


def chunked(body):
    """Without saying how long it is."""
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for at in range(0, len(body), 4096):
            piece = body[at:at + 4096]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")
    return answer


def breaking(body, at, etag=None, ranges=True, times=1):
    """Breaks off after AT bytes, TIMES times; knows ranges if it has an ETag."""
    left = [times]

    def answer(handler):
        asked = handler.headers.get("Range")
        start = 0
        if asked and ranges and etag and handler.headers.get("If-Range") == etag:
            start = int(asked.split("=")[1].rstrip("-"))
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            handler.send_response(200)
        if etag:
            handler.send_header("ETag", etag)
        handler.send_header("Content-Length", str(len(body) - start))
        handler.end_headers()
        end = len(body)
        if left[0] > 0:
            left[0] -= 1
            end = start + at
            handler.close_connection = True
        handler.wfile.write(body[start:end])
        handler.wfile.flush()
    return answer


# --- cabinets --------------------------------------------------------------------------------------------------


def cabinet(name, body, claimed=None):
    """A cabinet with one file, MSZIP. CLAIMED: its size as the cabinet states it."""
    blocks = b""
    pieces = [body[at:at + 32768] for at in range(0, len(body), 32768)]
    for number, piece in enumerate(pieces):
        before = body[max(0, number * 32768 - 32768):number * 32768]
        packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=before) if before else \
            zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = b"CK" + packer.compress(piece) + packer.flush()
        blocks += struct.pack("<IHH", 0, len(packed), len(piece)) + packed  # checksum 0: not checked
    entry = struct.pack("<IIHHHH", len(body) if claimed is None else claimed, 0, 0, 0x5000, 0, 0x20)
    entry += name.encode() + b"\0"
    files_at = 36 + 8
    data_at = files_at + len(entry)
    folder = struct.pack("<IHH", data_at, len(pieces), 1)
    size = data_at + len(blocks)
    head = b"MSCF" + struct.pack("<IIIIIBBHHHHH", 0, size, 0, files_at, 0, 3, 1, 1, 1, 0, 0, 0)
    return head + folder + entry + blocks
