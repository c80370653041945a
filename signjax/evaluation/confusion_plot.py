"""Which words a recogniser takes clips for: a picture of recorded clips beside those of a system."""

import io
from collections.abc import Mapping, Sequence

import numpy as np

from signjax.evaluation import scorecard
from signjax.inference.pose_to_word import PoseToWord
from signjax.io import atomic
from signjax.metrics.recognition import count_confusions
from signjax.pose.clip import Clip

LABELED = 60  # words whose names can be read beside a table


def plot_confusions(path, rows: Mapping[str, Sequence[Clip]], recognizer: PoseToWord):
    """Writes a PNG with a table for each row: the words of its clips, and what they are recognised as.

    Only words that a recorded clip has stand in the tables, and as a last column "none" and all other words.

    Args:
      path: of the file.
      rows: {name: clips with the same texts in the same order}; the texts of the first row count.
      recognizer: that reads them.
    """
    from matplotlib.figure import Figure  # slow to import

    labels = recognizer.find_labels([clip.text for clip in next(iter(rows.values()))])
    words = len(recognizer.words)
    shown = np.unique(labels[labels < words])
    size = max(4.0, 0.16 * len(shown) + 1.6)
    figure = Figure(figsize=(len(rows) * size, size), dpi=110)
    for axis, (name, clips) in zip(
        figure.subplots(1, len(rows), squeeze=False)[0], rows.items(), strict=True
    ):
        table = count_confusions(scorecard.classify_clips(recognizer, list(clips)), labels, words)[shown]
        other = table.sum(1) - table[:, shown].sum(1)
        table = np.concatenate([table[:, shown], other[:, None]], axis=1)
        share = table / np.maximum(table.sum(1, keepdims=True), 1)
        axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
        # Of all clips, as in the table of scores: a word that the recogniser does not know counts as wrong.
        axis.set_title(f"{name}: {100 * np.trace(table) / len(labels):.0f} % recognised", fontsize=9)
        axis.set_xlabel("recognised as", fontsize=8)
        axis.set_ylabel("word", fontsize=8)
        if len(shown) <= LABELED:
            names = [recognizer.words[k] for k in shown]
            axis.set_yticks(range(len(names)), names, fontsize=6)
            axis.set_xticks(range(len(names) + 1), [*names, "other"], fontsize=6, rotation=90)
    figure.tight_layout()
    image = io.BytesIO()
    # Without matplotlib's version in it, equal scores give equal bytes.
    figure.savefig(image, format="png", metadata={"Software": None})
    return atomic.write_file(path, image.getvalue())
