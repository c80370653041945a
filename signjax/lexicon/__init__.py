"""A dictionary at work: words looked up or spelled, signs stitched to clips."""
