"""``python -m experiments.field_strength_snr``: the sweep, its figures and result.md."""

from experiments.field_strength_snr.run import main

if __name__ == "__main__":
    main()
