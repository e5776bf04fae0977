"""The registry of metrics, and the titles of their scores.

To add a metric, write a module with its formula and its `Metric`, and add the `Metric` to
`REGISTRY`.
"""

from sagan_tf.evaluation.metrics.accuracy import ACCURACY
from sagan_tf.evaluation.metrics.frechet import FID, measure_real_vs_real
from sagan_tf.evaluation.metrics.inception_score import INCEPTION_SCORE
from sagan_tf.evaluation.metrics.intra_class_frechet import INTRA_FID
from sagan_tf.evaluation.metrics.kernel import KID
from sagan_tf.evaluation.metrics.metric import EvaluationWarning, Measurement, Metric
from sagan_tf.evaluation.metrics.neighbours import PRDC

__all__ = [
    "MIN_SAMPLES",
    "REGISTRY",
    "EvaluationWarning",
    "Measurement",
    "Metric",
    "measure_real_vs_real",
    "short_title",
    "title",
]

# All metrics by the names that `--metrics` takes, in the order in which help texts list them.
REGISTRY = {
    metric.name: metric for metric in (FID, INCEPTION_SCORE, KID, PRDC, INTRA_FID, ACCURACY)
}
MIN_SAMPLES = 10_000  # a score of fewer images comes with a warning


def short_title(name):
    """Returns the printed name of a `Measurement`, such as "FID" for "fid"."""
    titles = {k: v for metric in REGISTRY.values() for k, v in metric.titles.items()}
    return titles.get(name, name)


def title(name, samples, network):
    """Returns the printed title of a score.

    The title is "FID-50k" only for 50,000 images and a network whose scores are comparable.
    Otherwise it names the network and the number of images.

    Args:
        name: of a `Measurement`.
        samples: images that the score was computed from.
        network: the `FeatureNetwork`.
    """
    name = short_title(name)
    remarks = [] if network.comparable == "yes" else [network.name]
    if samples >= MIN_SAMPLES and samples % 1000 == 0:
        name += f"-{samples // 1000}k"
    else:
        remarks.append(f"{samples} images")
    return f"{name} ({', '.join(remarks)})" if remarks else name
