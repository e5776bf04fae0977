"""Commands: one module with a `main` for each, started as `sagan-NAME` or by `python -m`."""
