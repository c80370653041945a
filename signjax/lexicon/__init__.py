"""A dictionary of single signs at work: words are looked up, spelled or named as missing, and stitched."""
