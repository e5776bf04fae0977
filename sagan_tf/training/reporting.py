"""Reports of a run: TensorBoard events, metrics.jsonl, and a progress bar or plain lines."""

from __future__ import annotations

import errno
import json
import math
import sys

import tensorflow as tf
import tqdm

from sagan_tf import files
from sagan_tf.keras_compat import named_layers
from sagan_tf.layers.self_attention import SelfAttention2D
from sagan_tf.layers.spectral_norm import SpectralNormalized
from sagan_tf.runs import json_lines
from sagan_tf.training import tensorboard
from sagan_tf.training.alarm import CollapseAlarm, sample_diversity


class Reporter:
    """Writes the metrics of a run to its directory and to the terminal.

    Args:
        run: a `RunDirectory`.
        model: the `SAGAN` that trains.
        start_step: steps done; later lines of an interrupted run are dropped.
        stream: where progress goes; a bar on a terminal, else plain lines. None is stderr.
    """

    def __init__(self, run, model, start_step, stream=None):
        self._run = run
        self._model = model
        self._alarm = CollapseAlarm(run.config.loss)
        self._diversity = {}  # metrics of the newest samples
        self._writer = tf.summary.create_file_writer(run.path)
        tensorboard.write_hyperparameters(self._writer, run.config)
        self._gates = _layers_of_kind(model, SelfAttention2D)
        self._spectral = _layers_of_kind(model, SpectralNormalized)
        self._sigmas = tf.function(lambda: [layer.sigma() for layer in self._spectral.values()])
        self._keep_lines_until(start_step)
        self._stream = stream or sys.stderr
        self._bar = None
        if self._stream.isatty():
            self._bar = tqdm.tqdm(
                total=run.config.train_steps,
                initial=start_step,
                desc=run.config.preset,
                file=self._stream,
                dynamic_ncols=True,
                smoothing=0.05,
                bar_format="{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} steps, "
                "{remaining} left{postfix}",
            )

    def advance(self, steps):
        """Moves the progress bar by some steps."""
        if self._bar is not None:
            self._bar.update(steps)

    def log(self, step, metrics, seconds_left):
        """Records metrics at a step, with attention gates and spectral norms.

        Args:
            step: steps done.
            metrics: {name: float}; `images_per_second` and both losses are among them.
            seconds_left: estimated time until the run ends.
        """
        metrics = {**metrics, **self._diversity}
        gates = {f"gamma/{name}": float(gate.gamma.numpy()) for name, gate in self._gates.items()}
        sigmas = {name: float(sigma) for name, sigma in zip(self._spectral, self._sigmas())}
        with self._writer.as_default(step=step):
            for name, value in {**metrics, **gates}.items():
                tf.summary.scalar(name, value)
            for name, sigma in sigmas.items():
                tf.summary.scalar(f"sigma/{name}", sigma)
        tensorboard.write_histograms(self._writer, step, self._model, sigmas)
        line = {"step": step, **metrics, **gates}
        with tf.io.gfile.GFile(self._run.metrics, "a") as file:
            file.write(json.dumps(line) + "\n")
        self._show(step, metrics, seconds_left)
        watched = {**line, **{f"sigma/{name}": sigma for name, sigma in sigmas.items()}}
        for warning in self._alarm.check(step, watched):
            self.say(f"warning: {warning}")

    def scores(self, step, records):
        """Records and prints scores, as `evaluation.scoring.RunScorer` gives them."""
        with self._writer.as_default(step=step):
            for record in records:
                tf.summary.scalar(f"evaluation/{record['metric']}", record["value"])
        values = ", ".join(f"{record['metric']} {record['value']:.4g}" for record in records)
        network = records[0]["feature_network"]
        self.say(f"step {step}: {values} ({records[0]['samples']:,} images, {network} features)")

    def samples(self, step, grid, images, latents, labels):
        """Records samples in TensorBoard: their grid, and where the generator looks.

        Args:
            step: steps done.
            grid: uint8 (h, w, c) with all images.
            images: uint8 (n, h, w, c).
            latents: float32 (n, latent_dim) of the images.
            labels: int32 (n,).
        """
        with self._writer.as_default(step=step):
            tf.summary.image("samples", grid[None])
        tensorboard.write_attention(self._writer, step, self._model.ema_generator, latents, labels)
        self._diversity = {"sample_diversity": sample_diversity(images, labels)}

    def say(self, text):
        """Prints a line above the progress bar."""
        if self._bar is not None:
            self._bar.write(text, file=self._stream)
            return
        try:
            print(text, file=self._stream, flush=True)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            # The terminal was closed, which also sent SIGHUP: training saves before it ends.

    def close(self):
        """Writes pending events and ends the bar."""
        self._writer.close()
        if self._bar is not None:
            self._bar.close()

    def _show(self, step, metrics, seconds_left):
        text = (
            f"{metrics['images_per_second']:.0f} images/s, "
            f"loss D {metrics['discriminator_loss']:.3f} G {metrics['generator_loss']:.3f}"
        )
        if self._bar is not None:
            self._bar.set_postfix_str(text)
        else:
            minutes, seconds = divmod(round(seconds_left), 60)
            total = self._run.config.train_steps
            self.say(f"step {step}/{total}, {text}, {minutes}:{seconds:02d} left")

    def _keep_lines_until(self, step):
        """Drops lines after `step`, because the run resumes from there."""
        if not tf.io.gfile.exists(self._run.metrics):
            return
        lines = json_lines.read_text(self._run.metrics).splitlines()
        kept = [line for line in lines if _step_of(line) <= step]
        files.write_whole(self._run.metrics, "".join(line + "\n" for line in kept))


class SilentReporter:
    """The reporter of workers that are not the chief: its methods do nothing."""

    def _nothing(self, *_):
        pass

    advance = log = scores = samples = say = close = _nothing


def _step_of(line):
    """The step of a line of metrics; infinity for a damaged line, which a killed process leaves."""
    try:
        step = json.loads(line)["step"]
    except (ValueError, TypeError, KeyError):
        return math.inf
    return step if isinstance(step, int) else math.inf


def _layers_of_kind(model, kind):
    """{path, such as "generator/block1/conv1": layer} of all layers of a kind in both networks."""
    return {
        f"{network}/{path}": layer
        for network in ("generator", "discriminator")
        for path, layer in named_layers(getattr(model, network))
        if isinstance(layer, kind)
    }
