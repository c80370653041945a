"""Measurements of speed and memory: the subjects of signjax.tools.bench, smoke runs, programs for TPUs.

A subject is a function without arguments that returns [timing.Measurement].
"""
