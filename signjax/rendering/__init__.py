"""The renderer: a clip as GIF, MP4, PNG sheet or HTML page with a player.

render.gif("hello.gif", [render.Panel(pose, "hello")])
render.html("compare.html", [[render.Panel(truth, text, title="recorded"), render.Panel(made, text)]])
"""

from signjax.rendering.html_player import html
from signjax.rendering.labeled_pose import still
from signjax.rendering.shapes import Panel, Tokens
from signjax.rendering.video import gif, has_video, mp4, sheet

__all__ = ["Panel", "Tokens", "gif", "has_video", "html", "mp4", "sheet", "still"]
