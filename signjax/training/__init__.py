"""The training engine: loop, step, optimizer, sharding, checkpoints, run config, logs."""
