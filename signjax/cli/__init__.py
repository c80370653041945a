"""What the commands share: parsing, help, progress on a terminal."""
