"""``python -m pirecon``, as torchrun starts it."""

from pirecon.cli.main import main

main()
