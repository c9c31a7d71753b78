"""``python -m bloch.cli``."""

from bloch.cli.main import main

main()
