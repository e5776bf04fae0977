"""The paper's experiments: suites of arms that are trained, scored at the same steps and compared.

Every arm is a preset (`presets.py`). At full scale it is trained as it is; at demo scale on the
bundled images, with all that makes the arms differ kept: which networks have spectral norm, the
ratio of the learning rates, what stands in the attention slot, and at which share of the image.
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

SUITES = {
    "stabilization": ("sagan_sn_d_only", "sagan_no_ttur", "sagan_no_attention"),
    "attention": (
        "sagan_no_attention",
        *(f"{kind}_feat{size}" for kind in ("sagan", "residual") for size in (8, 16, 32, 64)),
    ),
    "comparison": ("sngan_projection_128", "sagan_feat64"),
}
SCALES = ("demo", "full")
# The demo has no Inception Score of its own: it is the same formula on the garments' classifier.
METRICS = ("fid", "is", "accuracy", "prdc")
_CHECKPOINTS = 5  # scored in each run, evenly spaced
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
_DEMO_RATE = 3.0  # short runs take longer steps; the ratio of the two rates stays
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
        """The arm's preset."""
        return self.config.preset

    @property
    def steps(self):
        """The steps to score: those of the checkpoints."""
        every, total = self.config.checkpoint_every, self.config.train_steps
        return sorted({*range(every, total + 1, every), total})

    def scores(self):
        """The newest record of each (step, metric) that evaluation has left in the run."""
        lines = scores.read(os.path.join(self.path, scores.FILE_NAME))
        newest = {(line["step"], line["metric"]): line for line in lines}
        return [newest[key] for key in sorted(newest) if key[0] in self.steps]

    def is_done(self):
        """Whether this very configuration has been trained and scored at all steps."""
        try:
            trained = run_directory.load(self.path).config
        except RunDirectoryError:
            return False
        scored = {line["step"] for line in self.scores()}
        return trained == self.config and scored == set(self.steps)


def arms(suite, scale, seeds, out, changes=None):
    """The runs of a suite, seed by seed.

    Args:
        suite: of `SUITES`.
        scale: "demo" or "full".
        seeds: how many; 0, 1, ...
        out: directory of all runs, `out/runs/ARM/seed_N`; suites share the arms they share.
        changes: configuration fields to set in every arm, whatever its preset and scale.

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
    """An arm on the bundled images, small enough for a CPU."""
    return config.replace(
        **_DEMO,
        attention_resolution=_demo_attention(config),
        generator_learning_rate=_DEMO_RATE * config.generator_learning_rate,
        discriminator_learning_rate=_DEMO_RATE * config.discriminator_learning_rate,
    )


def _demo_attention(config):
    """The same share of a 32x32 image: attention at 64x64 of 128x128 becomes 16x16."""
    if config.attention_resolution is None:
        return None
    return config.attention_resolution * _DEMO["resolution"] // config.resolution


def _fits_demo(config):
    """Whether the attention slot has a feature map of 8x8 or more to stand on."""
    size = _demo_attention(config)
    return size is None or size in configs.attention_resolutions(_DEMO["resolution"])


class Stopped(UserError):
    """Ctrl-C or SIGTERM: everything is saved, and the same command goes on."""


def run(suite_arms, train_flags=(), evaluate_flags=(), num_samples=None):
    """Trains and scores all arms that are not done yet, each in processes of its own.

    Args:
        suite_arms: from `arms`.
        train_flags: more flags for `train`.
        evaluate_flags: more flags for `evaluate`.
        num_samples: images to score; None is 50,000, or 2,000 of the bundled data.

    Returns:
        {path of a run: what went wrong}; such an arm does not keep the others from running.

    Raises:
        Stopped: a signal came.
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
    """The flags of `evaluate` for an arm."""
    is_demo = config.eval_network is not None
    flags = [
        "--checkpoint=all",
        f"--metrics={','.join(METRICS if is_demo else METRICS[:2])}",
        f"--num_samples={num_samples or (_DEMO_SAMPLES if is_demo else 50_000)}",
    ]
    return [*flags, f"--feature_network={config.eval_network}"] if is_demo else flags


def _environment():
    """Ours, in which commands find this very package and TensorFlow is as quiet as for us."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3")}
    return {**os.environ, **quiet, "PYTHONPATH": os.pathsep.join(paths)}


def _call(command):
    """Runs a command to its end; a signal goes to it first, so that it can save."""
    received = []
    # Not among ours: a terminal's Ctrl-C would reach it twice, and the second one kills.
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, start_new_session=True, env=_environment()
    )

    def forward(number, _):
        received.append(number)
        process.send_signal(number)

    usual = {n: signal.signal(n, forward) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = process.wait()
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    if received:
        name = signal.Signals(received[0]).name
        raise Stopped(f"stopped by {name}; the same command goes on from here")
    return code
