"""Scores of a run's checkpoints, of an export, or of a folder of images."""

from __future__ import annotations

import os
import time
import warnings

import tensorflow as tf

from sagan_tf import files
from sagan_tf.config import ExperimentConfig
from sagan_tf.data import sources
from sagan_tf.errors import ConfigError, EvaluationError, RunDirectoryError
from sagan_tf.evaluation.existing_images import FolderImages, SourceImages
from sagan_tf.evaluation.generated import ExportedImages, GeneratedImages
from sagan_tf.evaluation.settings import BALANCED
from sagan_tf.models import factory
from sagan_tf.runs import best, run_directory, scores
from sagan_tf.runs.checkpoints import Checkpoints, saved_steps

WATCH = "watch"
_WATCH_SECONDS = 30  # between looks for new checkpoints


class RunScorer:
    """Scores the generator of one run: during training, or from its checkpoints.

    It appends each score to `evaluation.jsonl` in the run directory. It keeps the checkpoint with
    the lowest FID (`best.keep_if_best`).

    Args:
        run: `RunDirectory`.
        settings: `EvaluationConfig`.
        source: of the real images; None opens the data set of the run's configuration.
        data_dir: directory of TFDS's data sets.
        strategy: `tf.distribute.Strategy`; None is the current one. With several workers, this
            process scores all images itself, on one device.
    """

    def __init__(self, run, settings, source=None, data_dir=None, strategy=None):
        self._run, self._sampling_config, self._strategy = run, settings.sampling, _local(strategy)
        self._images = None
        files.check_writable("run_dir", run.path)
        config = run.config
        source = source or sources.open_source(config, data_dir)
        run.check_class_names(source)
        self._evaluator = settings.evaluator(
            SourceImages(source, config),
            config.dataset,
            config.num_classes is not None,
            strategy=self._strategy,
        )

    def real_vs_real_fid(self):
        """See `Evaluator.real_vs_real_fid`."""
        return self._evaluator.real_vs_real_fid()

    def score(self, model, step):
        """Scores a model after `step` training steps, and returns the records.

        Args:
            model: `SAGAN`; it is not changed.
            step: training steps done.
        """
        generator = model.ema_generator if self._sampling_config.ema else model.generator
        if self._images is None:
            self._images = GeneratedImages(
                generator, self._sampling_config, self._strategy, self._evaluator.label_counts
            )
        else:
            self._images.update(generator)
        result = self._evaluator.score(
            self._images,
            step=step,
            subject=self._run.path,
            config_sha256=scores.config_sha256(self._run.config),
        )
        scores.append(self._run.join(scores.FILE_NAME), result)
        with files.exclusive(self._run.path):
            best.keep_if_best(self._run, model, result)
        return result

    def scored_steps(self):
        """Returns the steps that `evaluation.jsonl` has scores of, under equal settings."""
        sampling, counts = self._sampling_config, self._evaluator.label_counts
        weights = sampling.class_weights(counts, self._run.config.num_classes)
        provenance = sampling.provenance(weights)
        settings = {
            self._evaluator.settings_sha256(**provenance),
            self._evaluator.settings_sha256(**{**provenance, "labels": BALANCED}),
        }
        lines = scores.read(self._run.join(scores.FILE_NAME))
        return {line["step"] for line in lines if line.get("settings_sha256") in settings}


def _local(strategy):
    """Returns the strategy, or the default one if other processes have some of its replicas."""
    if strategy is None or strategy.num_replicas_in_sync == 1:
        return strategy
    has_all = len(strategy.extended.worker_devices) == strategy.num_replicas_in_sync
    return strategy if has_all else tf.distribute.get_strategy()


def score_run(run_dir, settings, checkpoint="latest", data_dir=None, strategy=None):
    """Yields the records of a run's checkpoints, after the FID of real against real images.

    Args:
        run_dir: what `train/main.py --run_dir` wrote.
        settings: `EvaluationConfig`.
        checkpoint: "latest", "all", "best", a step, or "watch". "watch" scores new checkpoints
            until the run is finished; it skips steps with scores of equal settings.
        data_dir: directory of TFDS's data sets.
        strategy: `tf.distribute.Strategy`; None is the current one.

    Raises:
        RunDirectoryError: there is no run, or no such checkpoint.
    """
    if checkpoint == "best":
        if best.read(run_dir) is None:
            raise RunDirectoryError(f"run_dir={run_dir} has no best checkpoint: none was scored")
        run_dir, checkpoint = os.path.join(run_dir, best.DIRECTORY), "latest"
    run = run_directory.load(run_dir)
    watches = checkpoint == WATCH
    steps = None if watches else _steps(run, checkpoint)
    strategy = strategy or tf.distribute.get_strategy()
    scorer = RunScorer(run, settings, data_dir=data_dir, strategy=strategy)
    yield scorer.real_vs_real_fid()
    with strategy.scope():
        model = factory.build_model(run.config)
    for step in _new_steps(run, scorer) if watches else steps:
        try:
            Checkpoints(model, run.checkpoints).restore(step)
        except RunDirectoryError:
            if not (watches or checkpoint == "all") or step in saved_steps(run.checkpoints):
                raise
            if not watches:
                warnings.warn(f"step {step} is not scored: training removed it", stacklevel=2)
            continue
        yield from scorer.score(model, step)


def _steps(run, checkpoint):
    steps = saved_steps(run.checkpoints)
    if not steps:
        raise RunDirectoryError(f"run_dir={run.path} has no checkpoint yet")
    if checkpoint == "all":
        return steps
    if checkpoint == "latest":
        return steps[-1:]
    if checkpoint.isdigit() and int(checkpoint) in steps:
        return [int(checkpoint)]
    known = ", ".join(map(str, steps))
    raise ConfigError("checkpoint", checkpoint, f"latest, all, best or a step there is: {known}")


def _new_steps(run, scorer):
    """Yields the steps of new checkpoints, until the last step of the run."""
    done = scorer.scored_steps()
    while run.config.train_steps not in done:
        waiting = [step for step in saved_steps(run.checkpoints) if step not in done]
        if waiting:
            # The newest comes first: training may remove older ones before their turn.
            done.add(waiting[-1])
            yield waiting[-1]
        else:
            time.sleep(_WATCH_SECONDS)


def score_export(export_dir, settings, data_dir=None, strategy=None, dataset=None):
    """Yields the records of an exported SavedModel, after the FID of real against real images.

    Args:
        export_dir: one version of an export, or the directory of versions, of which it takes the
            newest.
        settings: `EvaluationConfig`.
        data_dir: directory of TFDS's data sets.
        strategy: `tf.distribute.Strategy`; None is the current one.
        dataset: the real images, as a value of the `dataset` setting; None is the training data.

    Raises:
        EvaluationError: there is no export, or `dataset` is None and the export does not name its
            training data, because it was made from a model in memory.
    """
    images = ExportedImages(export_dir, settings.sampling)
    known = {**images.card["config"], **({"dataset": dataset} if dataset else {})}
    if "dataset" not in known:
        raise EvaluationError(
            f"export {images.path} was made from a model in memory and does not say what it was "
            "trained on; name the real images with dataset=..."
        )
    config = ExperimentConfig.from_saved(known)
    real = SourceImages(sources.open_source(config, data_dir), config)
    evaluator = settings.evaluator(real, config.dataset, images.has_labels, strategy=strategy)
    yield evaluator.real_vs_real_fid()
    images.follow(evaluator.label_counts)
    yield from evaluator.score(
        images,
        step=images.card.get("step"),
        subject=images.path,
        config_sha256=scores.config_sha256(config),
    )


def score_folders(real_folder, folder, settings, strategy=None):
    """Yields the records of a folder of images, after the FID of real against real images.

    Args:
        real_folder: folder of the real images.
        folder: folder of the images to score, which must have the same size.
        settings: `EvaluationConfig`.
        strategy: `tf.distribute.Strategy`; None is the current one.

    Raises:
        UserError: a folder is missing or empty, or its images differ in size or are damaged.
    """
    real, images = FolderImages(real_folder), FolderImages(folder)
    evaluator = settings.evaluator(real, None, images.has_labels, images.num_images, strategy)
    yield evaluator.real_vs_real_fid()
    yield from evaluator.score(images, subject=folder)
