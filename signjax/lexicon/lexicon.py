"""A dictionary of single signs as a text-to-pose system: nothing is trained."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_collections
import numpy as np

from signjax import limits
from signjax.data import frame_rates, load
from signjax.data.packed_dataset import PackedDataset
from signjax.data.splits import list_splits
from signjax.errors import ConfigError, DataError
from signjax.lexicon import lookup, questions, spelling
from signjax.lexicon.lookup import Coverage, Piece
from signjax.lexicon.signs import Sign, SignQuality, measure_sign, prepare_sign
from signjax.lexicon.stitching import REST, Stroke, stitch_strokes
from signjax.lexicon.vocabulary import Vocabulary, build_vocabulary
from signjax.limits import check_number
from signjax.pose import normalization, skeleton
from signjax.pose.clip import DEFAULT_FPS, Clip
from signjax.seeds import make_rng
from signjax.text.words import COMMA, QUESTION, STOP

# Seconds of a sign in the middle of sentences. In dictionaries signs are slower: see `Lexicon.speed`.
FLUENT = 0.6
PAUSES = {"": 0.0, COMMA: 0.25, STOP: 0.5, QUESTION: 0.5}  # seconds
BETWEEN_SPELLED = 0.25  # seconds: without a pause two spelled words are one
LEAST_SEEN = 0.25  # share of a sign's frames in which a hand must be seen
AS_GOOD = 0.1  # of clips of a word, those whose hands are seen nearly as often as in the best are as good
SPEEDS = limits.Range(0.1, 10, whole=False)
MOST_KEPT = 4096  # prepared signs that are kept in memory


@dataclass(frozen=True, eq=False)
class Lexicon:
    """A dictionary of single signs, which signs texts by stitching; a ClipGenerator, see
    signjax.inference.contracts.

    Attributes:
      clips: of the dictionary.
      vocabulary: its words.
      qualities: of each clip that can be used, by its number.
      fps: frames per second of the clips that it makes.
      speed: how many times as fast signs are played as they were recorded.
      head: [3] how far the nose moves in questions, None if that is unknown.
      run: where it lies, for messages.
      config: {"task": "lexicon", "data": {"root", "name"}}.
      checks_letters: whether a text of which nothing can be signed is an error, or else an empty clip.
    """

    clips: Sequence[Clip]
    vocabulary: Vocabulary
    qualities: dict[int, SignQuality]
    fps: float
    speed: float
    head: np.ndarray | None
    run: str
    config: ml_collections.ConfigDict
    checks_letters: bool = True
    _prepared: dict[int, Sign] = field(default_factory=dict)

    can_generate = True
    can_translate = False
    can_recognize = False
    can_stream = True
    has_tokens = False
    variables = None
    codec = None
    tokenizer = None

    @classmethod
    def from_dataset(
        cls,
        dataset: str | Path | PackedDataset | Sequence[Clip],
        *,
        word_forms: str | None = None,
        table: str | Path | None = None,
        fps: float | None = None,
        speed: float | None = None,
        splits: Sequence[str] | None = None,
    ) -> "Lexicon":
        """A dictionary from a data set whose clips are single signs.

        Args:
          dataset: the folder of a data set, or clips. The text of a clip, and
            its gloss if it has one, is the word. Where most are sentences, only clips of one word count.
          word_forms: whose rules find other forms of words: "en", "de", "es" or "fr"; None for exact words.
          table: file with lines word,gloss: further words, and the entry that each is.
          fps: frames per second of stitched clips; by default that of most clips.
          speed: how many times as fast as recorded; by default such that a sign takes FLUENT seconds at the
            median, and never slower than recorded.
          splits: of the folder; by default all, as a word that is in the test split alone is a word, too.

        Raises:
          ConfigError: there are no rules for the language, or a number is out of range.
          DataError: the data set has no clip that can be used, or the table cannot be read.
        """
        clips, folder = _load_clips(dataset, splits)
        vocabulary = build_vocabulary(clips, word_forms, table)
        numbers = sorted({number for entry in vocabulary.entries.values() for number in entry})
        qualities = _measure_signs(clips, numbers)
        label = str(folder or "the lexicon")
        if not qualities:
            raise DataError(f"{label}: no clip is a word with a hand that was seen; a lexicon needs some")
        seconds = float(np.median([quality.seconds for quality in qualities.values()]))
        common = frame_rates.find_common_rate([clip.fps for clip in clips], map(len, clips)) or DEFAULT_FPS
        fps, speed = common if fps is None else fps, max(1.0, seconds / FLUENT) if speed is None else speed
        check_number("fps", fps, limits.FPS)
        check_number("speed", speed, SPEEDS)
        asked = ((quality.head, questions.is_question(clips[k].text)) for k, quality in qualities.items())
        head = questions.learn_head(asked)
        data = {"root": str(folder.parent), "name": folder.name} if folder else {"root": "", "name": ""}
        config = ml_collections.ConfigDict({"task": "lexicon", "data": data | {"text": "sentence"}})
        return cls(clips, vocabulary.keep_clips(qualities), qualities, fps, speed, head, label, config)

    @property
    def words(self) -> tuple[str, ...]:
        """The words and phrases that have a sign."""
        return tuple(self.vocabulary.entries)

    def cover(self, text: str) -> Coverage:
        """What of a text has a sign, is spelled, or is missing."""
        return lookup.cover_text(text, self.vocabulary)

    def generate(
        self,
        texts: str | Sequence[str],
        num: int = 1,
        seed: int = 0,
        *,
        canonical: bool = False,
        watch: Callable[..., None] | None = None,
        **sampling,
    ) -> Clip | list[Clip]:
        """Stitches clips of texts.

        Args:
          texts: one, or several.
          num: clips of each text; they differ where a word has several clips.
          seed: decides which clip of a word is taken.
          canonical: whether clips stay in canonical space; by default they get the place and size of recorded
            clips.
          watch: is not told anything, as stitching takes milliseconds.
          **sampling: none: a dictionary has no options.

        Returns:
          A Clip if `texts` is a single text and num is 1; otherwise a list, all clips of the first text, then
          those of the next. `segment` says where their signs are, `gloss` which they are.

        Raises:
          DataError: nothing of a text can be signed.
          ConfigError: there is an option in `sampling`.
        """
        batches = self.generate_batches(texts, num, seed, canonical=canonical, **sampling)
        clips = [clip for _, some in batches for clip in some]
        return clips[0] if isinstance(texts, str) and num == 1 else clips

    def generate_batches(
        self,
        texts: str | Sequence[str],
        num: int = 1,
        seed: int = 0,
        *,
        canonical: bool = False,
        watch: Callable[..., None] | None = None,
        **sampling,
    ) -> Iterator[tuple[np.ndarray, list[Clip]]]:
        """Yields (places [1] in the list of `generate`, the clip) one by one; raises as `generate`."""
        # No yield in this function: what is wrong fails in the call.
        if sampling:
            raise ConfigError(f"a lexicon is not sampled: it has no option {', '.join(sampling)}")
        check_number("num", num, limits.CLIPS)
        texts = [texts] if isinstance(texts, str) else list(texts)
        if self.checks_letters:
            for text in texts:
                self._check_coverage(self.cover(text))
        return self._stitch_all(texts, num, seed, canonical)

    def list_conditions(self, clips: Iterable[Clip]) -> dict[str, list[str | None]]:
        """Empty: whoever signed a word in the dictionary signs it."""
        return {}

    def generate_tokens(self, texts, num: int = 1, seed: int = 0, **sampling):
        """There are none; raises ConfigError."""
        raise ConfigError("a lexicon has no tokens; use generate")

    def stream(self, text: str, seed: int = 0, *, canonical: bool = False, **sampling) -> Iterator[Clip]:
        """Yields the clip of a text as a whole, as stitching takes milliseconds; raises as `generate`."""
        clip = self.generate(text, seed=seed, canonical=canonical, **sampling)
        assert isinstance(clip, Clip), "of a single text"
        return iter([clip])

    def _stitch_all(self, texts: list[str], num: int, seed: int, canonical: bool):
        for place in range(len(texts) * num):
            clip = self._stitch_text(texts[place // num], make_rng(seed, 21, place))
            yield np.array([place]), [clip if canonical else clip.move_to(normalization.DEFAULT)]

    def _check_coverage(self, coverage: Coverage) -> None:
        if coverage.share == 0:
            missing = ", ".join(coverage.missing) or "it has no words"
            text = coverage.text[:40]
            raise DataError(f"{self.run}: nothing of the text {text!r} can be signed; missing: {missing}")

    def _stitch_text(self, text: str, rng: np.random.Generator) -> Clip:
        strokes, glosses, asked = self._plan_strokes(self.cover(text), rng)
        about: dict[str, Any] = {"fps": self.fps, "text": text, "placement": normalization.CANONICAL}
        if not strokes:
            return Clip(np.zeros((0, skeleton.NUM_JOINTS, 3), np.float32), **about)
        stitched = stitch_strokes(strokes, self.fps)
        for first, last in asked if self.head is not None else ():
            start, (begin, entered, left) = stitched.cuts[first][0], stitched.cuts[last]
            questions.mark_question(stitched.pose, start, begin + left - entered, self.head, self.fps)
        # A gloss has no spaces inside, as spaces stand between glosses.
        gloss = " ".join(key.replace(" ", "-") for key in glosses)
        return Clip(stitched.pose, gloss=gloss, segment=stitched.segment, **about)

    def _plan_strokes(self, coverage: Coverage, rng: np.random.Generator):
        """The strokes of a text, their glosses, and the (first, last) stroke of each question."""
        strokes, glosses, asked, begin, spelled = [], [], [], 0, False
        for piece in coverage.pieces:
            if piece.kind == lookup.MISSING:
                # Its mark stays: a sentence ends here all the same.
                if strokes:
                    strokes[-1] = _pause_after(strokes[-1], PAUSES[piece.mark])
            else:
                if spelled and piece.kind == lookup.SPELLED:
                    strokes[-1] = _pause_after(strokes[-1], BETWEEN_SPELLED)
                spelled = piece.kind == lookup.SPELLED
                strokes += self._make_strokes(piece, rng)
                glosses += piece.keys
            if piece.mark in (STOP, QUESTION):
                if piece.mark == QUESTION and len(strokes) > begin:
                    asked.append((begin, len(strokes) - 1))
                begin = len(strokes)
        return strokes, glosses, asked

    def _make_strokes(self, piece: Piece, rng: np.random.Generator) -> list[Stroke]:
        """The strokes of a word: one, or one of each letter."""
        strokes, repeats = [], spelling.count_repeats(piece.keys)
        for key, times in zip(piece.keys, repeats, strict=True):
            stroke = self.make_stroke(self.choose_clip(key, rng))
            if piece.kind == lookup.SPELLED:
                held = spelling.hold_letter(stroke.pose, self.fps)
                stroke = stroke._replace(pose=spelling.move_aside(held, times))
            strokes.append(stroke)
        return [*strokes[:-1], strokes[-1]._replace(pause=PAUSES[piece.mark])]

    def choose_clip(self, key: str, rng: np.random.Generator) -> int:
        """The number of a clip of an entry: one of those that show the hands best, by chance."""
        numbers = self.vocabulary.entries[key]
        # "How?" asks by its head, too: in a statement another clip of the word is better.
        numbers = [k for k in numbers if not questions.is_question(self.clips[k].text)] or numbers
        best = max(self.qualities[number].seen for number in numbers)
        good = [number for number in numbers if self.qualities[number].seen >= best - AS_GOOD]
        return good[int(rng.integers(len(good)))]

    def make_stroke(self, number: int) -> Stroke:
        """The sign of clip `number` at the frame rate and speed of the lexicon."""
        if number not in self._prepared:
            if len(self._prepared) >= MOST_KEPT:
                self._prepared.pop(next(iter(self._prepared)))
            self._prepared[number] = prepare_sign(self.clips[number], self.fps, self.speed)
        pose, (up, first, last, down) = self._prepared[number]
        rest = round(REST * self.fps)
        return Stroke(pose[first:last], pose[max(up - rest, 0) : first], pose[last : down + rest])


def _pause_after(stroke: Stroke, seconds: float) -> Stroke:
    return stroke._replace(pause=max(stroke.pause, seconds))


def _load_clips(dataset, wanted: Sequence[str] | None) -> tuple[Sequence[Clip], Path | None]:
    """The clips, and the folder that they are from, None if unknown."""
    if not isinstance(dataset, str | Path):
        return list(dataset), None
    folder = Path(dataset).absolute()
    root, name = folder.parent, folder.name
    splits = list_splits(root, name) if wanted is None else wanted
    return [clip for split in splits for clip in load.load_dataset(root, name, split)], Path(dataset)


def _measure_signs(clips: Sequence[Clip], numbers: Sequence[int]) -> dict[int, SignQuality]:
    """The quality of each clip that shows a body and a hand."""
    qualities = {}
    for number in numbers:
        try:
            quality = measure_sign(clips[number])
        except DataError:
            continue
        if quality.seen >= LEAST_SEEN:
            qualities[number] = quality
    return qualities
