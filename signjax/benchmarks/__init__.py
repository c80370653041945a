"""Subjects of python -m signjax.tools.bench: each has `measure() -> [timing.Row]`."""
