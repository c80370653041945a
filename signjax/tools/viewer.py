"""Starts a page on this machine, on which you type a text and watch a clip of it.

    python -m signjax.tools.viewer
    python -m signjax.tools.viewer --lexicon datasets/mine
    python -m signjax.tools.viewer runs/gpt --allow_host viewer.example
    python -m signjax.tools.viewer runs/gpt --host 0.0.0.0

Without RUN it is runs/gpt, or else the model that comes with signjax. The second command stitches clips of a
dictionary. By default the page answers this machine alone, needs no network, and opens no other files. Pages
of other sites in a browser of this machine cannot use it, as their requests have another Origin or Host. The
third command is for a tunnel or a proxy with that name. The last one also answers other machines. It asks for
a token, which is part of the address that it prints.
"""

import os
import sys

from signjax import limits
from signjax.cli import lexicon_options, parsing
from signjax.cli.command import run_as_command
from signjax.inference.server_access import HOST, TOKEN_VARIABLE, read_token


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Serves until Ctrl-C."""
    args = parse_options(argv)
    from signjax.inference import kept_programs
    from signjax.inference.clip_maker import ClipMaker
    from signjax.inference.clip_server import ClipServer
    from signjax.rendering import html_player

    token = read_token(args.token_file)
    # A second start of the same run finds its programs compiled.
    kept_programs.keep_programs()
    # The port first: that it is taken is known at once, and loading takes a while.
    with ClipServer(args.port, host=args.host, allowed_hosts=args.allow_host, token=token) as server:
        generator, run = lexicon_options.load_generator(args)
        server.make_clip = ClipMaker(generator)
        live = server.make_clip.describe_page()
        server.page = html_player.format_page([], None, f"signjax: {run}", live=live).encode()
        server.warm_up()
        print(server.describe_address(is_own_token=token is not None), flush=True)
        server.serve_forever()
    return 0


def parse_options(argv: list[str] | None):
    """The options of the command line."""
    parser = parsing.make_parser("signjax.tools.viewer", __doc__)
    run_help = "folder of a trained run that signs texts (default: as for signjax.sample)"
    parser.add_argument("workdir", metavar="RUN", nargs="?", help=run_help)
    lexicon_options.add_lexicon_options(parser)
    parsing.add_number(parser, "--port", limits.PORT, "port of the page; 0 takes any free one", 8765)
    host_help = "address to listen on; one that other machines can reach needs a token (default: %(default)s)"
    parser.add_argument("--host", metavar="ADDRESS", default=HOST, help=host_help)
    allow_help = "name, or NAME:PORT, of a tunnel or a proxy; may be repeated"
    parser.add_argument("--allow_host", metavar="NAME", action="append", default=[], help=allow_help)
    token_help = (
        f"file with the token to ask for (default: {TOKEN_VARIABLE}, or a new one where it is needed)"
    )
    parser.add_argument("--token_file", metavar="FILE", help=token_help)
    return parser.parse_args(argv)


if __name__ == "__main__":
    exit_code = main()
    sys.stdout.flush()
    os._exit(exit_code)  # a thread that is inside XLA would crash an orderly end
