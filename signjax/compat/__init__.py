"""Files of other projects that signjax can run: checkpoints of the original project."""
