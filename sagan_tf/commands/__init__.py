"""The commands: modules with a `main` each, started as `sagan-NAME` or by `python -m`."""
