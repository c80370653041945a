"""Trained runs at work: samplers, streaming, text to pose, pose to text."""
