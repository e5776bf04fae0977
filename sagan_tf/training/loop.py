"""The training loop: `SAGAN.train_step` under a strategy, many steps in one compiled call."""

from __future__ import annotations

import contextlib
import signal
import time

import numpy as np
import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.data import inspect, pipeline, sources
from sagan_tf.errors import ConfigError, TrainingError
from sagan_tf.evaluation.runs import RunScorer
from sagan_tf.evaluation.settings import Settings
from sagan_tf.models import recipe
from sagan_tf.training import run_directory
from sagan_tf.training.checkpoints import Checkpoints
from sagan_tf.training.reporting import Reporter
from sagan_tf.visualization import grids

_SAMPLE_ROWS = 10  # classes shown, evenly spaced if there are more
_SAMPLE_COLUMNS = 10


def train(config, run_dir, data_dir=None, strategy=None, stream=None):
    """Runs or resumes an experiment in `run_dir` until `config.train_steps`.

    Ctrl-C and SIGTERM save a checkpoint and end it cleanly; the same call then goes on.

    Args:
        config: `ExperimentConfig`.
        run_dir: directory for all that the run writes.
        data_dir: where TFDS keeps its data sets.
        strategy: `tf.distribute.Strategy`; None is the current one.
        stream: where progress is printed; None is stderr.

    Returns:
        The trained `SAGAN`.

    Raises:
        UserError: the directory, data or settings cannot be used, or losses are not finite.
    """
    strategy = strategy or tf.distribute.get_strategy()
    if config.global_batch_size % strategy.num_replicas_in_sync:
        wanted = f"a multiple of the {strategy.num_replicas_in_sync} replicas"
        raise ConfigError("global_batch_size", config.global_batch_size, wanted)
    source = sources.open_source(config, data_dir)
    run = run_directory.start(run_dir, config)
    report = inspect.check(source, config, run.path)
    run.write_class_names(source.class_names)
    with strategy.scope():
        model = recipe.build(config)
    checkpoints = Checkpoints(model, run.checkpoints, config.keep_checkpoints)
    start_step = checkpoints.restore()
    reporter = Reporter(run, model, start_step, stream)
    try:
        if start_step >= config.train_steps:
            reporter.say(f"{run.path} is finished: {start_step} of {config.train_steps} steps.")
            return model
        reporter.say(str(report))
        reporter.say(f"{'Resuming' if start_step else 'Starting'} at step {start_step}: {run.path}")
        scorer = _make_scorer(run, source, data_dir, strategy)
        batches = _distribute(strategy, source, config, start_step)
        training = _Training(run, model, strategy, checkpoints, reporter, scorer)
        training.run(iter(batches), start_step)
    finally:
        reporter.close()
    return model


def _make_scorer(run, source, data_dir, strategy):
    """What scores the run as it goes, or None; made first, so that it fails before training."""
    if run.config.eval_every is None:
        return None
    settings = Settings(num_samples=run.config.eval_samples)
    return RunScorer(run, settings, source, data_dir, strategy)


def _distribute(strategy, source, config, start_step):
    """The training batches, cut into one part a replica."""
    per_replica = config.global_batch_size * config.d_steps // strategy.num_replicas_in_sync

    def for_worker(context):
        dataset = pipeline.training_batches(
            source, config, start_step, context.num_input_pipelines, context.input_pipeline_id
        )
        return dataset.rebatch(per_replica, drop_remainder=True)

    return strategy.distribute_datasets_from_function(for_worker)


class _Training:
    """One stretch of training, from a step to the end or to a signal."""

    def __init__(self, run, model, strategy, checkpoints, reporter, scorer):
        self._run = run
        self._config = config = run.config
        self._model = model
        self._strategy = strategy
        self._checkpoints = checkpoints
        self._reporter = reporter
        self._scorer = scorer
        self._sample_inputs = sample_inputs(config)
        self._draw = tf.function(model.ema_generator)
        self._stop_signal = None
        self._seconds, self._steps_timed = 0.0, 0  # since the last log
        self._events = [
            (config.log_every, self._log),
            (config.sample_every, self._sample),
            (config.checkpoint_every, self._save),
        ]
        if scorer is not None:
            self._events.append((config.eval_every, self._score))

    def run(self, iterator, step):
        """Trains from `step`; on return the newest checkpoint holds the last step."""
        total = self._config.train_steps
        run_steps = compiled_loop(self._model, self._strategy)
        with self._catch_signals():
            while step < total and self._stop_signal is None:
                count = self._steps_until_next_event(step)
                begin = time.perf_counter()
                run_steps(iterator, tf.constant(count))
                self._seconds += time.perf_counter() - begin
                self._steps_timed += count
                step += count
                self._reporter.advance(count)
                for every, event in self._events:
                    if step % every == 0 or step == total:
                        event(step)
        self._save(step)
        if self._stop_signal is not None:
            self._reporter.say(
                f"Stopped by {signal.Signals(self._stop_signal).name} at step {step}; "
                "saved. The same command goes on from here."
            )

    def _steps_until_next_event(self, step):
        until_event = min(every - step % every for every, _ in self._events)
        return min(until_event, self._config.steps_per_loop, self._config.train_steps - step)

    def _log(self, step):
        self._check_finite()
        metrics = {name: float(v) for name, v in self._model.get_metrics_result().items()}
        self._model.reset_metrics()
        steps_per_second = self._steps_timed / self._seconds
        self._seconds, self._steps_timed = 0.0, 0
        images_per_step = self._config.global_batch_size * self._config.d_steps
        metrics["images_per_second"] = steps_per_second * images_per_step
        seconds_left = (self._config.train_steps - step) / steps_per_second
        self._reporter.log(step, metrics, seconds_left)

    def _sample(self, step):
        latents, labels = self._sample_inputs
        images = sampling.to_uint8(self._draw(latents, labels)).numpy()
        grid = grids.image_grid(images, _SAMPLE_COLUMNS)
        grids.save_png(self._run.sample_path(step), grid)
        self._reporter.image(step, grid)

    def _save(self, _):
        self._check_finite()
        self._checkpoints.save()

    def _score(self, step):
        self._reporter.scores(step, self._scorer.score(self._model, step))

    def _check_finite(self):
        bad_step = int(self._model.first_nonfinite_step.numpy())
        if bad_step >= 0:
            saved = self._checkpoints.steps()
            kept = f"step {saved[-1]} is the last good checkpoint" if saved else "nothing was saved"
            raise TrainingError(
                f"the loss is not finite at step {bad_step}; {kept} in {self._run.path}. "
                "A lower learning rate or another seed may help."
            )

    @contextlib.contextmanager
    def _catch_signals(self):
        """Lets the step under way finish; a second signal has its usual effect."""
        usual = {}

        def note(number, _):
            self._stop_signal = number
            for caught, handler in usual.items():
                signal.signal(caught, handler)

        for number in (signal.SIGINT, signal.SIGTERM):
            usual[number] = signal.signal(number, note)
        try:
            yield
        finally:
            for number, handler in usual.items():
                signal.signal(number, handler)


def compiled_loop(model, strategy):
    """A function (iterator, count) that runs `count` training steps in one call.

    `count` is a tensor, so that one trace serves every count.
    """

    @tf.function
    def run_steps(iterator, count):
        for _ in tf.range(count):
            strategy.run(model.train_step, args=(next(iterator),))

    return run_steps


def sample_inputs(config):
    """The latents and labels of every sample grid of a run: one row a class.

    Returns:
        latents float32 (n, latent_dim) and labels int32 (n,), in rows of 10 images.
    """
    rows = min(config.num_classes or _SAMPLE_ROWS, _SAMPLE_ROWS)
    classes = np.linspace(0, (config.num_classes or 1) - 1, rows).round().astype(np.int32)
    labels = np.repeat(classes, _SAMPLE_COLUMNS)
    return sampling.latents(config.seed, len(labels), config.latent_dim), tf.constant(labels)
