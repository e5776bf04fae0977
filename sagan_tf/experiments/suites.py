"""Suites of the paper's experiments: their arms are trained, scored at equal steps, and compared.

An arm is a preset (`config/presets.py`). Full scale trains the preset unchanged. Demo scale trains
on the bundled images and keeps the differences between the arms: the networks with spectral norm,
the ratio of the learning rates, the block at the attention position, and its share of the image.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys

from sagan_tf import config as configs
from sagan_tf.config.flags import flags_of
from sagan_tf.errors import ConfigError, RunDirectoryError, UserError
from sagan_tf.runs import run_directory, scores
from sagan_tf.training import signals

SUITES = {
    "stabilization": ("sagan_sn_d_only", "sagan_no_ttur", "sagan_no_attention"),
    "attention": (
        "sagan_no_attention",
        *(f"{kind}_feat{size}" for kind in ("sagan", "residual") for size in (8, 16, 32, 64)),
    ),
    "comparison": ("sngan_projection_128", "sagan_feat64"),
}
SCALES = ("demo", "full")
# At demo scale, Inception Score is the same formula with the logits of the garment classifier.
_SCORED = ("fid", "is", "accuracy", "prdc")
_CHECKPOINTS = 5  # number of checkpoints to score in each run, evenly spaced
_DEMO = {
    "dataset": "bundled",
    "resolution": 32,
    "channels": 1,
    "num_classes": 10,
    "base_channels": 16,
    "ema_decay": 0.99,
    "global_batch_size": 32,
    "train_steps": 500,
    "log_every": 25,
    "sample_every": 100,
    "eval_network": "garments",
}
_DEMO_RATE = 3.0  # short runs need higher learning rates; their ratio stays
_DEMO_SAMPLES = 2000
_COMMANDS = "sagan_tf.commands"


@dataclasses.dataclass(frozen=True)
class Arm:
    """One training run of a suite.

    Args:
        config: `ExperimentConfig`; its preset names the arm.
        path: its run directory.
    """

    config: configs.ExperimentConfig
    path: str

    @property
    def name(self):
        """The name of the arm's preset."""
        return self.config.preset

    @property
    def steps(self):
        """The steps of the checkpoints, which evaluation scores."""
        every, total = self.config.checkpoint_every, self.config.train_steps
        return sorted({*range(every, total + 1, every), total})

    def scores(self):
        """Returns the newest record of each (step, metric) in the run's `evaluation.jsonl`."""
        lines = scores.read(os.path.join(self.path, scores.FILE_NAME))
        newest = {(line["step"], line["metric"]): line for line in lines}
        return [newest[key] for key in sorted(newest) if key[0] in self.steps]

    def is_done(self):
        """Returns whether an equal configuration was trained and scored at all steps."""
        try:
            trained = run_directory.load(self.path).config
        except RunDirectoryError:
            return False
        scored = {line["step"] for line in self.scores()}
        return trained == self.config and scored == set(self.steps)


def arms(suite, scale, seeds, out, changes=None):
    """Returns the runs of a suite, seed by seed, as `Arm`s.

    Args:
        suite: of `SUITES`.
        scale: "demo" or "full".
        seeds: number of seeds, above 0; they are 0, 1, ...
        out: directory of all runs, which are `out/runs/ARM/seed_N`. Two suites with the same arm
            share its run.
        changes: configuration fields to set in every arm; they override the preset and scale.

    Raises:
        ConfigError: an argument is not allowed.
    """
    if suite not in SUITES:
        raise ConfigError("suite", suite, f"one of {', '.join(SUITES)}")
    if scale not in SCALES:
        raise ConfigError("scale", scale, f"one of {', '.join(SCALES)}")
    if seeds < 1:
        raise ConfigError("seeds", seeds, "a whole number above 0")
    chosen = [configs.get(name) for name in SUITES[suite]]
    if scale == "demo":
        chosen = [demo(config) for config in chosen if _fits_demo(config)]
    result = []
    for seed in range(seeds):
        for config in chosen:
            config = config.replace(seed=seed, **(changes or {}))
            every = max(config.train_steps // _CHECKPOINTS, 1)
            kept = -(-config.train_steps // every)
            config = config.replace(checkpoint_every=every, keep_checkpoints=kept, eval_every=None)
            result.append(Arm(config, os.path.join(out, "runs", config.preset, f"seed_{seed}")))
    return result


def demo(config):
    """Returns an arm's configuration on the bundled images, small enough for a CPU."""
    return config.replace(
        **_DEMO,
        attention_resolution=_demo_attention(config),
        generator_learning_rate=_DEMO_RATE * config.generator_learning_rate,
        discriminator_learning_rate=_DEMO_RATE * config.discriminator_learning_rate,
    )


def _demo_attention(config):
    """Returns the size of the same share of a 32x32 image: 64 of 128 pixels becomes 16."""
    if config.attention_resolution is None:
        return None
    return config.attention_resolution * _DEMO["resolution"] // config.resolution


def _fits_demo(config):
    """Returns whether both networks have a feature map of the attention's size, from 8x8 on."""
    size = _demo_attention(config)
    return size is None or size in configs.attention_resolutions(_DEMO["resolution"])


class Stopped(UserError):
    """Ctrl-C or SIGTERM stopped a suite; all is saved, and the same command resumes it."""


def run(suite_arms, train_flags=(), evaluate_flags=(), num_samples=None):
    """Trains and scores all arms that are not done yet, each command in a process of its own.

    Args:
        suite_arms: from `arms`.
        train_flags: more flags for `train`.
        evaluate_flags: more flags for `evaluate`.
        num_samples: number of images to score; None is 50,000, or 2,000 at demo scale.

    Returns:
        {path of a run: reason} of the arms that failed. The other arms run all the same.

    Raises:
        Stopped: SIGINT or SIGTERM arrived.
    """
    failures = {}
    for number, arm in enumerate(suite_arms, 1):
        where = f"[{number}/{len(suite_arms)}] {arm.name}, seed {arm.config.seed}"
        if arm.is_done():
            print(f"{where}: done before", file=sys.stderr, flush=True)
            continue
        commands = {
            "train": [*flags_of(arm.config), *train_flags],
            "evaluate": [*_evaluation(arm.config, num_samples), *evaluate_flags],
        }
        for name, flags in commands.items():
            print(f"{where}: {name}", file=sys.stderr, flush=True)
            module = f"{_COMMANDS}.{name}"
            code = _call([sys.executable, "-m", module, f"--run_dir={arm.path}", *flags])
            if code:
                failures[arm.path] = f"{name} ended with exit code {code}"
                break
    return failures


def _evaluation(config, num_samples):
    """Returns the flags of `evaluate` for an arm."""
    is_demo = config.eval_network is not None
    flags = [
        "--checkpoint=all",
        f"--metrics={','.join(_SCORED if is_demo else _SCORED[:2])}",
        f"--num_samples={num_samples or (_DEMO_SAMPLES if is_demo else 50_000)}",
    ]
    return [*flags, f"--feature_network={config.eval_network}"] if is_demo else flags


def _environment():
    """Returns our environment with this package on its path and TensorFlow's messages reduced."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3")}
    return {**os.environ, **quiet, "PYTHONPATH": os.pathsep.join(paths)}


def _call(command):
    """Runs a command to its end; it gets our signals first, so that it can save."""
    received = []
    # In a session of its own: a terminal's Ctrl-C would reach it twice, and the second one kills.
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, start_new_session=True, env=_environment()
    )

    def forward(number, _):
        received.append(number)
        process.send_signal(number)

    usual = {number: signal.signal(number, forward) for number in signals.that_stop()}
    try:
        code = process.wait()
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler or signal.SIG_DFL)
    if received:
        name = signal.Signals(received[0]).name
        raise Stopped(f"stopped by {name}; the same command goes on from here")
    return code
