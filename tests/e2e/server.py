#!/usr/bin/python3
"""What the tests of releases release: a server that dies at once when it is told to stop."""
import http.server
import os
import socketserver
import sys
import time

RELEASE = "one"
BORN = time.monotonic()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        # It listens before it can do anything.
        if time.monotonic() - BORN < 0.5 or RELEASE == "sick":
            print("not yet:", self.path, flush=True)
            self.answer(503, b"not yet\n")
        elif self.path == "/long":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in range(8):
                self.chunk(b"piece %d\n" % piece)
                time.sleep(0.1)
            self.chunk(b"end\n")
            self.chunk(b"")
        else:
            words = "%s %s " % (RELEASE, os.environ["MOOD"])
            self.answer(200, words.encode() + b"|" + b"x" * 4000)

    def do_POST(self):
        self.answer(200, self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunk(self, piece):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 1024


if RELEASE == "broken" or os.path.exists("/srv/broken"):
    print("no such table: visitors", file=sys.stderr)
    sys.exit(3)
print("begins:", RELEASE, flush=True)
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
