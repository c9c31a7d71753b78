"""``python -m pirecon.cli``."""

from pirecon.cli.main import main

main()
