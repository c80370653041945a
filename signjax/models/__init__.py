"""Flax modules: networks and their layers. No losses, configs or files."""
