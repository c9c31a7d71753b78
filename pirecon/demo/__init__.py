"""A demonstration that needs no data of your own: ``python -m pirecon.demo``."""
