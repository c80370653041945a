"""Measurements of speed and memory: the subjects of `python -m signjax.tools.bench`, smoke runs, TPU programs.

A subject is a function without arguments that returns [timing.Measurement].
"""
