"""Flax modules: networks and layers only; no loss, no config, no file."""
