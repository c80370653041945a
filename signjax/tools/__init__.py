"""Command-line tools, run as `python -m signjax.tools.<name>`."""
