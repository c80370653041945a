"""Bytes in and out: bounded reading, array and checkpoint files, atomic writing, checksums, processes."""
