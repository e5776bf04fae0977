"""Callbacks that `SAGAN.fit` adds to the user's own."""

import keras

from sagan_tf.errors import DataError, TrainingError
from sagan_tf.models.finiteness import WeightCheck


class TwoTimescales(keras.callbacks.Callback):
    """Keeps the ratio of the two learning rates while callbacks move the generator's.

    Keras's callbacks know `model.optimizer` alone, the generator's. When they set its learning
    rate, the discriminator's changes by the same factor (TTUR, SAGAN section 4.2). Learning-rate
    schedules are left alone.
    """

    def on_train_begin(self, logs=None):
        """Notes the generator's learning rate."""
        self._rate = self._learning_rate("generator")

    def on_epoch_begin(self, epoch, logs=None):
        """Follows what the callbacks before this one have set."""
        self._follow()

    on_train_batch_begin = on_epoch_end = on_epoch_begin

    def _follow(self):
        rate = self._learning_rate("generator")
        if rate == self._rate:
            return
        others = self._learning_rate("discriminator")
        if others is not None and self._rate:
            self.model.discriminator_optimizer.learning_rate = others * rate / self._rate
        self._rate = rate

    def _learning_rate(self, network):
        optimizer = getattr(self.model, f"{network}_optimizer")
        if isinstance(optimizer.get_config()["learning_rate"], dict):
            return None  # a schedule
        return float(optimizer.learning_rate.numpy())


class FiniteTraining(keras.callbacks.Callback):
    """Ends `fit` with an error once a loss, a gradient or a weight is not finite.

    Keras's `TerminateOnNaN` reads `logs["loss"]`, which a model with two losses does not have.
    """

    def on_train_begin(self, logs=None):
        """Prepares the check of the weights."""
        self._weights = WeightCheck(self.model)

    def on_epoch_begin(self, epoch, logs=None):
        """Notes the step."""
        self._first_step = int(self.model.step.numpy())

    def on_epoch_end(self, epoch, logs=None):
        """Checks the epoch.

        Raises:
            TrainingError: something is not finite.
            DataError: the epoch had no step.
        """
        bad_step = int(self.model.first_nonfinite_step.numpy())
        if bad_step >= 0:
            raise TrainingError(
                f"a loss or a gradient is not finite at step {bad_step}. A lower learning rate or "
                "another seed may help."
            )
        path = self._weights.first_nonfinite()
        if path is not None:
            raise TrainingError(f"the weight {path} is not finite after epoch {epoch + 1}")
        if int(self.model.step.numpy()) == self._first_step:
            raise DataError("the data has no batch that a step can use: every batch was left out")
