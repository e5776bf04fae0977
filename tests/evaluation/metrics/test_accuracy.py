import numpy as np

from sagan_tf.evaluation.metrics.accuracy import classification_accuracy


def test_accuracy_is_the_share_of_right_labels():
    logits = 3.0 * np.eye(4)
    assert classification_accuracy(logits, np.array([0, 1, 2, 3])) == 1.0
    assert classification_accuracy(logits, np.array([0, 1, 1, 1])) == 0.5
