"""Check that training is still finite, before anything of it is logged, saved or scored."""

from __future__ import annotations

from sagan_tf.errors import TrainingError
from sagan_tf.models.finiteness import WeightCheck


class FiniteCheck:
    """Stops training if a loss, a gradient or a weight is not finite.

    Every step watches the losses and the gradients. Each call looks at the weights too.

    Args:
        model: the `SAGAN` that trains.
        checkpoints: its `Checkpoints`.
        run_path: the run directory, for the message.
    """

    def __init__(self, model, checkpoints, run_path):
        self._model, self._checkpoints, self._run_path = model, checkpoints, run_path
        self._weights = WeightCheck(model)

    def __call__(self, step):
        """Checks the model after `step` steps.

        Raises:
            TrainingError: something is not finite. The message names the last good checkpoint.
        """
        bad_step = int(self._model.first_nonfinite_step.numpy())
        if bad_step >= 0:
            raise self._error(f"the loss or a gradient is not finite at step {bad_step}", bad_step)
        weight = self._weights.first_nonfinite()
        if weight is not None:
            raise self._error(f"weight {weight} is not finite at step {step}", step - 1)

    def check_restored(self, step):
        """Checks the weights that a checkpoint holds.

        Raises:
            TrainingError: a weight is not finite.
        """
        weight = self._weights.first_nonfinite()
        if weight is not None:
            raise TrainingError(
                f"the checkpoint of step {step} in {self._run_path} holds weights that are not "
                f"finite ({weight}); delete its files to resume from an earlier one"
            )

    def _error(self, reason, last_good_step):
        saved = [step for step in self._checkpoints.steps() if step <= last_good_step]
        kept = f"step {saved[-1]} is the last good checkpoint" if saved else "nothing was saved"
        return TrainingError(
            f"{reason}; {kept} in {self._run_path}. A lower learning rate or another seed may help."
        )
