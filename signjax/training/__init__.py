"""The engine: training loop, train step, optimizer, sharding, checkpoints, run config, logs."""
