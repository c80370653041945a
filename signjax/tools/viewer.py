"""A page on this machine where one types text and watches it signed.

    python -m signjax.tools.viewer runs/gpt

It answers to this machine alone, asks nobody for anything and opens no file. Pages of other sites that a
browser here has open may not use it: their requests carry their own Origin or Host.
"""

import os
import sys

from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.inference.clip_server import HOST, ClipServer, make_clip_maker
from signjax.rendering import html_player
from signjax.training import process


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Serves until Ctrl-C."""
    parser = parsing.make_parser("signjax.tools.viewer", __doc__)
    parser.add_argument("run", metavar="RUN", help="folder of a trained run that signs texts")
    parser.add_argument("--port", type=int, default=8765, help="0 takes any free one (default: 8765)")
    args = parser.parse_args(argv)
    # A second start of the same run finds its programs compiled.
    process.enable_compile_cache()
    page = html_player.format_page([], None, f"signjax: {args.run}", live=True).encode()
    # The port first: that it is taken is known at once, and loading and compiling takes a while.
    with ClipServer(args.port, page) as server:
        server.make_clip = make_clip_maker(args.run)
        print(f"http://{HOST}:{server.server_port}/ (for this machine alone; Ctrl-C ends it)", flush=True)
        server.serve_forever()
    return 0


if __name__ == "__main__":
    exit_code = main()
    sys.stdout.flush()
    os._exit(exit_code)  # a thread that is inside XLA would crash an orderly end
