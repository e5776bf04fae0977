"""`fit`, `evaluate` and `train_on_batch` of Keras for two networks, with checks of the data."""

import tensorflow as tf

from sagan_tf.errors import ConfigError
from sagan_tf.models import batches, inputs
from sagan_tf.models.architecture import EagerlyBuilt
from sagan_tf.models.callbacks import FiniteTraining, TwoTimescales


class CheckedFit(EagerlyBuilt):
    """Base of a Keras model whose step cuts a batch into equal parts."""

    _is_evaluating = False

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        **kwargs,
    ):
        """Trains on images: `keras.Model.fit`, with checks of its arguments.

        A batch is cut into equal parts for the replicas, `d_steps` and `accumulation_steps`. Images
        that do not fill equal parts are left out of an epoch, with a warning. The order of arrays
        follows from the model's `seed`. When a callback moves `model.optimizer.learning_rate`, the
        discriminator's rate moves by the same factor.

        Args:
            x: images, uint8 or float in [-1, 1], (n, h, w, c); or a `tf.data.Dataset` of batches:
                (images, labels), dicts with "image" and "label", or images alone.
            y: integer labels (n,) in [0, num_classes).
            batch_size: images in a batch; None for Keras's 32.
            epochs: times to go through the images.
            verbose: as in Keras.
            callbacks: Keras callbacks.
            validation_split: share of the arrays, the last ones, to validate on instead.
            validation_data: (images, labels) or a data set; both losses are measured on it.
            shuffle: whether each epoch has an order of its own.
            class_weight: not supported.
            sample_weight: not supported.
            **kwargs: others of `keras.Model.fit`.

        Raises:
            ConfigError, DataError: an argument, images or labels do not fit the model.
            TrainingError: a loss, a gradient or a weight is not finite at the end of an epoch.
        """
        _refuse_weights(class_weight=class_weight, sample_weight=sample_weight)
        inputs.check(x, y, self.discriminator)
        if validation_data is not None:
            inputs.check(*_pair(validation_data), self.discriminator)
        parts = self._parts_of_a_batch()
        if inputs.is_array(x):
            arrays = (x,) if y is None else (x, y)
            if validation_split:
                arrays, validation_data = _split(arrays, validation_split)
            order = (self.seed + int(self.step.numpy())) % 2**31
            x = batches.from_arrays(arrays, batch_size, shuffle, order, parts)
            y, validation_split, shuffle = None, 0.0, False
            kwargs.setdefault("validation_batch_size", batch_size)
            batch_size = None
        elif isinstance(x, tf.data.Dataset):
            x, shuffle = batches.of_equal_parts(x, parts), False
        return super().fit(
            x,
            y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=[*tf.nest.flatten(callbacks or []), TwoTimescales(), FiniteTraining()],
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            **kwargs,
        )

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Measures both losses on held-out images: `keras.Model.evaluate`; see `test_step`.

        Raises:
            DataError: images or labels do not fit the model.
        """
        _refuse_weights(sample_weight=kwargs.get("sample_weight"))
        inputs.check(x, y, self.discriminator)
        self._is_evaluating = True
        try:
            return super().evaluate(x, y, *args, **kwargs)
        finally:
            self._is_evaluating = False

    def get_metrics_result(self):
        """{name: value} of the metrics; in `evaluate` without those of gradients."""
        results = {metric.name: metric.result() for metric in self.metrics}
        if not self._is_evaluating:
            return results
        return {name: value for name, value in results.items() if "gradient" not in name}

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, **kwargs):
        """Makes one training step: `keras.Model.train_on_batch`.

        Raises:
            ConfigError, DataError: an argument, images or labels do not fit the model.
        """
        _refuse_weights(class_weight=class_weight, sample_weight=sample_weight)
        inputs.check(x, y, self.discriminator)
        if inputs.is_array(x):
            batches.check_size(len(x), self._parts_of_a_batch())
        return super().train_on_batch(x, y, **kwargs)

    def _parts_of_a_batch(self):
        replicas = self.distribute_strategy.num_replicas_in_sync
        return replicas * self.d_steps * self.accumulation_steps


def _refuse_weights(**weights):
    for name, value in weights.items():
        if value is not None:
            raise ConfigError(name, "...", "None: adversarial losses have no weights of samples")


def _pair(data):
    """Images and labels of `validation_data`, without the weights that Keras allows there."""
    if not isinstance(data, (tuple, list)):
        return data, None
    images, labels, weights = (*data, None, None)[:3]
    _refuse_weights(sample_weight=weights)
    return images, labels


def _split(arrays, share):
    """Arrays for training, and the last `share` of each for validation, as Keras splits them."""
    if not 0.0 < share < 1.0:
        raise ConfigError("validation_split", share, "a number in (0, 1)")
    first = int(len(arrays[0]) * (1.0 - share))
    return tuple(a[:first] for a in arrays), tuple(a[first:] for a in arrays)
