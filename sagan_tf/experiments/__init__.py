"""Experiments of the paper: suites of presets that are trained and compared."""
