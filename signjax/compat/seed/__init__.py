"""The original project's PyTorch checkpoints as signjax runs."""
