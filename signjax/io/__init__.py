"""Bytes in and out: bounded reading, atomic writing, checksums, arrays and checkpoint files."""
