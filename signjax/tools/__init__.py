"""Tools: one command per module, run as `python -m signjax.tools.<name>`."""
