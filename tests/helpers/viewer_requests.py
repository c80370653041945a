"""Requests to a viewer over HTTP."""

import http.client
import json

from signjax.inference import clip_server


def ask(server, method, path, body=None, **headers):
    """(status, headers, body) of a request."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=120)
    connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, answer.headers, content


def sign_in_lines(server, text="hello", seed=0, num=1):
    """What the server says while it signs: [{...}]."""
    body = json.dumps({"text": text, "seed": seed, "num": num})
    status, headers, answer = ask(server, "POST", "/sign", body, Accept=clip_server.LINES)
    assert status == 200 and headers["Content-Type"] == clip_server.LINES
    return [json.loads(line) for line in answer.splitlines()]


def sign(server, text="hello", seed=0, num=1, **headers):
    body = json.dumps({"text": text, "seed": seed, "num": num})
    status, _, answer = ask(server, "POST", "/sign", body, **headers)
    return status, json.loads(answer)
