"""Scores of generated images, from features to published numbers."""

from sagan_tf.evaluation.metrics.frechet import frechet_distance
from sagan_tf.evaluation.metrics.inception_score import inception_score
from sagan_tf.evaluation.metrics.intra_class_frechet import intra_class_frechet_distance
from sagan_tf.evaluation.metrics.kernel import kernel_distance
from sagan_tf.evaluation.metrics.neighbours import density_coverage, precision_recall
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
