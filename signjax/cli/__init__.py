"""What commands share: parsing and help of command lines, and how they print results and errors."""

from signjax.cli import startup

# Here, as every command imports something of this package before it imports numpy.
startup.prepare_imports()
