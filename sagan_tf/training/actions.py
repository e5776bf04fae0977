"""Actions of training: what it does after certain steps, such as logs, samples and checkpoints."""

from __future__ import annotations

import abc
import contextlib
import time

import numpy as np
import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.images import image_grid, save_png

_SAMPLE_ROWS = 10  # classes shown, evenly spaced if there are more
_SAMPLE_COLUMNS = 10


class Action(abc.ABC):
    """Something that training does after every `every`-th step and after its last step.

    All workers call the same actions at the same steps in the same order. An action that only the
    chief performs returns at once on the other workers.

    Args:
        every: steps between two calls.
    """

    def __init__(self, every):
        self.every = every

    @abc.abstractmethod
    def __call__(self, step):
        """Acts after `step` steps."""


class Log(Action):
    """Reads the means of the metrics since the last log, starts them again and reports them.

    Args:
        run: a `RunDirectory`.
        model: the `SAGAN` that trains.
        timer: `StepTimer` of the training steps.
        reporter: a `Reporter` or `SilentReporter`.
        check_finite: `FiniteCheck` of this run.
    """

    def __init__(self, run, model, timer, reporter, check_finite):
        super().__init__(run.config.log_every)
        self._run, self._model, self._timer = run, model, timer
        self._reporter, self._check_finite = reporter, check_finite

    def __call__(self, step):
        """Writes one line of metrics."""
        self._check_finite(step)
        # All workers read the metrics: reading adds up the values of all replicas.
        metrics = {name: float(v) for name, v in self._model.get_metrics_result().items()}
        self._model.reset_metrics()
        config, steps_per_second = self._run.config, self._timer.steps_per_second()
        images_per_step = config.global_batch_size * config.d_steps
        metrics["images_per_second"] = steps_per_second * images_per_step
        seconds_left = (config.train_steps - step) / steps_per_second
        with self._run.writing():
            self._reporter.log(step, metrics, seconds_left)


class Sample(Action):
    """Generates the same grid of images each time and saves it; only the chief does.

    Args:
        run: a `RunDirectory`.
        model: the `SAGAN` that trains.
        workers: `Workers`.
        reporter: a `Reporter` or `SilentReporter`.
    """

    def __init__(self, run, model, workers, reporter):
        super().__init__(run.config.sample_every)
        self._run, self._workers, self._reporter = run, workers, reporter
        self._inputs = sample_inputs(run.config)
        self._generate = tf.function(model.ema_generator)

    def __call__(self, step):
        """Writes one grid of images."""
        if not self._workers.is_chief:
            return
        latents, labels = self._inputs
        images = sampling.to_uint8(self._generate(latents, labels)).numpy()
        grid = image_grid(images, _SAMPLE_COLUMNS)
        with self._run.writing():
            save_png(self._run.sample_path(step), grid)
            self._reporter.samples(step, grid, images, latents, labels)


class Save(Action):
    """Saves a checkpoint, unless training is no longer finite; only the chief writes it.

    Args:
        config: `ExperimentConfig`.
        checkpoints: `Checkpoints` of the model that trains.
        workers: `Workers`.
        check_finite: `FiniteCheck` of this run.
        check_lock: function that raises if another process now trains in the directory.
    """

    def __init__(self, config, checkpoints, workers, check_finite, check_lock):
        super().__init__(config.checkpoint_every)
        self._checkpoints, self._workers = checkpoints, workers
        self._check_finite, self._check_lock = check_finite, check_lock
        self._minutes, self._saved_at = config.checkpoint_minutes, time.monotonic()

    def __call__(self, step):
        """Begins to write one checkpoint; `Checkpoints.finish` waits for it."""
        self._check_finite(step)
        self._saved_at = time.monotonic()
        if self._workers.is_chief:
            self._check_lock()
            self._checkpoints.save(wait=False)

    def is_overdue(self):
        """Whether `checkpoint_minutes` have passed on the clock of the chief."""
        if self._minutes is None or not self._workers.is_chief:
            return False
        return time.monotonic() - self._saved_at >= 60 * self._minutes


class Score(Action):
    """Scores the averaged generator, unless training is no longer finite; only the chief does.

    Args:
        config: `ExperimentConfig`; its `eval_every` is a number.
        model: the `SAGAN` that trains.
        scorer: `RunScorer`, or None on the workers that do not score.
        reporter: a `Reporter` or `SilentReporter`.
        check_finite: `FiniteCheck` of this run.
    """

    def __init__(self, config, model, scorer, reporter, check_finite):
        super().__init__(config.eval_every)
        self._model, self._scorer, self._reporter = model, scorer, reporter
        self._check_finite = check_finite

    def __call__(self, step):
        """Writes one line of scores a metric."""
        self._check_finite(step)  # the scorer keeps the best checkpoint
        if self._scorer is not None:
            self._reporter.scores(step, self._scorer.score(self._model, step))


class StepTimer:
    """Measures the speed of training steps, without the time that actions take."""

    def __init__(self):
        self._seconds, self._steps = 0.0, 0

    @contextlib.contextmanager
    def timing(self, steps):
        """Times its body, which runs `steps` training steps."""
        begin = time.perf_counter()
        yield
        self._seconds += time.perf_counter() - begin
        self._steps += steps

    def steps_per_second(self):
        """The mean speed since the last call."""
        steps, seconds = self._steps, self._seconds
        self._seconds, self._steps = 0.0, 0
        return steps / seconds


def sample_inputs(config):
    """The latents and labels of every sample grid of a run: one row a class.

    Args:
        config: `ExperimentConfig`.

    Returns:
        latents float32 (n, latent_dim) and labels int32 (n,), in rows of 10 images.
    """
    classes = sampling.evenly_spaced_labels(config.num_classes, _SAMPLE_ROWS)
    rows = _SAMPLE_ROWS if config.num_classes is None else len(classes)
    labels = np.resize(np.repeat(classes, _SAMPLE_COLUMNS), rows * _SAMPLE_COLUMNS)
    return sampling.latents(config.seed, len(labels), config.latent_dim), tf.constant(labels)
