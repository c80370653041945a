"""Training of each model family: its losses and its batches."""
