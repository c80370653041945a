"""Data: files of other programs to clips, packed data sets and batches; no jax."""
