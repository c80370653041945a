"""The viewer over real HTTP: what it signs, whom it refuses, how it ends; and in a browser."""

import json
import re
import signal
import socket

import pytest
from dictionary_clips import make_clips
from engine_helpers import spawn
from viewer_requests import ask, sign

from signjax.errors import ConfigError, DataError
from signjax.inference import clip_maker, clip_server
from signjax.inference.load import load_text_to_pose
from signjax.lexicon.lexicon import Lexicon
from signjax.rendering import html_player

pytestmark = pytest.mark.usefixtures("compile_quickly")
JSON = {"Content-Type": "application/json"}


def test_it_listens_to_this_machine_alone(server):
    assert server.server_address[0] == "127.0.0.1"


def test_the_page_needs_nothing_from_elsewhere(server):
    status, headers, body = ask(server, "GET", "/")
    text = body.decode()
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    assert "http://" not in text and "https://" not in text and "default-src 'none'" in text
    assert "connect-src 'self'" in text and headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert "connect-src" not in html_player.format_page([], 25, "a page on disk")


def test_a_text_is_signed_the_same_way_each_time(server):
    status, answer = sign(server, "hello", seed=3, num=2)
    panels = answer["clip"]["panels"]
    assert status == 200 and len(panels) == 2 and panels[0]["poses"] != panels[1]["poses"]
    assert re.fullmatch(r"signed in [\d.]+ s, seed 3", answer["clip"]["note"])
    for panel in panels:
        assert panel["caption"] == "hello" and "reads: " in panel["title"]
        assert len(panel["tokens"]["codes"]) * 4 == panel["frames"]
    again = sign(server, "hello", seed=3)[1]["clip"]["panels"][0]
    other = sign(server, "hello", seed=4)[1]["clip"]["panels"][0]
    assert again["tokens"] == panels[0]["tokens"] != other["tokens"]


def test_the_page_says_what_the_demo_is_and_what_to_try(server):
    live = server.make_clip.describe_page()
    assert "constructed language" in live.notice and "no real sign language" in live.notice
    page = json.loads(re.search(r'id="data">(.*?)</script>', ask(server, "GET", "/")[2].decode())[1])
    assert page["live"] == {"notice": live.notice, "examples": list(live.examples)}
    assert sign(server, live.examples[0])[0] == 200


@pytest.mark.parametrize("headers", [
    {"Host": "evil.example"},  # whose name was pointed at this machine
    {"Host": "127.0.0.1"},
    {"Host": "127.0.0.1:1"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://127.0.0.1:{port}"},
    {"Host": "localhost:{port}", "Origin": "http://127.0.0.1:{port}"},
])  # fmt: skip
@pytest.mark.parametrize("method, path", [("POST", "/sign"), ("GET", "/")])
def test_other_sites_are_refused(server, headers, method, path):
    filled = {name: value.format(port=server.server_port) for name, value in headers.items()}
    status, _, body = ask(server, method, path, "{}", **filled)
    assert status == 403 and b"its own page" in body and b"<" not in body


def test_its_own_page_is_served_under_both_names(server):
    for name in ("127.0.0.1", "localhost"):
        host = f"{name}:{server.server_port}"
        assert sign(server, Host=host, Origin=f"http://{host}")[0] == 200


@pytest.mark.parametrize("path", [
    *("/../setup.py", "/..%2f..%2fetc/passwd", "//etc/passwd", "/sign", "/?x", "/config.json", "/%00", "*"),
    "/" + "x" * 60000,
])  # fmt: skip
def test_no_path_leads_to_a_file(server, path):
    status, _, body = ask(server, "GET", path)
    assert status == 404 and json.loads(body) == {"error": "there is nothing here"}
    assert ask(server, "POST", "/", "{}")[0] == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "HEAD"])
def test_other_methods_are_refused(server, method):
    status, headers, _ = ask(server, method, "/sign")
    assert status == 501 and "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("body, message", [
    (b"", "JSON"), (b"\xff\xfe\x00", "JSON"), (b"[1]", "object"), (b"{}", "a request is"),
    (b'{"text": "a", "seed": 0, "num": 1, "run": "x"}', "a request is"),
    (b'{"text": "a", "text": "b", "seed": 0, "num": 1}', "twice"),
    (b'{"text": ["a"], "seed": 0, "num": 1}', "text"),
    (b'{"text": "", "seed": 0, "num": 1}', "nothing to sign"),
    (b'{"text": "...", "seed": 0, "num": 1}', "nothing to sign"),
    (b'{"text": "\\ud800", "seed": 0, "num": 1}', "text"),
    (b'{"text": "a", "seed": true, "num": 1}', "seed"),
    (b'{"text": "a", "seed": 1e999, "num": 1}', "seed"), (b'{"text": "a", "seed": NaN, "num": 1}', "NaN"),
    (b'{"text": "a", "seed": 0, "num": 5}', "num"), (b'{"text": "a", "seed": 0, "num": 0}', "num"),
    (json.dumps({"text": "a" * 1001, "seed": 0, "num": 1}).encode(), "1,000"), (b"[" * 9000, "nested"),
])  # fmt: skip
def test_requests_that_make_no_sense_get_one_line(server, body, message):
    status, _, answer = ask(server, "POST", "/sign", body)
    error = json.loads(answer)["error"]
    assert status == 400 and message in error and error.isprintable()


def test_long_and_strange_texts_are_signed(server):
    for text in ("h" * 1000, "hello Grüße, Привет \U0001f600 \u202e</script>"):
        status, answer = sign(server, text)
        assert status == 200 and answer["clip"]["panels"][0]["caption"] == text
        assert ("unknown to this run" in answer["clip"]["note"]) == ("hello" in text)


def test_a_text_of_unknown_letters_is_refused(server):
    status, answer = sign(server, "Привет")
    assert status == 400 and "6 of 6 letters" in answer["error"]


def raw(server, data):
    """What the server answers to bytes."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()


@pytest.mark.parametrize("length", [
    *(b"", b"Content-Length: -1\r\n", b"Content-Length: 99999\r\n", b"Content-Length: \xb2\r\n"),
    b"Transfer-Encoding: chunked\r\n",
])  # fmt: skip
def test_a_request_says_its_length(server, length):
    host = b"Host: 127.0.0.1:%d\r\n" % server.server_port
    assert raw(server, b"POST /sign HTTP/1.0\r\n" + host + length + b"\r\n").startswith(b"HTTP/1.0 413")


def test_clients_that_break_off_do_no_harm(server, capfd):
    host = b"Host: 127.0.0.1:%d\r\n" % server.server_port
    twice = b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"
    for data in (b"", b"\0\xff\r\n\r\n", b"GET / HTTP/1.0\r\n", twice):
        raw(server, data)
    raw(server, b"POST /sign HTTP/1.0\r\n" + host + b"Content-Length: 500\r\n\r\n{")
    with socket.create_connection(("127.0.0.1", server.server_port)) as waiting:
        waiting.sendall(b"GET / HT")  # and nothing more
        assert sign(server)[0] == 200
    assert capfd.readouterr().err == ""


def test_a_fault_of_the_model_is_told_and_the_server_goes_on(server, monkeypatch, capfd):
    def broken(*_):
        raise MemoryError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(server, "make_clip", broken)
        status, answer = sign(server)
        assert status == 500 and "terminal" in answer["error"] and "no room" not in answer["error"]
    assert "no room" in capfd.readouterr().err
    assert sign(server)[0] == 200


def test_a_taken_port_is_one_line(server, tmp_path):
    for port in (server.server_port, -1, 70000):
        with pytest.raises(ConfigError, match=f"port {port}: .*; give another --port") as error:
            clip_server.ClipServer(port, b"")
        assert "\n" not in str(error.value)


def test_what_cannot_sign_is_refused(tiny_runs):
    with pytest.raises(ConfigError, match="signs no text"):
        load_text_to_pose(tiny_runs / "runs/vqvae")
    with pytest.raises(DataError, match="a request is"):
        clip_server.parse_request(b"{}")


def test_a_dictionary_is_watched_without_any_run():
    make_clip = clip_maker.ClipMaker(Lexicon.from_dataset(make_clips(times=1)))
    make_clip.warm_up()
    assert make_clip.describe_page() == html_player.LivePage("", ("my", "name", "is"))
    told = []
    clip = make_clip("my name is Nada 日", 3, 2, told.append)
    assert told == [{"state": "signing"}] and len(clip["panels"]) == 2
    assert clip["note"].endswith("word: my, name, is; spelled: nada; missing: 日")
    with pytest.raises(DataError, match="nothing of the text"):
        make_clip("日", 0, 1)


COMMAND = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what starts the tests may have it ignored
sys.argv[0] = "viewer"
runpy.run_module("signjax.tools.viewer", run_name="__main__")
"""


def test_ctrl_c_ends_it(tiny_runs, tmp_path):
    """In the middle of a request, too."""
    process = spawn("-c", COMMAND, str(tiny_runs / "runs/gpt"), "--port", "0", home=tmp_path)
    try:
        port = int(re.match(r"http://127\.0\.0\.1:(\d+)/ ", process.stdout.readline())[1])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            body = b'{"text": "' + b"x" * 300 + b'", "seed": 0, "num": 4}'
            head = f"POST /sign HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130 and out == ""
    assert err == "\nStopped by Ctrl-C; the same command starts again\n"


def test_one_types_and_watches(server, tab):
    address = f"http://127.0.0.1:{server.server_port}/"
    tab.open(address)
    tab.run("document.querySelector('[name=text]').focus()")
    tab.send("Input.insertText", text="hello <b>you</b>")
    tab.run("document.querySelector('[name=num]').value = 2")
    tab.run("document.querySelector('#ask button').click()")
    tab.wait("document.querySelectorAll('section').length === 1", 300)  # compiled first
    assert tab.run("document.querySelectorAll('section canvas[role]').length") == 2
    assert tab.run("document.querySelector('.text').textContent") == "hello <b>you</b>"
    assert tab.run("document.querySelector('#ask .status').textContent") == "Ready: hello <b>you</b>"
    tab.run("players[0].seek(0)")
    assert tab.run("document.querySelector('.token').textContent").startswith("token 1 of ")
    tab.run("document.querySelector('#ask button').click()")
    tab.wait("document.querySelectorAll('section').length === 2")
    notes = tab.run("[...document.querySelectorAll('.note')].map((note) => note.textContent)")
    assert [note.partition("seed ")[2] for note in notes] == ["1", "0"], "the newest stands first"
    tab.run("document.querySelector('[name=text]').value = '...'")
    tab.run("document.querySelector('#ask button').click()")
    tab.wait("document.querySelector('#ask .status').textContent.includes('nothing to sign')")
    assert set(tab.requests) == {address, f"{address}sign"}
    assert [error for error in tab.errors if "400" not in error] == []
