"""A web server for this machine only: a page on which you type a text and watch a clip of it.

It connects to no other machine and opens no file. Pages of other sites in a browser on this machine cannot
use it: their requests carry another Origin or Host, and are refused.
"""

import dataclasses
import http.server
import json
import re
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from typing import NamedTuple

from signjax import demo, rendering
from signjax.data import load
from signjax.errors import ConfigError, DataError, SignjaxError, SignjaxWarning
from signjax.inference.load import load_text_to_pose
from signjax.io import safe_read
from signjax.rendering import html_player
from signjax.text import text_file

# Not "", which means all interfaces: nobody else on the network may use this machine's processor.
HOST = "127.0.0.1"
MAX_REQUEST = 1 << 14  # bytes: a text of text_file.MAX_CHARACTERS characters, each escaped
MAX_VERSIONS = 4  # of a text at once


class ClipRequest(NamedTuple):
    """What the page asks for."""

    text: str
    seed: int
    num: int  # versions of the clip


ClipMaker = Callable[[str, int, int], dict]  # (text, seed, num) -> clip for the page


def make_clip_maker(workdir) -> ClipMaker:
    """Loads a run; returns a function that generates clips for the page, for one thread at a time.

    Raises:
      ConfigError: the run does not generate clips from text.
      StorageError: nothing was trained in workdir.
    """
    generator = load_text_to_pose(workdir)
    readable = load.is_demo_data(generator.config.data)

    def make_clip(text: str, seed: int, num: int) -> dict:
        start = time.monotonic()
        # A list of one text: for a text by itself and num 1, generate returns a clip and not a list.
        with warnings.catch_warnings(record=True, action="always", category=SignjaxWarning) as caught:
            clips = generator.generate([text], num, seed)
        seconds = time.monotonic() - start
        remarks = [f"signed in {seconds:.2f} s, seed {seed}", *(str(w.message) for w in caught)]
        panels = []
        for k, clip in enumerate(clips, 1):
            titles = [f"version {k}"] if num > 1 else []
            titles += [f"reads: {' '.join(demo.read_signs(clip.points)) or '(nothing)'}"] if readable else []
            panels.append(rendering.Panel(clip, "; ".join(titles)))
        return html_player.pack_panels(panels, "; ".join(remarks))

    # Compiled for short texts before the page is there: the first visitor would wait for it.
    # The run may never have seen its letters.
    dataclasses.replace(generator, checks_letters=False).generate("hello")
    return make_clip


class ClipServer(http.server.ThreadingHTTPServer):
    """Serves a page and the clips that it asks for, on HOST.

    Args:
      port: 0 for any free port.
      page: the HTML page.

    Attributes:
      make_clip: generates the clips, see `make_clip_maker`; set it before serving.

    Raises:
      ConfigError: the port is in use or not allowed.
    """

    # A slow client must not keep the program from ending.
    daemon_threads = True
    make_clip: ClipMaker

    def __init__(self, port: int, page: bytes):
        self.page = page
        # Two clips at once would take twice the memory and be ready no sooner.
        self.model_lock = threading.Lock()
        try:
            super().__init__((HOST, port), ClipRequestHandler)
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"port {port}: {safe_read.describe_error(error)}; give another --port"
            ) from None

    def handle_error(self, request, client_address):
        """Prints errors of the server."""
        # An OSError is a client that has gone: no fault of the server.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class ClipRequestHandler(http.server.BaseHTTPRequestHandler):
    """GET / returns the page, POST /sign a clip; all other paths are refused, and none leads to a file."""

    # The protocol stays HTTP/1.0, where a connection ends with its response: the body of a refused request is
    # never read, and on a kept connection it would be taken for the next request.
    server: ClipServer
    timeout = 30  # seconds that a client may be silent
    # Otherwise every response would name the versions of Python and of http.server.
    server_version, sys_version = "signjax", ""

    def do_GET(self):
        """Sends the page."""
        if self._check_origin() and self._check_path("/"):
            self._send_response(200, "text/html; charset=utf-8", self.server.page)

    def do_POST(self):
        """Sends a clip of a text, or a line that says why it cannot."""
        if not (self._check_origin() and self._check_path("/sign")):
            return
        length = self.headers.get("Content-Length", "")
        # isdigit would accept digits of other scripts, and int() a sign.
        if not re.fullmatch("[0-9]{1,5}", length) or int(length) > MAX_REQUEST:
            self._refuse_request(413, f"a request says its length, at most {MAX_REQUEST:,} bytes")
            return
        try:
            request = parse_request(self.rfile.read(int(length)))
            with self.server.model_lock:
                clip = self.server.make_clip(*request)
        except SignjaxError as error:
            self._refuse_request(400, str(error))
        except OSError:
            raise  # of the connection: there is nobody to answer to
        except Exception:
            # The reason goes to the terminal alone: it may quote paths and data of this machine.
            traceback.print_exc()
            self._refuse_request(500, "the model failed; the terminal of the server has more")
        else:
            self._send_response(200, "application/json", json.dumps({"clip": clip}).encode())

    def _check_origin(self) -> bool:
        """Refuses a request that another site's page has caused; returns whether it is allowed.

        A site that points its name at this machine (DNS rebinding) sends its own name as Host, a page of
        another site sends that site as Origin. Programs that are no browser send no Origin.
        """
        port, hosts = self.server.server_port, self.headers.get_all("Host", [])
        names = {f"{name}:{port}" for name in (HOST, "localhost")}
        origins = self.headers.get_all("Origin", [])
        # Exactly one Host: of two, a proxy and this server could each trust a different one.
        allowed = len(hosts) == 1 and hosts[0] in names and origins in ([], [f"http://{hosts[0]}"])
        if not allowed:
            self._refuse_request(403, f"this server answers to http://{HOST}:{port}/ and its own page alone")
        return allowed

    def _check_path(self, path: str) -> bool:
        if self.path != path:
            self._refuse_request(404, "there is nothing here")
        return self.path == path

    def _refuse_request(self, status: int, reason: str) -> None:
        self._send_response(status, "application/json", json.dumps({"error": reason}).encode())

    def _send_response(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            # No other page may show this one in a frame and have it clicked on.
            ("Content-Security-Policy", "frame-ancestors 'none'"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

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
    for name, low, high in (("seed", 0, 2**31 - 1), ("num", 1, MAX_VERSIONS)):
        # type and not isinstance: true is an int for Python.
        if type(fields[name]) is not int or not low <= fields[name] <= high:
            raise DataError(f"{name}: not a whole number from {low} to {high:,}")
    return ClipRequest(text, fields["seed"], fields["num"])
