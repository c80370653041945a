"""Displacements: clips as a starting pose and the motion from each frame to the next, and averages of them.

They come from the seed project, whose files are read and written here (`read`, `write`).
"""
