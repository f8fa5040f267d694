"""A proxy before a server that refuses, loses answers, or goes away, as a test tells it."""

import http.client
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Fate = str | tuple[int, str]
"""`pass`, `lose` the answer after the server has had the request, `cut` the answer's body in the
middle, `drop` the request, or a status and a code of S3."""


class HurtingProxy:
    """A proxy on loopback.

    Attributes:
        address: where it listens.
        decide: says what becomes of a request, from its method and path.
        seen: methods and paths in order.
    """

    def __init__(self, server: str) -> None:
        self.decide: Callable[[str, str], Fate] = lambda method, path: "pass"
        self.seen: list[tuple[str, str]] = []
        where = urlsplit(server)
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                method = self.command
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy.seen.append((method, self.path))
                fate = proxy.decide(method, self.path)
                if fate == "drop":
                    self._cut_off()
                    return
                if isinstance(fate, tuple):
                    self._refuse(*fate)
                    return
                there = http.client.HTTPConnection(where.hostname or "", where.port or 80)
                there.request(method, self.path, data, dict(self.headers.items()))
                answer = there.getresponse()
                body = answer.read()
                there.close()
                if fate == "lose":
                    self._cut_off()
                    return
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                size = answer.getheader("Content-Length") if method == "HEAD" else len(body)
                self.send_header("Content-Length", str(size or 0))
                self.end_headers()
                if fate == "cut" and len(body) > 1:
                    self.wfile.write(body[: len(body) // 2])
                    self._cut_off()
                    return
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815

            def _refuse(self, status: int, code: str) -> None:
                body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def _cut_off(self) -> None:
                self.close_connection = True
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
