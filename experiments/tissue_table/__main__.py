"""``python -m experiments.tissue_table``: writes docs/tissue.md and its picture."""

from experiments.tissue_table.run import main

if __name__ == "__main__":
    main()
