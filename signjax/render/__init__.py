"""The one renderer: GIF, MP4, PNG sheets, named points and an HTML player, all drawn from `render.style`.

    render.gif("hello.gif", [render.Panel(pose, "hello")])
    render.html("compare.html", [[render.Panel(truth, text, title="recorded"), render.Panel(made, text)]])
"""

from signjax.render.figure import Panel, Tokens
from signjax.render.named import still
from signjax.render.page import html
from signjax.render.video import gif, has_video, mp4, sheet

__all__ = ["Panel", "Tokens", "gif", "has_video", "html", "mp4", "sheet", "still"]
