"""What the sample command prints of clips: what they say in the demo's language, and frames as JSON."""

import io
import json
import sys
from types import SimpleNamespace

import ml_collections
import numpy as np
import pytest

from signjax import demo
from signjax.cli import sample_output
from signjax.data import load
from signjax.pose.clip import Clip

TEXT = "grüße 你 hello"


@pytest.fixture
def generator():
    """A generator that streams a clip of the demo's language in two parts."""
    points = demo.synthesize_pose("hello", np.random.default_rng(0))

    def stream(text, seed, **_):
        return iter([Clip(points[:5]), Clip(points[5:])])

    return SimpleNamespace(can_stream=True, run="a run", stream=stream, codec=SimpleNamespace(fps=25.0))


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_streamed_lines_are_json_in_every_encoding(generator, monkeypatch, capsys, encoding):
    out = io.TextIOWrapper(io.BytesIO(), encoding, write_through=True)
    monkeypatch.setattr(sys, "stdout", out)
    sample_output.print_frames(generator, [TEXT], 1, 0, {}, readable=True)
    lines = out.buffer.getvalue().decode(encoding).splitlines()
    assert len(lines) > 5 and {json.loads(line)["text"] for line in lines} == {TEXT}
    assert (TEXT in lines[0]) == (encoding == "utf-8")
    assert capsys.readouterr().err == "reads: hello\n"


def test_the_reading_is_of_the_demo_alone(generator, capsys):
    sample_output.print_frames(generator, [TEXT], 1, 0, {}, readable=False)
    assert not capsys.readouterr().err


def test_a_demo_run_is_known_where_its_data_are_not(tmp_path):
    def config(name):
        return ml_collections.ConfigDict({"root": str(tmp_path), "name": name})

    assert load.is_demo_data(config("demo")) and not load.is_demo_data(config("mine"))
    # Data of somebody's own in a folder of that name.
    (tmp_path / "demo/train").mkdir(parents=True)
    assert not load.is_demo_data(config("demo"))
    (tmp_path / "demo/demo.json").write_text("{}")
    assert load.is_demo_data(config("demo"))
