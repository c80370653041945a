"""What the viewer tells while it works, over HTTP and on its page, and how a clip is stopped."""

import json
import socket
import threading

import pytest
from viewer_requests import sign, sign_in_lines

from signjax.inference import clip_maker, clip_server

pytestmark = pytest.mark.usefixtures("compile_quickly")


def test_it_tells_how_far_it_is(server):
    whole = sign(server, "hello", seed=5)[1]
    *before, last = sign_in_lines(server, "hello", seed=5)
    assert last["clip"]["panels"] == whole["clip"]["panels"], "the same clip, watched or not"
    assert before[0] == {"state": "signing"}
    frames = [line["frames"] for line in before[1:]]
    assert frames == sorted(frames) and frames[-1] <= last["clip"]["panels"][0]["frames"]
    assert "nothing to sign" in sign_in_lines(server, "...")[-1]["error"]


def test_who_waits_is_told_for_what(server):
    with server.model_lock:
        threading.Timer(1.5 * clip_server.PATIENCE, server.model_lock.release).start()
        assert sign_in_lines(server)[0] == {"state": "waiting"}
        server.model_lock.acquire()  # what `with` releases


def test_a_client_that_goes_stops_its_clip(server, monkeypatch):
    told, gone, ended = [], threading.Event(), threading.Event()

    def slow(text, seed, num, report):
        try:
            while len(told) < 1000:
                told.append(report({"state": "signing"}))
                assert gone.wait(60)
        finally:
            ended.set()

    monkeypatch.setattr(server, "make_clip", slow)
    body = json.dumps({"text": "hello", "seed": 0, "num": 1}).encode()
    head = f"POST /sign HTTP/1.0\r\nHost: 127.0.0.1:{server.server_port}\r\nAccept: {clip_server.LINES}\r\n"
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as connection:
        connection.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert connection.recv(1 << 16)
    gone.set()
    assert ended.wait(60) and len(told) < 1000


def test_one_tries_an_example_and_stops(server, tab, monkeypatch):
    told, end, how_far = [], threading.Event(), {"frames": 12}

    def slow(text, seed, num, report):
        told.append(text)
        while not end.wait(0.05):
            report({"state": "signing", **how_far})

    tab.open(f"http://127.0.0.1:{server.server_port}/")
    with monkeypatch.context() as patch:
        patch.setattr(server, "make_clip", slow)
        tab.run("document.querySelector('#examples button').click()")
        tab.wait("document.querySelector('.count').textContent.endsWith(' 12 frames')")
        assert tab.run("document.querySelector('.status').textContent").startswith("Signing")
        assert tab.run("document.querySelector('progress').position") == -1, "nobody knows where it ends"
        how_far = {"step": 3, "steps": 12}
        tab.wait("document.querySelector('.count').textContent.endsWith(' step 3 of 12')")
        assert tab.run("document.querySelector('progress').position") == 0.25
        tab.run("document.querySelector('.stop').click()")
        tab.wait("document.querySelector('.status').textContent === 'Stopped.'")
        assert tab.run("document.querySelector('.stop').hidden && document.querySelector('.progress').hidden")
        assert (
            told == [clip_maker.EXAMPLES[0]] and tab.run("document.querySelectorAll('section').length") == 0
        )
        end.set()
    assert sign(server)[0] == 200, "the stopped clip holds up no other"
