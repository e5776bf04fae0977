"""Data sources, decoding, and the input pipeline of training."""
