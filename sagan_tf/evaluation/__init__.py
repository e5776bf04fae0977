"""Scores of generated images, from features to published numbers."""

from sagan_tf.evaluation.manifold import density_coverage, precision_recall
from sagan_tf.evaluation.metrics import (
    frechet_distance,
    inception_score,
    intra_class_frechet_distance,
    kernel_distance,
)
from sagan_tf.evaluation.moments import Moments

__all__ = [
    "Moments",
    "density_coverage",
    "frechet_distance",
    "inception_score",
    "intra_class_frechet_distance",
    "kernel_distance",
    "precision_recall",
]
