"""Readers of pose files of other programs, into the 50-joint skeleton; `detect` finds the format."""
