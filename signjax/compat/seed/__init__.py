"""The seed project's PyTorch checkpoints as signjax runs."""
