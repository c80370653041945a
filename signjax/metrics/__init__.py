"""Metrics: poses and texts in, scores out; no model, no file."""
