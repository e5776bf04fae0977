"""The training loop: `SAGAN.train_step` under a strategy, many steps in one compiled call."""

from __future__ import annotations

import contextlib

import tensorflow as tf

from sagan_tf import ops
from sagan_tf.data import pipeline, preflight, sources
from sagan_tf.errors import ConfigError
from sagan_tf.evaluation.scoring import RunScorer
from sagan_tf.evaluation.settings import EvaluationConfig
from sagan_tf.models import factory
from sagan_tf.runs import lock, run_directory
from sagan_tf.runs.checkpoints import Checkpoints
from sagan_tf.training import strategy as strategies
from sagan_tf.training.actions import Log, Sample, Save, Score, StepTimer
from sagan_tf.training.finite_check import FiniteCheck
from sagan_tf.training.reporting import Reporter, SilentReporter
from sagan_tf.training.signals import stop_request
from sagan_tf.training.workers import Workers


def train(config, run_dir, data_dir=None, strategy=None, stream=None, compile_steps=None):
    """Runs or resumes an experiment in `run_dir` until `config.train_steps`.

    Ctrl-C, SIGTERM and SIGHUP save a checkpoint and end training cleanly; the same call then
    resumes. (Only in the main thread: Python cannot catch signals elsewhere.) Of several workers,
    only the chief writes. An error on one worker stops all of them.

    Args:
        config: `ExperimentConfig`.
        run_dir: directory for all that the run writes; several workers must share it.
        data_dir: where TFDS keeps its data sets.
        strategy: `tf.distribute.Strategy`; None is the current one.
        stream: where progress is printed; None is stderr.
        compile_steps: function (model, strategy) that returns what runs the steps, for programs
            that measure or interrupt them; None is `compiled_loop`.

    Returns:
        The trained `SAGAN`.

    Raises:
        UserError: the directory, data or settings cannot be used, another process trains in the
            directory, losses are not finite, or another worker is lost.
    """
    strategy = strategy or tf.distribute.get_strategy()
    workers = Workers(strategy)
    with workers.explain_lost_worker(), ops.using(config.ops), contextlib.ExitStack() as stack:
        _check_replicas(config, strategy)
        run, source, report, check_lock = _open_run(config, run_dir, data_dir, workers, stack)
        with strategy.scope():
            model = factory.build_model(config, _class_names(run, source))
        checkpoints, warnings = Checkpoints(model, run.checkpoints, config.keep_checkpoints), []
        step = _restore(checkpoints, workers, warnings.append)
        check_finite = FiniteCheck(model, checkpoints, run.path)
        check_finite.check_restored(step)
        if step < config.train_steps:
            with workers.fail_together():
                scorer = _make_scorer(run, source, data_dir, strategy) if workers.is_chief else None
                batches = iter(_distribute(strategy, source, config, step))
        # The run begins here. A start that is refused before leaves no configuration behind.
        with workers.fail_together():
            if workers.is_chief:
                run.write_config()
                run.write_class_names(source.class_names)
        reporter = Reporter(run, model, step, stream) if workers.is_chief else SilentReporter()
        with contextlib.closing(reporter):
            if step >= config.train_steps:
                reporter.say(f"{run.path} is finished: {step} of {config.train_steps} steps.")
                return model
            for line in (*warnings, report, strategies.describe(strategy)):
                reporter.say(str(line))
            reporter.say(f"{'Resuming' if step else 'Starting'} at step {step}: {run.path}")
            run_steps = (compile_steps or compiled_loop)(model, strategy)
            timer = StepTimer()

            def take_steps(count):
                with timer.timing(count):
                    run_steps(batches, tf.constant(count))
                reporter.advance(count)

            save = Save(config, checkpoints, workers, check_finite, check_lock)
            actions = [
                Log(run, model, timer, reporter, check_finite),
                Sample(run, model, workers, reporter),
                save,
            ]
            if config.eval_every is not None:
                actions.append(Score(config, model, scorer, reporter, check_finite))
            with stop_request() as request:
                if not request.can_come:
                    reporter.say("Signals do not save a checkpoint: this is not the main thread.")
                step, stopped_by = _run_loop(
                    config, step, take_steps, actions, save, workers, request
                )
            with workers.fail_together():
                save(step)
                checkpoints.finish()
            if stopped_by:
                reporter.say(
                    f"Stopped by {stopped_by} at step {step}; saved. "
                    "The same command goes on from here."
                )
    return model


def _run_loop(config, step, take_steps, actions, save, workers, request):
    """Trains until the last step, or until a signal to any worker.

    Args:
        config: `ExperimentConfig`.
        step: steps done so far.
        take_steps: function that makes this number of training steps.
        actions: `Action`s, in the order in which they act at the same step.
        save: the `Save` among them, which acts by the clock too.
        workers: `Workers`.
        request: `StopRequest`.

    Returns:
        The number of steps done, and what stopped training early, in words, or None.
    """
    while step < config.train_steps:
        until_action = min(action.every - step % action.every for action in actions)
        count = min(until_action, config.steps_per_loop, config.train_steps - step)
        take_steps(count)
        step += count
        for action in actions:
            if step % action.every == 0 or step == config.train_steps:
                with workers.fail_together():
                    action(step)
        stops, saves = workers.any(request.signal_name, save.is_overdue())
        if saves:
            with workers.fail_together():
                save(step)
        if stops:
            return step, request.signal_name or "a signal to another worker"
    return step, None


def _open_run(config, run_dir, data_dir, workers, stack):
    """Opens the run directory and the data; the chief checks both and writes a report on the data.

    The directory stays locked until `stack` closes.

    Returns:
        The `RunDirectory`, the source of the data, and the chief's own: its report on the data and
        the function that checks the lock.
    """
    run, report, check_lock = run_directory.RunDirectory(run_dir, config), None, None
    with workers.fail_together():
        source = sources.open_source(config, data_dir)
        if workers.is_chief:
            check_lock = stack.enter_context(lock.hold(run.path))
            run_directory.check(run_dir, config, source)
            with run.writing():
                tf.io.gfile.makedirs(run.path)
            report = preflight.check(source, config, run.path)
    return run, source, report, check_lock


def _class_names(run, source):
    """The names of the data's classes that the model has; None if the classes have no names."""
    names = tuple(source.class_names or ())[: run.config.num_classes or 0]
    return names or run.read_class_names()


def _check_replicas(config, strategy):
    """Raises ConfigError if replicas cannot share the batch equally, or cannot use XLA."""
    replicas, parts = strategy.num_replicas_in_sync, config.accumulation_steps
    if config.global_batch_size % (replicas * parts):
        times = f", each in {parts} micro-batches (accumulation_steps)" if parts > 1 else ""
        wanted = f"a multiple of the {replicas} replicas{times}"
        raise ConfigError("global_batch_size", config.global_batch_size, wanted)
    if config.jit_compile and replicas > 1 and not isinstance(strategy, tf.distribute.TPUStrategy):
        wanted = f"False for {replicas} replicas that are not TPUs: XLA cannot add their gradients"
        raise ConfigError("jit_compile", True, wanted)


def _restore(checkpoints, workers, warn):
    """Restores the checkpoint that the chief chooses; returns its step, 0 for none."""
    with workers.fail_together():
        start_step = checkpoints.restore(warn=warn) if workers.is_chief else 0
    start_step = workers.from_chief(start_step)
    with workers.fail_together():
        if start_step and not workers.is_chief:
            checkpoints.restore(start_step)
    return start_step


def _make_scorer(run, source, data_dir, strategy):
    """Makes the scorer before training, so that its errors come early; None if nothing scores."""
    if run.config.eval_every is None:
        return None
    settings = EvaluationConfig(
        metrics=("fid", "accuracy") if run.config.dataset == "bundled" else ("fid",),
        num_samples=run.config.eval_samples,
        feature_network=run.config.eval_network,
    )
    return RunScorer(run, settings, source, data_dir, strategy)


def _distribute(strategy, source, config, start_step):
    """Makes the training batches, in equal parts for the replicas."""
    per_replica = config.global_batch_size * config.d_steps // strategy.num_replicas_in_sync

    def for_worker(context):
        dataset = pipeline.training_batches(
            source, config, start_step, context.num_input_pipelines, context.input_pipeline_id
        )
        dataset = dataset.rebatch(per_replica, drop_remainder=True)
        # Without it, workers would ask each other before every step whether a batch is left.
        return dataset.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))

    return strategy.distribute_datasets_from_function(for_worker)


def compiled_loop(model, strategy):
    """Compiles a function (iterator, count) that runs `count` training steps in one call.

    `count` is a tensor, so that one trace serves every count.
    """
    train_step = replica_step(model, strategy)

    @tf.function
    def run_steps(iterator, count):
        for _ in tf.range(count):
            strategy.run(train_step, args=(next(iterator),))

    return run_steps


def replica_step(model, strategy):
    """Returns `model.train_step`, compiled by XLA if `model.jit_compile` asks for it.

    TPUs compile all of the loop with XLA anyway.
    """
    if model.jit_compile and not isinstance(strategy, tf.distribute.TPUStrategy):
        return tf.function(model.train_step, jit_compile=True)
    return model.train_step
