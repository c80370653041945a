"""A dictionary as a text-to-pose system: the contract, choice of clips, errors, and what clips say."""

import numpy as np
import pytest
from dictionary_clips import make_clips

import signjax
from signjax import demo
from signjax.inference.contracts import ClipGenerator
from signjax.lexicon import seams
from signjax.lexicon.stitching import stitch_strokes
from signjax.pose.clip import Clip


@pytest.fixture(scope="module")
def lexicon():
    return signjax.Lexicon.from_dataset(make_clips())


def test_it_is_a_generator_without_a_codec(lexicon):
    assert isinstance(lexicon, ClipGenerator)
    assert lexicon.can_generate and lexicon.can_stream and not lexicon.has_tokens and lexicon.codec is None


def test_what_is_stitched_can_be_read(lexicon):
    clip = lexicon.generate("My name is Dana, thank you!")
    assert demo.read_signs(clip.points) == ["my", "name", "is", "dana", "thank", "you"]
    assert clip.gloss == "my name is fs-d fs-a fs-n fs-a thank you"
    assert (clip.segment == 2).sum() == 9 and clip.valid.all() and clip.fps == 25
    # It begins and ends at rest, as its first and its last clip do.
    assert not clip.segment[:3].any() and not clip.segment[-3:].any()


def test_the_same_seed_gives_the_same_clip(lexicon):
    texts = ["my red book", "thank you", "my red book"]
    first, again = lexicon.generate(texts, num=2, seed=5), lexicon.generate(texts, num=2, seed=5)
    assert [c.points.tobytes() for c in first] == [c.points.tobytes() for c in again]
    assert [c.text for c in first] == [t for t in texts for _ in range(2)]
    # A clip does not depend on the other texts, but on the seed.
    alone = lexicon.generate([texts[0]], num=2, seed=5)
    assert [c.points.tobytes() for c in alone] == [c.points.tobytes() for c in first[:2]]
    others = {lexicon.generate("my red book", seed=k).points.tobytes() for k in range(6)}
    assert len(others) > 1


def test_signs_stay_as_the_dictionary_has_them(lexicon):
    one = signjax.Lexicon.from_dataset(make_clips(times=1))
    strokes = [one.make_stroke(one.vocabulary.entries[word][0]) for word in ("my", "red", "book")]
    strokes[-1] = strokes[-1]._replace(pause=0.5)
    clip, stitched = one.generate("my red book", canonical=True), stitch_strokes(strokes, one.fps)
    assert clip.points.tobytes() == stitched.pose.tobytes()
    start, first, last = stitched.cuts[1]
    inside = slice(start + seams.MARGIN, start + last - first - seams.MARGIN)
    whole = strokes[1].pose[first + seams.MARGIN : last - seams.MARGIN]
    assert clip.points[inside].tobytes() == whole.tobytes() and len(whole) > 3


def test_parts_and_places(lexicon):
    whole = lexicon.generate("thank you", seed=2)
    parts = list(lexicon.stream("thank you", seed=2))
    np.testing.assert_array_equal(np.concatenate([p.points for p in parts]), whole.points)
    canonical = lexicon.generate("thank you", seed=2, canonical=True)
    np.testing.assert_allclose(whole.canonical(), canonical.points, atol=1e-5)


def test_nothing_to_sign_is_one_line(lexicon):
    with pytest.raises(
        signjax.DataError, match=r"nothing of the text 'Zzz!' can be signed; missing: zzz"
    ) as e:
        lexicon.generate(["my book", "Zzz!"])
    assert "\n" not in str(e.value)
    assert lexicon.cover("my zzz").missing == ("zzz",)
    assert len(lexicon.generate("my zzz")) > 0
    with pytest.raises(signjax.ConfigError, match="no option temperature"):
        lexicon.generate("my book", temperature=1.0)
    with pytest.raises(signjax.ConfigError, match="no tokens"):
        lexicon.generate_tokens("my book")


def test_clips_without_hands_are_left_out():
    clips = make_clips(("my", "red"), 1)
    valid = clips[0].valid.copy()
    valid[:, 8:] = False
    hidden = Clip(clips[0].points, valid, fps=25.0, text="my")
    assert signjax.Lexicon.from_dataset([hidden, clips[1]]).words == ("red",)
    with pytest.raises(signjax.DataError, match="no clip"):
        signjax.Lexicon.from_dataset([hidden])


def test_slow_citation_forms_become_fluent():
    clips = make_clips(("my", "red", "book"), 1)
    slow = [Clip(np.repeat(clip.points, 4, 0), fps=25.0, text=clip.text) for clip in clips]
    assert signjax.Lexicon.from_dataset(clips).speed == 1
    lexicon = signjax.Lexicon.from_dataset(slow)
    assert lexicon.speed > 2
    assert len(lexicon.generate("my red book")) < 0.6 * len(
        signjax.Lexicon.from_dataset(slow, speed=1).generate("my red book")
    )
