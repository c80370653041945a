"""The renderer: a clip as GIF, MP4, PNG sheet or HTML page with a player.

rendering.gif("hello.gif", clip)
rendering.html("compare.html", [[rendering.Panel(recorded, "recorded"), rendering.Panel(made, "made")]])
"""

from signjax.rendering.html_player import html
from signjax.rendering.labeled_pose import still
from signjax.rendering.shapes import Panel
from signjax.rendering.video import gif, has_video, mp4, sheet

__all__ = ["Panel", "gif", "has_video", "html", "mp4", "sheet", "still"]
