"""flax.linen modules only: no loss, no config, no files."""
