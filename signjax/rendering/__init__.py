"""The renderer: a clip as GIF, MP4, PNG sheet or HTML page with a player.

rendering.write_gif("hello.gif", clip)
rendering.write_html("compare.html", [[rendering.Panel(recorded, "recorded"), rendering.Panel(made, "made")]])
"""

from signjax.rendering.html_player import write_html
from signjax.rendering.labeled_pose import write_labeled_pose
from signjax.rendering.shapes import Panel
from signjax.rendering.video import can_write_mp4, write_gif, write_mp4, write_sheet

__all__ = [
    "Panel",
    "can_write_mp4",
    "write_gif",
    "write_html",
    "write_labeled_pose",
    "write_mp4",
    "write_sheet",
]
