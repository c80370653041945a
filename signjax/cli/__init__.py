"""Command lines: parsing, help, progress on a terminal."""
