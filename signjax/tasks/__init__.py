"""Where a config meets a model: one file a model family, each with `make(config)`."""
