"""Methods against known truths: benchmarks, oracles, tables."""
