"""Pose files as others have them, read into the 50-joint skeleton; `recognise` says which is which."""
