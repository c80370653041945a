"""Pictures of clips: GIF, MP4 and a PNG sheet of frames."""

import collections
import concurrent.futures
import importlib.util
import io
import itertools
import pathlib
import struct
import tempfile
from fractions import Fraction

import numpy as np
from PIL import Image, ImageFile

from signjax.errors import ConfigError, StorageError
from signjax.io import atomic
from signjax.limits import FRAMES, check_number
from signjax.rendering import captions, layout, rasterize, shapes

MAX_RATE = 1000  # frames per second of any picture
GIF_RATE = 50  # of a GIF: browsers show frames of 1/100 s for 1/10 s
COLOR_BITS = 6  # of a GIF's pixels, for the 64 colours of rasterize.make_palette
MAX_WAITING = 8  # frames of a GIF that are drawn and not compressed yet


def write_gif(
    path, panels: shapes.Panels, fps: float | None = None, size: int = captions.NOMINAL_HEIGHT
) -> pathlib.Path:
    """Writes panels, side by side, as an endlessly looping GIF with one frame per pose.

    Of clips of more than 50 frames per second, every second frame is drawn, or every third and so on.

    Args:
      path: the file to write; its folders are made.
      panels: see signjax.rendering.shapes.Panels.
      fps: frames per second, 1 to 1000; None for the clips' own. GIF counts in 1/100 s: 25 fps is exactly
        40 ms a frame, other rates take the delays whose running sum is nearest.
      size: height of the stages in pixels; titles and captions come on top.

    Raises:
      DataError: nothing to draw or wrong poses; ConfigError: bad fps or size; StorageError: not writable.
    """
    fps = shapes.find_rate(panels) if fps is None else fps
    if not 1 <= fps <= MAX_RATE:
        raise ConfigError(f"fps of a GIF must be from 1 to {MAX_RATE}, not {fps}")
    scene = layout.build_scene(panels, size)
    # Rounded sums, not rounded delays: 30 fps would otherwise play as 33.3.
    step = int(np.ceil(fps / GIF_RATE))
    starts = np.append(np.arange(0, scene.frames, step), scene.frames)
    ticks = np.maximum(np.diff(np.round(starts * 100 / fps)), 100 // GIF_RATE).astype(int)
    try:
        with tempfile.TemporaryFile() as file:
            _write_gif_frames(file, scene, ticks.tolist(), step)
            file.seek(0)
            return atomic.write_file(path, file.read())
    except OSError as error:
        raise StorageError(f"{path}: cannot be made in {tempfile.gettempdir()} ({error})") from None


def _write_gif_frames(file, scene: layout.Scene, ticks: list[int], step: int) -> None:
    """Writes every `step`-th frame as a GIF to a file of the operating system."""
    height, width = scene.still.shape
    # Version, screen, a global table of 2^(5+1) colours; then the extension that loops for ever.
    file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF5, 0, 0))
    file.write(rasterize.make_palette().tobytes())
    file.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")
    previous, waiting = None, collections.deque()
    # Frames are drawn here while another thread compresses those before: Pillow lets go of Python's lock for
    # that, if it writes to a file of the operating system.
    with concurrent.futures.ThreadPoolExecutor(1) as encoder:
        for picture, delay in zip(
            itertools.islice(layout.paint_frames(scene), 0, None, step), ticks, strict=True
        ):
            waiting.append(encoder.submit(_write_gif_frame, file, picture, previous, delay))
            previous = picture
            if len(waiting) > MAX_WAITING:
                waiting.popleft().result()
        # Also raises what went wrong in the other thread, such as a full disk.
        for frame in waiting:
            frame.result()
    file.write(b";")


def _write_gif_frame(file, picture: np.ndarray, previous: np.ndarray | None, delay: int) -> None:
    """Writes the blocks of one frame: the box of what changed, unchanged pixels inside it transparent.

    Args:
      file: to write to.
      picture: [H, W] uint8 palette indices.
      previous: the frame before, None for the first.
      delay: how long the frame is shown, in 1/100 s.
    """
    y = x = 0
    if previous is not None:
        changed = picture != previous
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        # A frame that changes nothing must not be lost, or the clip gets shorter: one pixel is shown again.
        if not len(rows):
            rows = columns = np.zeros(1, int)
        y, x = int(rows[0]), int(columns[0])
        box = slice(y, rows[-1] + 1), slice(x, columns[-1] + 1)
        # Runs of one value compress best: unchanged pixels become the transparent one.
        same = changed[box].view(np.uint8) - np.uint8(1)  # all bits set where nothing changed
        picture = (picture[box] | same) & np.uint8(rasterize.TRANSPARENT)
    height, width = picture.shape
    # Graphic control: leave the frame in place, the next one is drawn over it. Then where it is, and
    # the bits of a pixel: codes begin as short as 64 colours allow, which makes a file 2 % smaller.
    file.write(struct.pack("<BBBBHBB", 0x21, 0xF9, 4, 1 | 1 << 2, delay, rasterize.TRANSPARENT, 0))
    file.write(struct.pack("<cHHHHBB", b",", x, y, width, height, 0, COLOR_BITS))
    image = Image.fromarray(np.ascontiguousarray(picture))
    ImageFile._save(image, file, [("gif", (0, 0, width, height), 0, ("L", COLOR_BITS))])
    file.write(b"\0")


def can_write_mp4() -> bool:
    """Whether MP4 can be written: PyAV, the extra `video`, is installed."""
    # Looked for and not imported: PyAV loads many libraries, which a GIF does not need.
    return importlib.util.find_spec("av") is not None


def write_mp4(path, panels: shapes.Panels, fps: float | None = None, size: int = 720) -> pathlib.Path:
    """Writes panels, side by side, as an MP4 (H.264, 4:2:0) that every browser and phone plays.

    Args:
      path, panels, size: as for `write_gif`.
      fps: frames per second, more than 0 and at most 1000; None for the clips' own.

    Raises:
      ConfigError: PyAV is not installed, bad fps or size; DataError, StorageError: as for `write_gif`.
    """
    if not can_write_mp4():
        raise ConfigError(f"{path}: MP4 needs PyAV, which is not installed: pip install -e '.[video]'")
    fps = shapes.find_rate(panels) if fps is None else fps
    if not 0 < fps <= MAX_RATE:
        raise ConfigError(f"fps of an MP4 must be above 0 and at most {MAX_RATE}, not {fps}")
    scene = layout.build_scene(panels, size)
    # The option faststart reads the file again, so that it cannot be a buffer in memory.
    with tempfile.TemporaryDirectory() as folder:
        video = pathlib.Path(folder) / "clip.mp4"
        _encode_mp4(video, scene, Fraction(fps).limit_denominator(1001))
        return atomic.write_file(path, video.read_bytes())


def _encode_mp4(path, scene: layout.Scene, rate: Fraction) -> None:
    import av  # an extra, which not everybody has

    # Flat colours with sharp edges are what libx264 calls animation.
    colors = rasterize.make_palette()
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = scene.still.shape
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "20", "tune": "animation"}
        for picture in layout.paint_frames(scene):  # one at a time: minutes of RGB fill gigabytes
            frame = av.VideoFrame.from_ndarray(colors[picture], format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_sheet(path, panels: shapes.Panels, count: int = 6, size: int = 320) -> pathlib.Path:
    """Writes a PNG with `count` frames, evenly spaced over each panel, one row of frames a panel.

    Args:
      path, panels: as for `write_gif`.
      count: frames a row; a clip with fewer frames shows each once.
      size: height of a frame in pixels.

    Raises:
      DataError, ConfigError, StorageError: as for `write_gif`; ConfigError also for a count out of range.
    """
    check_number("count", count, FRAMES)
    figures = shapes.prepare_figures(panels)
    view = layout.fit_view(figures, size)
    count = min(count, max(len(f.pose) for f in figures))
    total = count * (view.size[0] + captions.GAP) - captions.GAP
    rows = []
    for figure, (parts, order) in zip(figures, layout.outline_figures(figures, view), strict=True):
        frames = np.linspace(0, len(order) - 1, count).round().astype(int)
        pictures = [rasterize.draw_frame(parts, order, view.size, frame) for frame in frames]
        rows.append(captions.draw_caption(figure.title, total, size, "muted", 1))
        rows.append(captions.join_blocks(pictures))
        # One caption below all rows, unless they sign different texts.
        if figure is figures[-1] or any(other.caption != figure.caption for other in figures):
            rows.append(captions.draw_caption(figure.caption, total, size))
    buffer = io.BytesIO()
    Image.fromarray(rasterize.make_palette()[np.concatenate(rows)]).save(buffer, "PNG", optimize=True)
    return atomic.write_file(path, buffer.getvalue())
