"""The HTTP server on 127.0.0.1: reads requests, lets faults happen, sends answers."""

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from qcbench.errors import InputError

from .clock import ServiceClock
from .config import EmulatorConfig, Fault
from .faults import Faults
from .routes import Answer, Call, answer, error, kind_of
from .service import Service
from .tokens import Tokens

HOST = "127.0.0.1"
API_PREFIX = "/api/v1"
LARGEST_BODY = 64 * 2**20

INSTEAD: dict[Fault, Answer] = {
    "unavailable": error(503, 1500, "Service unavailable (injected fault)"),
    "unavailable_after": error(503, 1500, "Service unavailable (injected fault)"),
    "rate_limit": error(429, 1202, "Too many requests (injected fault)"),
    "unauthorized": error(401, 1400, "The access token was taken back (injected fault)"),
}
BEFORE: tuple[Fault, ...] = ("unavailable", "rate_limit", "unauthorized")


class _Handler(BaseHTTPRequestHandler):
    """One connection. Headers are never logged: they hold the access token."""

    protocol_version = "HTTP/1.1"
    # Headers and body are two writes: the second would wait 40 ms for the client's acknowledgement.
    disable_nagle_algorithm = True
    server: "_Server"

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing; `_handle` logs what is worth it."""

    def _handle(self) -> None:
        emulator = self.server.emulator
        url = urlsplit(self.path)
        path = unquote(url.path).removeprefix(API_PREFIX).rstrip("/") or "/"
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = LARGEST_BODY + 1
        if length > LARGEST_BODY:
            self.close_connection = True
            self._send(error(413, 1413, f"The body is larger than {LARGEST_BODY} bytes"))
            return
        call = Call(
            method=self.command,
            path=path,
            query=parse_qs(url.query),
            instance=self.headers.get("Service-CRN") or "",
            authorization=self.headers.get("Authorization") or "",
            body=self.rfile.read(length),
        )
        kind = kind_of(call.method, path)
        fault = emulator.faults.next(kind) if kind is not None else None
        given = self._answer(call, fault)
        emulator.say(
            f"{call.method} {path} {'no answer' if given is None else given.status}"
            + (f" ({fault})" if fault else "")
        )
        if given is None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(given)

    def _answer(self, call: Call, fault: Fault | None) -> Answer | None:
        """Return the answer with its fault; None is a connection that closes without one."""
        emulator = self.server.emulator
        if fault == "unauthorized":
            emulator.tokens.revoke(call.authorization)
        if fault in BEFORE:
            return INSTEAD[fault]
        if fault == "slow":
            time.sleep(emulator.config.faults.slow_s)
        try:
            given = answer(emulator.service, emulator.tokens, call, fail=fault == "job_error")
        except Exception as problem:
            emulator.say(f"{call.method} {call.path}: {type(problem).__name__}: {problem}")
            return error(500, 1500, f"Internal error: {type(problem).__name__}")
        if fault == "lost_response":
            return None
        return given if fault is None else INSTEAD.get(fault, given)

    def _send(self, given: Answer) -> None:
        body = given.body()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(given.status)
            if given.status != 204:
                self.send_header("Content-Type", "application/json")
            if given.retry_after_s is not None:
                self.send_header("Retry-After", str(given.retry_after_s))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, port: int, emulator: "Emulator") -> None:
        self.emulator = emulator
        super().__init__((HOST, port), _Handler)


class Emulator:
    """A running emulator: the service, its tokens and faults, and the server in a thread.

    Args:
        log: whether requests are told on standard error.
        initializer: of worker processes, see `Workers`.

    Raises:
        InputError: an unknown device, a port that is taken, a ledger that cannot be written.
    """

    def __init__(
        self,
        config: EmulatorConfig,
        *,
        log: bool = False,
        initializer: Callable[[], None] | None = None,
    ) -> None:
        self.config = config
        self._log = log
        self.clock = ServiceClock(config.time_scale)
        self.tokens = Tokens()
        self.faults = Faults(config.faults, config.seed, config.day, config.restart)
        try:
            self._server = _Server(config.port, self)
        except OSError as problem:
            raise InputError(
                f"port={config.port}: cannot be used ({problem.strerror}); 0 takes a free one"
            ) from None
        try:
            self.service = Service(config, self.clock, initializer)
        except BaseException:
            self._server.server_close()
            raise
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    def say(self, line: str) -> None:
        """Write a line to the log, which is standard error."""
        if self._log:
            stamp = self.clock.stamp(self.clock.now_s())
            print(f"emulator: {stamp} {line}", file=sys.stderr, flush=True)

    def stop(self) -> None:
        """End the server and the service."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.service.stop()
