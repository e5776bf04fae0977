"""The paper's experiments: suites of presets that are trained and compared."""
