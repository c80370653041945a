"""Benchmarks: what `python -m signjax.tools.bench` times, against named references.

A module that is a subject of the command has `measure() -> [timing.Row]`.
"""
