"""Numbers of commands and functions have bounds, which help and messages say."""

import argparse

import numpy as np
import pytest

from signjax import demo, limits, rendering
from signjax.cli import parsing, sampler_options
from signjax.data import frame_rates
from signjax.displacements import average
from signjax.errors import ConfigError, DataError
from signjax.inference import sampling_memory, text_batches
from signjax.limits import Range, check_number
from signjax.pose import resampling
from signjax.pose.clip import Clip

HUGE = [
    "1000000000",
    "1" + "0" * 30,
    "9" * 5000,
    "nan",
    "inf",
    "1e400",
    "-1",
    "",
    " 7",
    "1_000",
    "٣",
    "7.5x",
    "0x10",
]


@pytest.mark.parametrize("text", HUGE, ids=lambda text: text[:12])
def test_a_number_of_a_command_line_is_in_its_range(text):
    for allowed in (limits.CLIPS, limits.FPS):
        with pytest.raises(argparse.ArgumentTypeError) as error:
            parsing.make_number_parser(allowed)(text)
        message = str(error.value)
        assert f"number from {allowed}" in message and len(message) < 120


def test_numbers_in_their_ranges_are_read():
    assert parsing.make_number_parser(limits.CLIPS)("100000") == 100_000
    assert parsing.make_number_parser(limits.FPS)("29.97") == 29.97
    assert parsing.make_number_parser(limits.FPS)("1e2") == 100.0
    assert parsing.make_number_parser(limits.PORT)("0") == 0


def test_help_says_the_range(capsys):
    parser = parsing.make_short_parser("x", "Does x.")
    parsing.add_number(parser, "--num", limits.CLIPS, "clips of each text", 1)
    sampler_options.add_sampler_options(parser)
    shown = " ".join(parser.format_help().split())
    assert "clips of each text (1 to 100,000; default: 1)" in shown
    assert "largest number of tokens of a clip (1 to 4,096)" in shown
    assert "of a flow (euler or midpoint)" in shown
    with pytest.raises(SystemExit):
        parser.parse_args(["--max_tokens=1000000000"])
    assert "--max_tokens: '1000000000' is not a whole number from 1 to 4,096" in capsys.readouterr().err


@pytest.mark.parametrize(
    "value",
    [0, -1, 10**9, 1 << 17_000, 2.0, 1e9, float("nan"), True, None, "3", np.int64(10**9)],
    ids=lambda value: type(value).__name__,
)
def test_a_number_of_a_function_is_in_its_range(value):
    with pytest.raises(ConfigError) as error:
        check_number("num", value, limits.CLIPS)
    message = str(error.value)
    assert message.startswith("num is ") and "1 to 100,000" in message and len(message) < 120


def test_numbers_of_numpy_are_numbers():
    check_number("num", np.int64(3), limits.CLIPS)
    check_number("fps", np.float32(25), limits.FPS)


def test_a_range_is_written_as_people_do():
    assert str(Range(1, 100_000)) == "1 to 100,000" and str(Range(0, 0.5, whole=False)) == "0 to 0.5"
    assert str(Range(0, limits.BELOW_ONE, whole=False)) == "0 to below 1"
    assert str(Range(0, 1e6, whole=False)) == "0 to 1,000,000"


def test_calls_for_too_many_clips_are_refused():
    with pytest.raises(ConfigError, match=r"^num is 1000000000; it can be 1 to 100,000$"):
        text_batches.repeat_texts("hello", 10**9)
    with pytest.raises(
        ConfigError, match=r"^num is 100000, for 11 texts; all texts together can have 1,000,000"
    ):
        text_batches.repeat_texts(["hello"] * 11, 100_000)
    with pytest.raises(ConfigError, match="batch_size is 0; it can be 1 to 65,536"):
        next(text_batches.batch_texts(None, ["hello"], 0, 0))


class Model:
    """The sizes of a model that reads and writes far more than there is."""

    width, depth, heads, dtype = 16_384, 128, 1024, "bfloat16"


def test_what_cannot_fit_is_refused_before_it_is_allocated():
    for check in (sampling_memory.check_cache_memory, sampling_memory.check_attention_memory):
        with pytest.raises(
            ConfigError, match=r"128 sequences of 4,096 tokens at once take .* lower batch_size or"
        ):
            check(Model, 128, 4096)
        check(Model, 1, 1)


@pytest.mark.parametrize("fps", [0, -1, 1e-30, 1e9, float("nan")])
def test_frame_rates_have_a_range(fps):
    with pytest.raises(ConfigError, match=r"--fps is .*; it can be 1 to 999"):
        frame_rates.check_rate(fps, "--fps")


def test_a_clip_that_says_a_tiny_rate_does_not_fill_memory():
    clip = Clip(np.zeros((3, 50, 3), np.float32), fps=1e-300)
    with pytest.raises(
        DataError, match="says 1e-300 frames a second, so that it would have more than 250,000"
    ):
        resampling.resample_clip(clip, 25.0)


def test_functions_that_write_files_have_bounds(tmp_path):
    clip = Clip(np.zeros((3, 50, 3), np.float32))
    for call, message in (
        (
            lambda: rendering.write_sheet(tmp_path / "a.png", clip, count=10**9),
            "count is 1000000000; it can be 1 to",
        ),
        (
            lambda: demo.write_dataset(tmp_path, sizes=(10**9, 1, 1)),
            "size of a split is 1000000000; it can be 1 to",
        ),
        (
            lambda: average.average_words(tmp_path, ["a"], steps=10**9),
            "steps is 1000000000; it can be 1 to 100,000",
        ),
    ):
        with pytest.raises(ConfigError, match=message):
            call()
    assert not list(tmp_path.iterdir())
