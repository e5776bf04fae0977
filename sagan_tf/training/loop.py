"""The training loop: `SAGAN.train_step` under a strategy, many steps in one compiled call."""

from __future__ import annotations

import contextlib
import signal
import time

import numpy as np
import tensorflow as tf

from sagan_tf import ops, sampling
from sagan_tf.data import inspect, pipeline, sources
from sagan_tf.errors import ConfigError, TrainingError
from sagan_tf.evaluation.evaluator import EvaluationConfig
from sagan_tf.evaluation.scoring import RunScorer
from sagan_tf.images import image_grid, save_png
from sagan_tf.models import factory
from sagan_tf.runs import directory as run_directory
from sagan_tf.runs.checkpoints import Checkpoints
from sagan_tf.training import strategy as strategies
from sagan_tf.training.reporting import Reporter, SilentReporter
from sagan_tf.training.workers import Workers

_SAMPLE_ROWS = 10  # classes shown, evenly spaced if there are more
_SAMPLE_COLUMNS = 10


def train(config, run_dir, data_dir=None, strategy=None, stream=None):
    """Runs or resumes an experiment in `run_dir` until `config.train_steps`.

    Ctrl-C and SIGTERM save a checkpoint and end it cleanly; the same call then goes on. Of
    several workers the chief alone writes; what stops one of them stops all.

    Args:
        config: `ExperimentConfig`.
        run_dir: directory for all that the run writes; several workers must share it.
        data_dir: where TFDS keeps its data sets.
        strategy: `tf.distribute.Strategy`; None is the current one.
        stream: where progress is printed; None is stderr.

    Returns:
        The trained `SAGAN`.

    Raises:
        UserError: the directory, data or settings cannot be used, losses are not finite, or
            another worker is lost.
    """
    strategy = strategy or tf.distribute.get_strategy()
    workers = Workers(strategy)
    with workers.explain_lost_worker(), ops.using(config.ops):
        return _train(config, run_dir, data_dir, strategy, workers, stream)


def _train(config, run_dir, data_dir, strategy, workers, stream):
    _check_replicas(config, strategy)
    run, report, warnings = run_directory.RunDirectory(run_dir, config), None, []
    with workers.fail_together():
        source = sources.open_source(config, data_dir)
        if workers.is_chief:
            run_directory.start(run_dir, config)
            report = inspect.check(source, config, run.path)
            run.write_class_names(source.class_names)
    with strategy.scope():
        model = factory.build_model(config, run.read_class_names())
    checkpoints = Checkpoints(model, run.checkpoints, config.keep_checkpoints)
    start_step = _restore(checkpoints, workers, warnings.append)
    reporter = Reporter(run, model, start_step, stream) if workers.is_chief else SilentReporter()
    try:
        if start_step >= config.train_steps:
            reporter.say(f"{run.path} is finished: {start_step} of {config.train_steps} steps.")
            return model
        for line in (*warnings, report, strategies.describe(strategy)):
            reporter.say(str(line))
        reporter.say(f"{'Resuming' if start_step else 'Starting'} at step {start_step}: {run.path}")
        with workers.fail_together():
            scorer = _make_scorer(run, source, data_dir, strategy) if workers.is_chief else None
            batches = _distribute(strategy, source, config, start_step)
        training = _Training(run, model, strategy, workers, checkpoints, reporter, scorer)
        training.run(iter(batches), start_step)
    finally:
        reporter.close()
    return model


def _check_replicas(config, strategy):
    """Raises ConfigError for a batch without equal parts, and for XLA where it cannot be."""
    replicas, parts = strategy.num_replicas_in_sync, config.accumulation_steps
    if config.global_batch_size % (replicas * parts):
        times = f", each in {parts} micro-batches (accumulation_steps)" if parts > 1 else ""
        wanted = f"a multiple of the {replicas} replicas{times}"
        raise ConfigError("global_batch_size", config.global_batch_size, wanted)
    if config.jit_compile and replicas > 1 and not isinstance(strategy, tf.distribute.TPUStrategy):
        wanted = f"False for {replicas} replicas that are not TPUs: XLA has no way to add up there"
        raise ConfigError("jit_compile", True, wanted)


def _restore(checkpoints, workers, warn):
    """Restores the step that the chief chooses; returns it."""
    with workers.fail_together():
        start_step = checkpoints.restore(warn=warn) if workers.is_chief else 0
    start_step = workers.from_chief(start_step)
    with workers.fail_together():
        if start_step and not workers.is_chief:
            checkpoints.restore(start_step)
    return start_step


def _make_scorer(run, source, data_dir, strategy):
    """What scores the run as it goes, or None; made first, so that it fails before training."""
    if run.config.eval_every is None:
        return None
    settings = EvaluationConfig(
        metrics=("fid", "accuracy") if run.config.dataset == "bundled" else ("fid",),
        num_samples=run.config.eval_samples,
        feature_network=run.config.eval_network,
    )
    return RunScorer(run, settings, source, data_dir, strategy)


def _distribute(strategy, source, config, start_step):
    """The training batches, cut into one part a replica."""
    per_replica = config.global_batch_size * config.d_steps // strategy.num_replicas_in_sync

    def for_worker(context):
        dataset = pipeline.training_batches(
            source, config, start_step, context.num_input_pipelines, context.input_pipeline_id
        )
        dataset = dataset.rebatch(per_replica, drop_remainder=True)
        # Several workers would ask each other before every step whether there is another batch.
        return dataset.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))

    return strategy.distribute_datasets_from_function(for_worker)


class _Training:
    """One stretch of training, from a step to the end or to a signal."""

    def __init__(self, run, model, strategy, workers, checkpoints, reporter, scorer):
        self._run = run
        self._config = config = run.config
        self._model = model
        self._strategy = strategy
        self._workers = workers
        self._checkpoints = checkpoints
        self._reporter = reporter
        self._scorer = scorer
        self._sample_inputs = sample_inputs(config)
        self._generate = tf.function(model.ema_generator)
        self._stop_signal = None
        self._seconds, self._steps_timed = 0.0, 0  # since the last log
        self._saved_at = time.monotonic()
        self._events = [
            (config.log_every, self._log),
            (config.sample_every, self._sample),
            (config.checkpoint_every, self._save),
        ]
        if config.eval_every is not None:
            self._events.append((config.eval_every, self._score))

    def run(self, iterator, step):
        """Trains from `step`; on return the newest checkpoint holds the last step."""
        total, stops = self._config.train_steps, False
        run_steps = compiled_loop(self._model, self._strategy)
        with self._catch_signals():
            while step < total and not stops:
                count = self._steps_until_next_event(step)
                begin = time.perf_counter()
                run_steps(iterator, tf.constant(count))
                self._seconds += time.perf_counter() - begin
                self._steps_timed += count
                step += count
                self._reporter.advance(count)
                for every, event in self._events:
                    if step % every == 0 or step == total:
                        with self._workers.fail_together():
                            event(step)
                stops, saves = self._workers.any(self._stop_signal, self._is_time_to_save())
                if saves:
                    with self._workers.fail_together():
                        self._save(step)
        with self._workers.fail_together():
            self._save(step)
            self._checkpoints.finish()
        if stops:
            own = self._stop_signal and signal.Signals(self._stop_signal).name
            self._reporter.say(
                f"Stopped by {own or 'a signal to another worker'} at step {step}; "
                "saved. The same command goes on from here."
            )

    def _steps_until_next_event(self, step):
        until_event = min(every - step % every for every, _ in self._events)
        return min(until_event, self._config.steps_per_loop, self._config.train_steps - step)

    def _is_time_to_save(self):
        """Whether `checkpoint_minutes` have passed on the clock of the chief."""
        minutes = self._config.checkpoint_minutes
        if minutes is None or not self._workers.is_chief:
            return False
        return time.monotonic() - self._saved_at >= 60 * minutes

    def _log(self, step):
        self._check_finite()
        # All workers read the metrics, since reading adds up what each of them has seen.
        metrics = {name: float(v) for name, v in self._model.get_metrics_result().items()}
        self._model.reset_metrics()
        steps_per_second = self._steps_timed / self._seconds
        self._seconds, self._steps_timed = 0.0, 0
        images_per_step = self._config.global_batch_size * self._config.d_steps
        metrics["images_per_second"] = steps_per_second * images_per_step
        seconds_left = (self._config.train_steps - step) / steps_per_second
        with self._run.writing():
            self._reporter.log(step, metrics, seconds_left)

    def _sample(self, step):
        if not self._workers.is_chief:
            return
        latents, labels = self._sample_inputs
        images = sampling.to_uint8(self._generate(latents, labels)).numpy()
        grid = image_grid(images, _SAMPLE_COLUMNS)
        with self._run.writing():
            save_png(self._run.sample_path(step), grid)
            self._reporter.samples(step, grid, images, latents, labels)

    def _save(self, _):
        self._check_finite()
        self._saved_at = time.monotonic()
        if self._workers.is_chief:
            self._checkpoints.save(wait=False)

    def _score(self, step):
        self._check_finite()  # the best checkpoint is kept too
        if self._scorer is not None:
            self._reporter.scores(step, self._scorer.score(self._model, step))

    def _check_finite(self):
        bad_step = int(self._model.first_nonfinite_step.numpy())
        if bad_step >= 0:
            saved = [step for step in self._checkpoints.steps() if step <= bad_step]
            kept = f"step {saved[-1]} is the last good checkpoint" if saved else "nothing was saved"
            raise TrainingError(
                f"the loss or a gradient is not finite at step {bad_step}; "
                f"{kept} in {self._run.path}. "
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
    train_step = replica_step(model, strategy)

    @tf.function
    def run_steps(iterator, count):
        for _ in tf.range(count):
            strategy.run(train_step, args=(next(iterator),))

    return run_steps


def replica_step(model, strategy):
    """`model.train_step`, compiled by XLA if `model.jit_compile` asks for it; TPUs always do."""
    if model.jit_compile and not isinstance(strategy, tf.distribute.TPUStrategy):
        return tf.function(model.train_step, jit_compile=True)
    return model.train_step


def sample_inputs(config):
    """The latents and labels of every sample grid of a run: one row a class.

    Returns:
        latents float32 (n, latent_dim) and labels int32 (n,), in rows of 10 images.
    """
    classes = sampling.evenly_spaced_labels(config.num_classes, _SAMPLE_ROWS)
    rows = _SAMPLE_ROWS if config.num_classes is None else len(classes)
    labels = np.resize(np.repeat(classes, _SAMPLE_COLUMNS), rows * _SAMPLE_COLUMNS)
    return sampling.latents(config.seed, len(labels), config.latent_dim), tf.constant(labels)
