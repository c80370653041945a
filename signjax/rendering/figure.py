"""Frames of a clip side by side as a matplotlib figure, for notebooks and papers."""

import numpy as np

from signjax.limits import FRAMES, check_number
from signjax.pose.clip import DEFAULT_FPS, Clip
from signjax.rendering import layout, rasterize


def plot_clip(clip: Clip, count: int = 6, size: int = 240):
    """Draws evenly spaced frames of a clip.

    Args:
      clip: T frames.
      count: frames to draw; a shorter clip shows each frame once.
      size: height of a frame in pixels.

    Returns:
      A matplotlib.figure.Figure.

    Raises:
      ConfigError: a count or a size out of range; DataError: the clip cannot be drawn.
    """
    from matplotlib import pyplot  # slow to import; and it is what lets notebooks show figures

    check_number("count", count, FRAMES)
    # Painted as in a GIF: a figure in a paper looks like the clip that goes with it.
    scene = layout.build_scene(clip, size)
    numbers = np.unique(np.linspace(0, scene.frames - 1, count).round().astype(int))
    pictures = [rasterize.make_palette()[layout.paint_frame(scene, int(number))] for number in numbers]
    height, width = pictures[0].shape[:2]
    figure, axes = pyplot.subplots(
        1, len(numbers), squeeze=False, dpi=100, figsize=(len(numbers) * width / 100, height / 100 + 0.3)
    )
    for axis, number, picture in zip(axes[0], numbers, pictures, strict=True):
        axis.imshow(picture)
        axis.set_title(f"{number / (clip.fps or DEFAULT_FPS):.2f} s", fontsize=8)
        axis.set_axis_off()
    figure.tight_layout(pad=0.2)
    # A notebook shows the figure that a cell returns; an open one it would show a second time.
    pyplot.close(figure)
    return figure
