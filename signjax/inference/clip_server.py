"""A web server, by default for this machine only: a page on which you type a text and watch a clip of it.

It connects to no other machine and opens no file. Pages of other sites cannot use it, and other machines need
a token: see signjax.inference.server_access.
"""

import errno
import http.server
import ipaddress
import json
import re
import select
import socket
import socketserver
import sys
import threading
import traceback
from collections.abc import Iterable
from typing import NamedTuple

from signjax.errors import ConfigError, DataError, SignjaxError
from signjax.inference import server_access
from signjax.inference.clip_maker import ClipMaker, Report
from signjax.io import safe_read
from signjax.text import text_file

MAX_REQUEST = 1 << 14  # bytes: a text of text_file.MAX_CHARACTERS characters, each escaped
MAX_VERSIONS = 4  # of a text at once
LINES = "application/x-ndjson"  # the type of an answer that tells how far it is
PATIENCE = 0.5  # seconds between two lines while a request waits


class ClipRequest(NamedTuple):
    """What the page asks for."""

    text: str
    seed: int
    num: int  # versions of the clip


class ClipServer(http.server.ThreadingHTTPServer):
    """Serves a page and the clips that it asks for.

    Args:
      port: 0 for any free port.
      page: the HTML page; it may be set later, before serving.
      host: name or address of this machine to listen on. Unless it is loopback, a token is asked for.
      allowed_hosts: names, with or without a port, by which tunnels and proxies ask.
      token: to ask for; None for a new one where one is needed.

    Attributes:
      make_clip: generates the clips; set it before serving.
      token: that is asked for, None if none is.
      url: that opens the page; it has the token.

    Raises:
      ConfigError: the host is not here, the port is in use or not allowed, or a name is none of a host.
    """

    # A slow client must not keep the program from ending.
    daemon_threads = True
    # Python 3.14 sets it: a second viewer would share the port, and each answer half of the requests.
    allow_reuse_port = False
    make_clip: ClipMaker

    def __init__(
        self,
        port: int,
        page: bytes = b"",
        host: str = server_access.HOST,
        allowed_hosts: Iterable[str] = (),
        token: str | None = None,
    ):
        self.page = page
        # Two clips at once would take twice the memory and be ready no sooner.
        self.model_lock, self.warming_up = threading.Lock(), False
        allowed = server_access.parse_allowed_hosts(allowed_hosts)
        self.address_family, address = server_access.find_address(host)
        if token is None and not server_access.is_loopback(address):
            token = server_access.make_token()
        try:
            super().__init__((address, port), ClipRequestHandler)
        except (OSError, OverflowError) as error:
            raise _explain_error(error, host, port) from None
        self.token, self._address = token, address
        names = server_access.find_names(host, address)
        self.access = server_access.ServerAccess(self.server_port, names, allowed, token)

    def server_bind(self):
        """Takes the port."""
        # That of HTTPServer also asks DNS for the name of the address, which can take a minute.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    @property
    def url(self) -> str:
        """The address for a browser."""
        # 0.0.0.0 is all addresses of this machine, and none that others can ask for.
        is_any = ipaddress.ip_address(self._address.partition("%")[0]).is_unspecified
        name = socket.gethostname() if is_any else server_access.format_address(self._address)
        port = "" if self.server_port == 80 else f":{self.server_port}"
        return f"http://{name}{port}/{f'?token={self.token}' if self.token else ''}"

    def warm_up(self) -> None:
        """Compiles for the first clip while the page is there already; clips wait for it."""
        self.model_lock.acquire()
        self.warming_up = True

        def run() -> None:
            try:
                self.make_clip.warm_up()
            finally:
                self.warming_up = False
                self.model_lock.release()

        threading.Thread(target=run, daemon=True).start()

    def generate_clip(self, request: "ClipRequest", report: Report) -> dict:
        """Generates a clip when those before it are ready; `report` is told what it waits for."""
        while not self.model_lock.acquire(timeout=PATIENCE):
            report({"state": "loading" if self.warming_up else "waiting"})
        try:
            return self.make_clip(*request, report)
        finally:
            self.model_lock.release()

    def describe_address(self, is_own_token: bool) -> str:
        """A line for the terminal: the address, and who may use it."""
        if not self.token:
            return f"{self.url} (for this machine alone; Ctrl-C ends it)"
        # A token that the user keeps elsewhere stays out of logs.
        if is_own_token:
            return f"{self.url.partition('?')[0]} (asks for the token that you set; Ctrl-C ends it)"
        return f"{self.url} (whoever has this token may use it; Ctrl-C ends it)"

    def handle_error(self, request, client_address):
        """Prints errors of the server."""
        # An OSError is a client that has gone: no fault of the server.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _explain_error(error: Exception, host: str, port: int) -> ConfigError:
    """The one line for an address or a port that cannot be listened on."""
    reason, code = safe_read.describe_error(error), getattr(error, "errno", None)
    if code in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return ConfigError(f"--host {host}: {reason}; give an address of this machine")
    rights = "; ports below 1024 are for administrators" if code == errno.EACCES else ""
    return ConfigError(f"port {port}: {reason}{rights}; give another --port")


class ClipRequestHandler(http.server.BaseHTTPRequestHandler):
    """GET / returns the page, POST /sign a clip; all other paths are refused, and none leads to a file."""

    # The protocol stays HTTP/1.0, where a connection ends with its response: the body of a refused request is
    # never read, and on a kept connection it would be taken for the next request.
    server: ClipServer
    timeout = 30  # seconds that a client may be silent
    # Otherwise every response would name the versions of Python and of http.server.
    server_version, sys_version = "signjax", ""

    def do_GET(self):
        """Sends the page, and with the token in the address a cookie that has it from then on."""
        access, (path, question, token) = self.server.access, self.path.partition("?token=")
        if not (self._check_access(token if path == "/" else "") and self._check_path("/", path)):
            return
        # No redirect to the address without the token: browsers that come from a link of another site would
        # leave out the cookie there. The script of the page takes the token out of the address bar.
        cookie = f"{access.cookie}={access.token}; HttpOnly; SameSite=Strict; Path=/"
        headers = [("Set-Cookie", cookie)] if question and access.token else []
        self._send_response(200, "text/html; charset=utf-8", self.server.page, *headers)

    def do_POST(self):
        """Sends a clip of a text, or a line that says why it cannot.

        Whoever accepts LINES gets lines of JSON instead: how far the clip is, then the clip or the error.
        Closing the connection stops the work.
        """
        if not (self._check_access() and self._check_path("/sign", self.path)):
            return
        length = self.headers.get("Content-Length", "")
        # isdigit would accept digits of other scripts, and int() a sign.
        if not re.fullmatch("[0-9]{1,5}", length) or int(length) > MAX_REQUEST:
            self._refuse_request(413, f"a request says its length, at most {MAX_REQUEST:,} bytes")
            return
        try:
            request = parse_request(self.rfile.read(int(length)))
        except SignjaxError as error:
            self._refuse_request(400, str(error))
            return
        if LINES in self.headers.get("Accept", ""):
            self._send_head(200, LINES)
            status, answer = self._make_answer(request, self._send_line)
            self._send_line(answer)
        else:
            status, answer = self._make_answer(request, lambda state: None)
            self._send_response(status, "application/json", json.dumps(answer).encode())

    def _make_answer(self, request: "ClipRequest", report: Report) -> tuple[int, dict]:
        """(status, {"clip": ...} or {"error": ...})."""
        try:
            return 200, {"clip": self.server.generate_clip(request, report)}
        except SignjaxError as error:
            return 400, {"error": str(error)}
        except OSError:
            raise  # of the connection: there is nobody to answer to
        except Exception:
            # The reason goes to the terminal alone: it may quote paths and data of this machine.
            traceback.print_exc()
            return 500, {"error": "the model failed; the terminal of the server has more"}

    def _send_line(self, content: dict) -> None:
        """Sends a line of JSON; raises ConnectionAbortedError if the client has gone."""
        # The first line to a closed connection would go unnoticed, so that a stopped clip is worked on.
        if select.select([self.connection], [], [], 0)[0] and not self.connection.recv(1, socket.MSG_PEEK):
            raise ConnectionAbortedError("the client has closed the connection")
        self.wfile.write(json.dumps(content).encode() + b"\n")

    def _check_access(self, token: str = "") -> bool:
        """Refuses a request of another site's page, or without the token; returns whether to go on."""
        access, headers = self.server.access, self.headers
        hosts, origins = headers.get_all("Host", []), headers.get_all("Origin", [])
        if not access.allows(hosts, origins, self.connection.getsockname()[0]):
            reason = "this server answers to its own names and its own page alone; --allow_host adds a name"
            self._refuse_request(403, reason)
            return False
        if not access.has_token(headers.get("Authorization", ""), headers.get("Cookie", ""), token):
            self._refuse_request(403, "this server asks for a token; open the address that it printed")
            return False
        return True

    def _check_path(self, expected: str, path: str) -> bool:
        if path != expected:
            self._refuse_request(404, "there is nothing here")
        return path == expected

    def _refuse_request(self, status: int, reason: str) -> None:
        self._send_response(status, "application/json", json.dumps({"error": reason}).encode())

    def _send_response(self, status: int, kind: str, body: bytes, *headers: tuple[str, str]) -> None:
        self._send_head(status, kind, ("Content-Length", str(len(body))), *headers)
        self.wfile.write(body)

    def _send_head(self, status: int, kind: str, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (
            *headers,
            ("Content-Type", kind),
            ("Cache-Control", "no-store"),
            # No other page may show this one in a frame and have it clicked on.
            ("Content-Security-Policy", "frame-ancestors 'none'"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
        ):
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        """Prints no log of requests: the page shows what happened."""


def parse_request(data: bytes) -> ClipRequest:
    """Parses and checks the JSON of a request.

    Raises:
      DataError: it has other fields, or values out of range.
    """
    # Parsed JSON takes far more memory than its text; no request of at most MAX_REQUEST bytes needs so much.
    fields = safe_read.parse_json(data, MAX_REQUEST << 8)
    if set(fields) != {"text", "seed", "num"}:
        raise DataError('a request is {"text": "...", "seed": 0, "num": 1}')
    text, longest = fields["text"], text_file.MAX_CHARACTERS
    # JSON may escape half of a surrogate pair, which cannot be encoded as UTF-8.
    if not isinstance(text, str) or len(text) > longest or re.search("[\ud800-\udfff]", text):
        raise DataError(f"text: not Unicode of at most {longest:,} characters")
    # type and not isinstance: true is an int for Python.
    if type(fields["num"]) is not int or not 1 <= fields["num"] <= MAX_VERSIONS:
        raise DataError(f"num: not a whole number from 1 to {MAX_VERSIONS}")
    return ClipRequest(text, _parse_seed(fields["seed"]), fields["num"])


def _parse_seed(seed: object) -> int:
    """A seed, or its digits: numbers of JavaScript are exact up to 2**53 only."""
    if isinstance(seed, str) and re.fullmatch("-?[0-9]{1,4300}", seed):
        return int(seed)
    if type(seed) is not int:
        raise DataError("seed: not a whole number")
    return seed
