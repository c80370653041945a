"""Files of other projects that signjax can run."""
