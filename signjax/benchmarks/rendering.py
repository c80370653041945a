"""render: a GIF of 150 frames, against matplotlib, which draws every bone of every frame again."""

import io
import tempfile

import numpy as np
from PIL import Image

from signjax import demo, rendering
from signjax.benchmarks import timing
from signjax.pose import skeleton
from signjax.pose.clip import Clip

# Of our GIF, and of the reference's, which is slow: they are compared by seconds a frame.
FRAMES, REFERENCE_FRAMES = 150, 15
SIZE = 800  # pixels, as in the original project
TEXT = "hello, where do you live? i live in a small house and work with my friend at school"
TARGET = 30


def measure_rendering() -> list[timing.Measurement]:
    """GIFs of the same clip at the original size and at our own."""
    # np.resize repeats the clip until it has the frames that are wanted.
    pose = np.resize(demo.synthesize_pose(TEXT, np.random.default_rng(0)), (FRAMES, skeleton.NUM_JOINTS, 3))
    clip, reference = Clip(pose, text=TEXT), "matplotlib, bone by bone (reference)"
    with tempfile.TemporaryDirectory(prefix="signjax-bench-") as folder:
        path = f"{folder}/clip.gif"
        return timing.compare_workloads({
            reference: timing.Workload(lambda: redraw_gif(pose[:REFERENCE_FRAMES], TEXT), REFERENCE_FRAMES),
            f"render.gif, {SIZE} pixels": timing.Workload(
                lambda: rendering.write_gif(path, clip, size=SIZE), FRAMES, target=TARGET
            ),
            "render.gif, its default size": timing.Workload(
                lambda: rendering.write_gif(path, clip), FRAMES, target=TARGET
            ),
        }, reference)  # fmt: skip


def redraw_gif(pose, text: str) -> bytes:
    """A GIF of pose [T, 50, 3] the plain way: an axis cleared for every frame, and a line for every bone."""
    # As scripts of the field do it, but without a window: Agg draws into memory.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure, pictures = Figure(figsize=(SIZE / 100, SIZE / 100), dpi=100), []
    canvas, axis = FigureCanvasAgg(figure), figure.subplots()
    low, high = pose[..., :2].min((0, 1)) - 0.2, pose[..., :2].max((0, 1)) + 0.2
    for number, frame in enumerate(pose, 1):
        axis.clear()
        for part, color in ((skeleton.BODY, "r"), (skeleton.RIGHT, "b"), (skeleton.LEFT, "c")):
            axis.scatter(frame[part, 0], frame[part, 1], s=20, c=color)
        for child, parent in skeleton.BONES:
            axis.plot(frame[[child, parent], 0], frame[[child, parent], 1], linewidth=2)
        axis.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), xticks=[], yticks=[])
        axis.set_title(f"{text}\nFrame {number}/{len(pose)}")
        canvas.draw()
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("P"))
    data = io.BytesIO()
    pictures[0].save(data, "GIF", save_all=True, append_images=pictures[1:], duration=60, loop=0)
    return data.getvalue()
