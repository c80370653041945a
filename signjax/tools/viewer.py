"""A page on this machine where one types text and watches it signed.

    python -m signjax.tools.viewer runs/gpt

It answers to this machine alone, asks nobody for anything and opens no file. Pages of other sites that a
browser here has open may not use it: their requests carry their own Origin or Host.
"""

import http.server
import json
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable

from signjax import demo, rendering
from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.data import load
from signjax.errors import ConfigError, DataError, SignjaxError
from signjax.inference.load import load_text_to_pose
from signjax.inference.pose_codec import FPS
from signjax.io import safe_read
from signjax.rendering import html_player
from signjax.text import text_file
from signjax.training import process

HOST = "127.0.0.1"
MOST = 1 << 14  # bytes of a request: a text of MAX_CHARACTERS characters, each escaped
VERSIONS = 4  # of a text at once


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Serves until Ctrl-C."""
    parser = parsing.make_parser("signjax.tools.viewer", __doc__)
    parser.add_argument("run", metavar="RUN", help="folder of a trained run that signs texts")
    parser.add_argument("--port", type=int, default=8765, help="0 takes any free one (default: 8765)")
    args = parser.parse_args(argv)
    process.enable_compile_cache()
    with Server(args.port) as server:
        server.sign = signer(args.run)
        server.page = html_player.format_page([], FPS, f"signjax: {args.run}", live=True).encode()
        print(f"http://{HOST}:{server.server_port}/ (for this machine alone; Ctrl-C ends it)", flush=True)
        server.serve_forever()
    return 0


def signer(workdir) -> Callable[[str, int, int], dict]:
    """A function (text, seed, num) -> clip for the page, which one thread uses at a time.

    The model is loaded and compiled for short texts at once; what is compiled later is kept, too.

    Raises:
      ConfigError: the run signs no text.
      StorageError: nothing was trained in workdir.
    """
    generator = load_text_to_pose(workdir)
    readable = load.readable(generator.config.data)

    def sign(text: str, seed: int, num: int) -> dict:
        begun = time.monotonic()
        clips = generator.generate([text], num, seed)
        took = time.monotonic() - begun
        panels = []
        for k, clip in enumerate(clips, 1):
            titles = [f"version {k}"] if num > 1 else []
            titles += [f"reads: {' '.join(demo.read_signs(clip.points)) or '(nothing)'}"] if readable else []
            panels.append(rendering.Panel(clip, "; ".join(titles)))
        return html_player.pack_panels(panels, f"signed in {took:.2f} s, seed {seed}")

    sign("hello", 0, 1)
    return sign


class Server(http.server.ThreadingHTTPServer):
    """Answers on HOST with what stands in `page` and `sign`.

    Raises:
      ConfigError: the port cannot be had.
    """

    daemon_threads = True  # a slow client does not keep the program from ending
    page: bytes
    sign: Callable[[str, int, int], dict]

    def __init__(self, port: int):
        self.busy = threading.Lock()
        try:
            super().__init__((HOST, port), Handler)
        except (OSError, OverflowError) as error:
            reason = safe_read.describe_error(error)
            raise ConfigError(f"port {port}: {reason}; give another --port") from None

    def handle_error(self, request, client_address):
        """A client that has gone is no fault of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    """GET / is the page, POST /sign signs a text; there is nothing else, and no path leads to a file."""

    timeout = 30  # seconds that a client may be silent
    server_version, sys_version = "signjax", ""

    def do_GET(self):
        """The page."""
        if self._ours() and self._found("/"):
            self._send(200, "text/html; charset=utf-8", self.server.page)

    def do_POST(self):
        """A clip of a text, or a line that says why there is none."""
        if not (self._ours() and self._found("/sign")):
            return
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,5}", length) or int(length) > MOST:
            self._refuse(413, f"a request says its length, at most {MOST:,} bytes")
            return
        try:
            asked = wish(self.rfile.read(int(length)))
            with self.server.busy:
                clip = self.server.sign(*asked)
        except SignjaxError as error:
            self._refuse(400, str(error))
        except OSError:
            raise
        except Exception:
            traceback.print_exc()
            self._refuse(500, "the model failed; the terminal of the server has more")
        else:
            self._send(200, "application/json", json.dumps({"clip": clip}).encode())

    def _ours(self) -> bool:
        """Whether the request was meant for this server and comes from its page, or from no page.

        A site whose name was pointed at this machine sends its own Host, a page of another site its Origin.
        """
        port, hosts = self.server.server_port, self.headers.get_all("Host", [])
        own = {f"{name}:{port}" for name in (HOST, "localhost")}
        origins = self.headers.get_all("Origin", [])
        ours = len(hosts) == 1 and hosts[0] in own and origins in ([], [f"http://{hosts[0]}"])
        if not ours:
            self._refuse(403, f"this server answers to http://{HOST}:{port}/ and its own page alone")
        return ours

    def _found(self, path: str) -> bool:
        if self.path != path:
            self._refuse(404, "there is nothing here")
        return self.path == path

    def _refuse(self, status: int, why: str) -> None:
        self._send(status, "application/json", json.dumps({"error": why}).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", "frame-ancestors 'none'"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing: the page shows what there is to be seen."""


def wish(data: bytes) -> tuple[str, int, int]:
    """(text, seed, num) of a request's JSON.

    Raises:
      DataError: it has other fields, or values that cannot be.
    """
    asked = safe_read.parse_json(data, MOST << 8)
    if set(asked) != {"text", "seed", "num"}:
        raise DataError('a request is {"text": "...", "seed": 0, "num": 1}')
    text = asked["text"]
    if (
        not isinstance(text, str)
        or len(text) > text_file.MAX_CHARACTERS
        or re.search("[\ud800-\udfff]", text)
    ):
        raise DataError(f"text: not Unicode of at most {text_file.MAX_CHARACTERS:,} characters")
    for name, low, high in (("seed", 0, 2**31 - 1), ("num", 1, VERSIONS)):
        if type(asked[name]) is not int or not low <= asked[name] <= high:
            raise DataError(f"{name}: not a whole number from {low} to {high:,}")
    return text, asked["seed"], asked["num"]


if __name__ == "__main__":
    done = main()
    sys.stdout.flush()
    os._exit(done)  # a thread that is inside XLA would crash an orderly end
