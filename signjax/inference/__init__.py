"""Trained runs at work: text to pose, pose tokenizers, pose to text; samplers, streaming."""
