"""A real browser for tests: headless Chromium, told what to do over a pipe (the DevTools protocol)."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio"),
    *("--disable-dev-shm-usage", "--disable-background-networking", "--disable-extensions"),
    *("--disable-component-update", "--hide-scrollbars", "--remote-debugging-pipe"),
)
PATIENCE = 60.0  # seconds


class Page:
    """One tab. `requests` and `errors` are what it asked for and complained of since it was opened."""

    def __init__(self, commands: int, answers: int):
        self.commands, self.answers, self.rest, self.number, self.session = commands, answers, b"", 0, None
        self.requests, self.errors = [], []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method, **parameters):
        """The result of a command."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.number:
            self._note(answer.get("method"), answer.get("params", {}))
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.rest:
            ready = select.select([self.answers], [], [], max(end - time.monotonic(), 0))[0]
            data = os.read(self.answers, 1 << 16) if ready else b""
            assert data, "the browser does not answer"
            self.rest += data
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def _note(self, event, event_data):
        if event == "Network.requestWillBeSent":
            self.requests.append(event_data["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(event_data["exceptionDetails"])[:500])
        elif event == "Log.entryAdded" and event_data["entry"]["level"] == "error":
            self.errors.append(event_data["entry"]["text"])

    def open(self, url, width=1200, height=800, dark=False, phone=False):
        """Opens a page at a size and waits until its players are there."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.requests.clear()
        self.errors.clear()
        self.send("Page.navigate", url=str(url))
        self.wait("document.querySelector('main') && !document.querySelector('main').ariaBusy")

    def run(self, script):
        """The value of a JavaScript expression, a promise's when it is kept."""
        reply = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def wait(self, script, seconds=PATIENCE):
        """Waits until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({script})"):
            assert time.monotonic() < end, f"never true: {script}; {self.errors}"
            time.sleep(0.05)

    def key(self, key, shift=False):
        """Presses and releases a key."""
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, modifiers=8 if shift else 0)

    def drag(self, selector, across, down, start=(0.5, 0.5)):
        """Drags the mouse from a place in an element, in shares of its size, by some pixels."""
        box = f"JSON.stringify(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        box = json.loads(self.run(box))
        x, y = box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"]
        places = [("mousePressed", 0), ("mouseMoved", 0.5), ("mouseMoved", 1), ("mouseReleased", 1)]
        for kind, share in places:
            at = {"x": x + share * across, "y": y + share * down}
            buttons = 0 if kind == "mouseReleased" else 1
            self.send(
                "Input.dispatchMouseEvent", type=kind, button="left", buttons=buttons, clickCount=1, **at
            )

    def picture(self, path):
        """Writes what is to be seen as PNG."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))
        return path


@contextlib.contextmanager
def page(folder):
    """A Page, or a skipped test where there is no browser; `folder` holds its profile."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium here")
    theirs, commands = os.pipe()
    answers, ours = os.pipe()
    # It reads commands from 3 and writes answers to 4.
    script = f'exec 3<&{theirs} 4>&{ours}; exec "$0" "$@"'
    process = subprocess.Popen(
        ["bash", "-c", script, program, *FLAGS, f"--user-data-dir={folder}"],
        pass_fds=(theirs, ours), env=os.environ | {"HOME": str(folder)}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs)
    os.close(ours)
    try:
        tab = Page(commands, answers)
        yield tab
        tab.session = None
        tab.send("Browser.close")
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
        os.close(commands)
        os.close(answers)
