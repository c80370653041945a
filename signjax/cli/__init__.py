"""What commands share: parsing and help of command lines, and how they print results and errors."""
