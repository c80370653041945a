"""A run taken elsewhere: weights, compiled programs, a folder to share."""
