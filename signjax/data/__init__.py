"""Clips on disk, the packed cache and the batches made of them; numpy and grain only, no flax."""
