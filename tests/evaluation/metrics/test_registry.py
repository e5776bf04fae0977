"""The registry of metrics, and the titles of scores."""

from sagan_tf.evaluation import metrics
from sagan_tf.evaluation.features import FeatureNetwork


def network(name="inception", comparable="yes"):
    return FeatureNetwork(None, name, "", "", comparable=comparable)


def test_the_names_and_their_order_are_those_of_the_flag():
    assert list(metrics.REGISTRY) == ["fid", "is", "kid", "prdc", "intra_fid", "accuracy"]
    assert all(name == metric.name for name, metric in metrics.REGISTRY.items())


def test_metrics_keep_only_what_statistics_can_keep():
    kept = {what for metric in metrics.REGISTRY.values() for what in metric.keeps}
    assert kept == {"features", "logits", "labels"}


def test_scores_of_few_images_are_never_called_50k():
    assert metrics.title("fid", 50_000, network()) == "FID-50k"
    assert metrics.title("fid", 10_000, network()) == "FID-10k"
    assert metrics.title("fid", 9_000, network()) == "FID (9000 images)"
    assert metrics.title("fid", 49_999, network()) == "FID (49999 images)"


def test_titles_name_a_network_that_does_not_compare():
    titles = [
        metrics.title(name, 50_000, network("pixels", "no"))
        for name in ("kid", "is", "intra_fid", "sanity_fid", "precision", "accuracy")
    ]
    assert titles == [
        "KID-50k (pixels)",
        "Inception Score-50k (pixels)",
        "intra-class FID-50k (pixels)",
        "FID of real against real-50k (pixels)",
        "precision-50k (pixels)",
        "accuracy-50k (pixels)",
    ]
