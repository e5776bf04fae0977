"""Moments: mean and covariance of features in one pass, in memory of features x features."""

from __future__ import annotations

import numpy as np
from scipy.linalg import blas

from sagan_tf.errors import EvaluationError


def check_features(features, name="features"):
    """Returns the features as a float64 array (n, d).

    Args:
        features: array of numbers (n, d).
        name: of the features in error messages.

    Raises:
        EvaluationError: another shape, no rows or columns, or a value that is not finite.
    """
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or 0 in features.shape:
        raise EvaluationError(
            f"{name} of shape {features.shape} cannot be scored; they must be (images, features)"
        )
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        first = int(np.argmin(finite))
        raise EvaluationError(
            f"{name} hold NaN or infinity in {np.sum(~finite)} of {len(features)} rows, first in "
            f"row {first}; every feature must be finite"
        )
    return features


class Moments:
    """Count, mean and covariance of any number of feature vectors, computed batch by batch.

    The sum of squares is kept about the running mean (Chan, Golub & LeVeque 1979), so neither the
    order nor the size of the batches matters beyond float64 rounding, and shards can be merged.

    Args:
        dimension: length of a feature vector.
        name: of the features in error messages.
    """

    def __init__(self, dimension, name="features"):
        self.name = name
        self.count = 0
        self.mean = np.zeros(dimension)
        # BLAS adds to one triangle of a Fortran array in place; the other stays 0.
        self._scatter = np.zeros((dimension, dimension), order="F")

    @classmethod
    def of(cls, features, name="features"):
        """Returns the moments of an array (n, d), or `features` itself if it is `Moments`."""
        if isinstance(features, cls):
            return features
        features = check_features(features, name)
        return cls(features.shape[1], name).update(features)

    @property
    def dimension(self):
        """Length of a feature vector."""
        return len(self.mean)

    @property
    def covariance(self):
        """Unbiased covariance, float64 (d, d).

        Raises:
            EvaluationError: fewer than two feature vectors were seen.
        """
        if self.count < 2:
            raise EvaluationError(f"{self.name}: {self.count} image is too few; at least 2 needed")
        upper = np.triu(self._scatter)
        return (upper + np.triu(upper, 1).T) / (self.count - 1)

    def update(self, features):
        """Adds feature vectors (n, d).

        Raises:
            EvaluationError: a wrong shape, or a value that is not finite.
        """
        features = check_features(features, self.name)
        self._check_dimension(features.shape[1])
        mean = features.mean(axis=0)
        self._add(len(features), mean, features - mean)
        return self

    def merge(self, *others):
        """Adds the feature vectors of other moments."""
        for other in others:
            self._check_dimension(other.dimension)
            if other.count:
                self._scatter += other._scatter
                self._add(other.count, other.mean, np.empty((0, self.dimension)))
        return self

    def _add(self, count, mean, centered):
        total = self.count + count
        shift = mean - self.mean
        between = np.sqrt(self.count * count / total) * shift
        rows = np.concatenate([centered, between[None]])
        self._scatter = blas.dsyrk(1.0, rows.T, beta=1.0, c=self._scatter, overwrite_c=1)
        self.mean = self.mean + shift * (count / total)
        self.count = total

    def _check_dimension(self, dimension):
        if dimension != self.dimension:
            raise EvaluationError(
                f"{self.name} of {dimension} numbers do not go with features of {self.dimension}"
            )

    def arrays(self):
        """Returns a dict of arrays, from which `from_arrays` makes equal moments."""
        return {"count": np.int64(self.count), "mean": self.mean, "scatter": self._scatter}

    @classmethod
    def from_arrays(cls, arrays, name="features"):
        """Returns the moments of which `arrays()` gave these arrays."""
        moments = cls(len(arrays["mean"]), name)
        moments.count = int(arrays["count"])
        moments.mean = np.array(arrays["mean"])
        moments._scatter = np.array(arrays["scatter"], order="F")
        return moments
