"""The one renderer: GIF, MP4, PNG sheets, named points and an HTML player, all drawn from `render.style`.

render.gif("hello.gif", [render.Panel(pose, "hello")])
render.html("compare.html", [[render.Panel(truth, text, title="recorded"), render.Panel(made, text)]])
"""

from signjax.rendering.html_player import html
from signjax.rendering.labeled_pose import still
from signjax.rendering.shapes import Panel, Tokens
from signjax.rendering.video import gif, has_video, mp4, sheet

__all__ = ["Panel", "Tokens", "gif", "has_video", "html", "mp4", "sheet", "still"]
