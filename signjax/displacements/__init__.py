"""Displacements: a clip as a starting pose and steps between frames; templates of words.

They come from the original project, whose files are read and written here (`read`, `write`).
"""

ALIGNMENTS = ("phase", "dtw")  # of clips in time, see signjax.displacements.templates
