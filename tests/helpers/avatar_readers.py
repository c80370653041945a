"""Real readers of avatar files, where they are installed: glTF's validator, and three.js in a browser."""

import contextlib
import functools
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import threading

import browser
import pytest

VARIABLE = "SIGNJAX_NODE_MODULES"
PLACE = pathlib.Path(__file__).parents[2] / "node_modules"
PAGE = pathlib.Path(__file__).with_name("three_page.html")
PACKAGES = "gltf-validator three @pixiv/three-vrm @pixiv/three-vrm-animation"
VALIDATE = """
const validator = require(process.argv[1]), fs = require('fs');
validator.validateBytes(new Uint8Array(fs.readFileSync(process.argv[2])))
  .then((report) => console.log(JSON.stringify(report)));
"""


def find_modules(*packages):
    """The folder of Node's modules, or a skipped test where packages are missing."""
    folder = pathlib.Path(os.environ.get(VARIABLE) or PLACE).absolute()
    if not all((folder / package).is_dir() for package in packages):
        pytest.skip(f"no {', '.join(packages)} here: npm install --no-save {PACKAGES}, or {VARIABLE}=FOLDER")
    return folder


def validate_gltf(path):
    """What Khronos' validator finds, as its report has it."""
    folder = find_modules("gltf-validator")
    node = shutil.which("node") or pytest.skip("no Node here")
    command = [node, "-e", VALIDATE, str(folder / "gltf-validator"), str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(run.stdout)["issues"]


@contextlib.contextmanager
def three_page(folder):
    """A page with three.js that sees the files of a folder; its functions are those of three_page.html."""
    modules = find_modules("three", "@pixiv/three-vrm", "@pixiv/three-vrm-animation")
    site = folder / "site"
    site.mkdir(exist_ok=True)
    (site / "modules").symlink_to(modules)
    (site / "files").symlink_to(folder)
    shutil.copy(PAGE, site / "index.html")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with browser.page(folder / "profile") as page:
            page.open(f"http://127.0.0.1:{server.server_port}/index.html")
            yield page
    finally:
        server.shutdown()
