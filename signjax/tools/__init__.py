"""Tools: one command a module, run as `python -m signjax.tools.<name>`."""
