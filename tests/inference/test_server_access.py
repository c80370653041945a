"""Who may use the viewer's server: its names, tunnels and proxies, tokens; what stops it is one line."""

import contextlib
import http.client
import json
import re
import socket
import threading

import pytest

from signjax.errors import ConfigError
from signjax.inference import clip_maker, clip_server, kept_programs, load, server_access
from signjax.rendering import html_player
from signjax.tools import viewer

TOKEN = "a-token-of-24-characters"
CLIP = {"panels": []}
BODY = json.dumps({"text": "hello", "seed": 0, "num": 1})


@contextlib.contextmanager
def serving(**options):
    """A server without a model, on a free port."""
    with clip_server.ClipServer(0, b"<html>", **options) as server:
        server.make_clip = lambda text, seed, num, report: CLIP
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def ask(server, method="POST", path="/sign", address="127.0.0.1", **headers):
    """(status, headers, body) of a request; without a Host that of the address and port."""
    connection = http.client.HTTPConnection(address, server.server_port, timeout=60)
    body = BODY if method == "POST" else None
    connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    content = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, content


@pytest.mark.parametrize("host, origin, allowed", [
    ("localhost", "http://localhost", True),  # as browsers write port 80
    ("localhost:80", "http://localhost:80", True), ("LOCALHOST", "http://localhost", True),
    ("127.0.0.1", "http://127.0.0.1", True), ("[::1]", "http://[::1]", True), ("[::1]:80", None, True),
    ("localhost", "http://localhost:3000", False), ("localhost", "http://evil.example", False),
    ("localhost:8765", None, False), ("evil.example", None, False), ("127.0.0.1.evil.example", None, False),
    ("::1", None, False), ("[::1", None, False), ("localhost:", None, False), ("", None, False),
])  # fmt: skip
def test_names_on_port_80(host, origin, allowed):
    access = server_access.ServerAccess(80, server_access.LOOPBACK_NAMES)
    assert access.allows([host], [origin] if origin else []) == allowed
    assert not access.allows([host, host], []) and not access.allows([], [])


def test_names_on_port_80_over_http():
    with serving() as server:
        server.access = server.access._replace(port=80)
        assert ask(server, Host="localhost", Origin="http://localhost")[0] == 200
        assert ask(server, Host="evil.example", Origin="http://evil.example")[0] == 403


@pytest.mark.parametrize("name, host, origin, allowed", [
    ("viewer.example", "viewer.example", "https://viewer.example", True),
    ("Viewer.Example", "viewer.example:9000", "http://viewer.example:9000", True),
    ("viewer.example", "viewer.example", None, True),
    ("localhost:9000", "localhost:9000", "http://localhost:9000", True),  # ssh -L 9000:localhost:8765
    ("localhost:9000", "localhost:9001", None, False),
    ("viewer.example:443", "viewer.example", "https://viewer.example", True),
    ("viewer.example:9000", "viewer.example", None, False),
    ("fd00::2", "[fd00::2]:9000", "http://[fd00::2]:9000", True), ("[fd00::2]", "[fd00::2]", None, True),
    ("viewer.example", "viewer.example", "https://evil.example", False),
    ("viewer.example", "evil.example", "https://viewer.example", False),
    ("viewer.example", "a.viewer.example", None, False),
    ("viewer.example", "viewer.example", "null", False),
])  # fmt: skip
def test_names_of_tunnels_and_proxies(name, host, origin, allowed):
    headers = {"Host": host} | ({"Origin": origin} if origin else {})
    with serving(allowed_hosts=[name]) as server:
        assert ask(server, **headers)[0] == (200 if allowed else 403)
        assert ask(server)[0] == 200, "its own names stay"


@pytest.mark.parametrize("name", ["*", "https://viewer.example", "a/b", "", "a b", "a:99999", "[::1", "a\n"])
def test_what_is_no_name_of_a_host_is_refused(name):
    with pytest.raises(ConfigError, match=r"--allow_host .*: .*viewer\.example") as error:
        server_access.parse_allowed_hosts(["fine.example", name])
    assert "\n" not in str(error.value)


def test_a_refusal_names_the_option():
    with serving() as server:
        status, _, body = ask(server, Host="viewer.example")
    assert status == 403 and "--allow_host" in body and "\n" not in body


def test_it_listens_on_ipv6():
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(serving(host="[::1]"))
        except ConfigError:
            pytest.skip("this machine has no address ::1")
        assert server.url == f"http://[::1]:{server.server_port}/" and server.token is None
        host = f"[::1]:{server.server_port}"
        assert ask(server, address="::1", Host=host, Origin=f"http://{host}")[0] == 200
        assert ask(server, address="::1", Host="evil.example")[0] == 403


def test_without_the_token_nothing_is_there():
    with serving(host="0.0.0.0") as server:
        for method, path in (("GET", "/"), ("POST", "/sign"), ("GET", "/none"), ("GET", "/?token=x")):
            status, headers, body = ask(server, method, path)
            assert status == 403 and "token" in body and "\n" not in body and server.token not in body
            assert "Set-Cookie" not in headers
        for wrong in (server.token[:-1], server.token + "x", "", "\xff"):
            assert ask(server, Authorization=f"Bearer {wrong}")[0] == 403
            assert ask(server, Cookie=f"{server.access.cookie}={wrong}")[0] == 403
        assert ask(server, path=f"/sign?token={server.token}")[0] == 403, (
            "an address with it opens the page only"
        )


def test_the_address_with_the_token_opens_the_page():
    with serving(host="0.0.0.0") as server:
        assert len(server.token) >= 32
        path = server.url[server.url.index("/?") :]
        status, headers, body = ask(server, "GET", path)
        assert (status, body) == (200, "<html>") and path == f"/?token={server.token}"
        cookie, *attributes = headers["Set-Cookie"].split("; ")
        assert set(attributes) == {"HttpOnly", "SameSite=Strict", "Path=/"}
        assert str(server.server_port) in cookie, "a cookie goes to every port of a host"
        for headers in ({"Cookie": f"a=b; {cookie}; c=d"}, {"Authorization": f"Bearer {server.token}"}):
            assert ask(server, "GET", "/", **headers)[0] == 200
            assert json.loads(ask(server, **headers)[2]) == {"clip": CLIP}
            assert ask(server, Origin="http://evil.example", **headers)[0] == 403
            assert ask(server, Host="evil.example", **headers)[0] == 403


def test_each_start_has_another_token():
    with serving(host="0.0.0.0") as one, serving(host="0.0.0.0") as two:
        assert one.token != two.token


def test_a_token_can_be_asked_for_on_loopback_too():
    with serving(token=TOKEN) as server:
        assert ask(server)[0] == 403 and ask(server, Authorization=f"Bearer {TOKEN}")[0] == 200


def test_it_answers_to_the_address_that_it_was_reached_by():
    with serving(host="0.0.0.0") as server:
        right = {"Authorization": f"Bearer {server.token}"}
        for name in ("127.0.0.1", "localhost", socket.gethostname()):
            assert ask(server, Host=f"{name}:{server.server_port}", **right)[0] == 200
        assert ask(server, address="127.0.0.2", **right)[0] == 200
        assert ask(server, Host=f"192.0.2.1:{server.server_port}", **right)[0] == 403


def test_tokens_are_read_from_a_file_or_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv(server_access.TOKEN_VARIABLE, raising=False)
    assert server_access.read_token(None) is None
    monkeypatch.setenv(server_access.TOKEN_VARIABLE, TOKEN)
    assert server_access.read_token(None) == TOKEN
    (tmp_path / "token").write_text("another-token-in-a-file\n")
    assert server_access.read_token(tmp_path / "token") == "another-token-in-a-file"


@pytest.mark.parametrize("token", ["", "short", "x" * 201, "a token with spaces in it", "ü" * 20, "a;" * 12])
def test_tokens_that_are_weak_or_no_header_are_refused(token, tmp_path, monkeypatch):
    monkeypatch.setenv(server_access.TOKEN_VARIABLE, token)
    (tmp_path / "token").write_text(token)
    for path, source in ((None, server_access.TOKEN_VARIABLE), (tmp_path / "token", "token_file")):
        with pytest.raises(ConfigError, match=rf"{source}.*16 to 200") as error:
            server_access.read_token(path)
        assert "\n" not in str(error.value) and (not token or token not in str(error.value))
    with pytest.raises(ConfigError, match=r"token_file .*missing: No such file"):
        server_access.read_token(tmp_path / "missing")


@pytest.mark.parametrize("host, message", [
    ("192.0.2.1", r"--host 192\.0\.2\.1: .*an address of this machine"), ("", "--host : "),
    ("a" * 70, "--host a+: "), ("a..b", r"--host a\.\.b: "),
])  # fmt: skip
def test_an_address_that_is_not_here_is_one_line(host, message):
    with pytest.raises(ConfigError, match=message) as error:
        clip_server.ClipServer(0, b"", host=host)
    assert "\n" not in str(error.value)


def test_an_unknown_host_is_one_line(monkeypatch):
    def refuse(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(ConfigError, match=r"^--host nowhere: Name or service not known$"):
        clip_server.ClipServer(0, b"", host="nowhere")


def test_a_privileged_port_is_one_line(monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(ConfigError, match=r"port 80: Permission denied; ports below 1024 .*--port"):
        clip_server.ClipServer(80, b"")


class _Served(Exception):
    pass


class _ClipMaker:
    def __init__(self, run):
        self.run = run

    def describe_page(self):
        return html_player.LivePage("", ())

    def warm_up(self):
        pass


@pytest.mark.parametrize("source", ["generated", "variable", "file"])
def test_the_command_prints_the_address_once(source, monkeypatch, capsys, tmp_path):
    def stop(server):
        assert server.make_clip.run == "run" and server.access.token == server.token
        raise _Served

    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setattr(clip_maker, "ClipMaker", _ClipMaker)
    monkeypatch.setattr(load, "load_text_to_pose", lambda run: run)
    monkeypatch.setattr(kept_programs, "keep_programs", lambda: None)
    monkeypatch.setattr(clip_server.ClipServer, "serve_forever", stop)
    monkeypatch.delenv(server_access.TOKEN_VARIABLE, raising=False)
    arguments = ["run", "--port=0", "--host=0.0.0.0", "--allow_host=a.example", "--allow_host=b.example"]
    if source == "variable":
        monkeypatch.setenv(server_access.TOKEN_VARIABLE, TOKEN)
    with pytest.raises(_Served):
        viewer.main(arguments + [f"--token_file={tmp_path / 'token'}"] * (source == "file"))
    out = capsys.readouterr().out
    name = re.escape(socket.gethostname())
    secret = r"\?token=[\w-]{32,}" if source == "generated" else ""
    assert re.fullmatch(rf"http://{name}:\d+/{secret} \(.*token.*; Ctrl-C ends it\)\n", out)
    assert TOKEN not in out
