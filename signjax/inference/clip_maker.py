"""Makes clips for a page on which you type texts, and reports its progress."""

import contextlib
import dataclasses
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from signjax import demo, rendering
from signjax.data import load
from signjax.errors import SignjaxError, SignjaxWarning
from signjax.inference import text_batches
from signjax.inference.contracts import Progress
from signjax.inference.text_to_pose import TextToPose
from signjax.rendering import html_player

if TYPE_CHECKING:
    from signjax.lexicon.lexicon import Lexicon  # a trained run is served without it

# What is told: {"state": "compiling" or "signing"}, with {"frames": so far} by a model that writes a clip
# from its beginning to its end, with {"step": so far, "steps": all} by others. What it raises ends the work.
Report = Callable[[dict], None]
NOTICE = (
    "This model signs in a constructed language, which was made up for tests. It is no real sign language, "
    "and nobody signs it."
)
EXAMPLES = ("hello", "my name is Ada", "my friend is happy")
EXAMPLES_SHOWN = 3
LONGEST_EXAMPLE = 60  # characters


class ClipMaker:
    """Generates clips of a run or a dictionary for the page, for one thread at a time.

    Args:
      generator: a trained run, or a dictionary.
    """

    def __init__(self, generator: "TextToPose | Lexicon"):
        self.generator = generator
        self.readable = load.is_demo_data(generator.config.data)
        # Shapes of batches; a dictionary compiles nothing.
        self._compiled: set[tuple] = {()}

    def describe_page(self) -> html_player.LivePage:
        """What the page says before the first clip."""
        if self.readable:
            return html_player.LivePage(NOTICE, EXAMPLES)
        if not isinstance(self.generator, TextToPose):
            return html_player.LivePage("", self.generator.words[:EXAMPLES_SHOWN])
        texts: tuple[str, ...] = ()
        # A run is also used where its data are not; training has packed this split, so that it opens at once.
        with contextlib.suppress(SignjaxError):
            texts = load.load_configured_split(self.generator.config.data, "dev").texts
        short = dict.fromkeys(text for text in texts if len(text) <= LONGEST_EXAMPLE)
        return html_player.LivePage("", tuple(short)[:EXAMPLES_SHOWN])

    def warm_up(self) -> None:
        """Compiles for short texts: otherwise the first visitor waits for that."""
        if not isinstance(self.generator, TextToPose):
            return  # stitching compiles nothing
        # The run may never have seen the letters of this text.
        generator = dataclasses.replace(self.generator, checks_letters=False)
        generator.generate("hello", watch=lambda progress: None)
        self._compiled.add(self._find_shape("hello", 1))

    def __call__(self, text: str, seed: int, num: int, report: Report = lambda state: None) -> dict:
        """Generates `num` clips of a text as a player of the page shows them.

        Raises:
          DataError: as TextToPose.generate; and whatever `report` raises.
        """
        start = time.monotonic()
        shape = self._find_shape(text, num)
        state = "signing" if shape in self._compiled else "compiling"
        report({"state": state})
        with warnings.catch_warnings(record=True, action="always", category=SignjaxWarning) as caught:
            # A list of one text: for a text by itself and num 1, generate returns a clip and not a list.
            clips = self.generator.generate(
                [text],
                num,
                seed,
                watch=lambda progress: report(self._describe_progress(progress)),
            )
        assert isinstance(clips, list), "of a list of texts"
        self._compiled.add(shape)
        remarks = [
            f"signed in {time.monotonic() - start:.2f} s, seed {seed}",
            *(str(w.message) for w in caught),
            *self._describe_coverage(text),
        ]
        panels = []
        for k, clip in enumerate(clips, 1):
            titles = [f"version {k}"] if num > 1 else []
            if self.readable:
                titles.append(demo.describe_reading(clip.points))
            panels.append(rendering.Panel(clip, "; ".join(titles)))
        return html_player.pack_panels(panels, "; ".join(remarks))

    def _describe_coverage(self, text: str) -> list[str]:
        """What a dictionary has of a text; nothing of a trained run."""
        return [] if isinstance(self.generator, TextToPose) else [self.generator.cover(text).describe()]

    def _describe_progress(self, progress: Progress) -> dict:
        if progress.total is None and self.generator.codec:
            return {"state": "signing", "frames": progress.done * self.generator.codec.stride}
        return {"state": "signing", "step": progress.done, "steps": progress.total}

    def _find_shape(self, text: str, num: int) -> tuple:
        """The shape of the batch of a text: each is compiled once. A dictionary has none."""
        if not isinstance(self.generator, TextToPose):
            return ()
        [batch] = text_batches.batch_texts(self.generator.text_encoder, [text] * num, 0, num)
        return batch.ids.shape
