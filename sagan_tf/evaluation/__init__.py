"""Scores of generated images, from features to published numbers."""
