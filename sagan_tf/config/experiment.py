"""Every number of an experiment, once: a frozen dataclass of settings.

The defaults of `ExperimentConfig` are the paper's 128x128 ImageNet model; a preset (presets.py)
is a small delta to them. Layers and models take their own default arguments from here, so a
number is never written twice.
"""

from __future__ import annotations

import dataclasses
import json
import math

from sagan_tf.config import fields
from sagan_tf.errors import ConfigError

LOSSES = ("hinge", "non_saturating", "least_squares", "wasserstein")
PRECISIONS = ("float32", "mixed_bfloat16")
OPS = ("auto", "reference")
# Fields of earlier versions: files may still name them. The text tells a user what to do instead.
REMOVED_FIELDS = {
    "remat": "it saved 4% of a CPU's memory and nothing on a TPU; --accumulation_steps saves more"
}
ATTENTION_BLOCKS = ("self_attention", "residual")
CROPS = ("square", "released")
BACKGROUNDS = {"white": 255, "gray": 128, "black": 0}  # gray values
_DATASETS = "'bundled', 'tfds:NAME[:VERSION]', 'folder:PATH', 'tfrecord:GLOB' or 'idx:PATH'"


@dataclasses.dataclass(frozen=True)
class ExperimentConfig:
    """The settings of one experiment; the defaults are the paper's ImageNet model.

    "The released code" is the TensorFlow implementation that the paper's authors published.
    Numbers without a source of their own are the paper's (arXiv:1805.08318, section 5).

    Raises:
        ConfigError: a field has a value that is not allowed; the error names it.
    """

    preset: str = fields.setting(
        "custom", "name of the preset it started from", "a name", lambda v: isinstance(v, str)
    )

    # Data.
    dataset: str = fields.setting(
        "tfds:imagenet2012", "images to learn", _DATASETS, fields.is_dataset
    )
    split: str = fields.setting(
        "train", "split of a TFDS data set", "a split name", lambda v: isinstance(v, str) and v
    )
    # The released code's ImageNet input neither flips nor augments.
    random_flip: bool = fields.flag(False, "mirror half of the images left to right")
    # "released" is the crop of the released code, for scores comparable to it.
    crop: str = fields.choice("square", "how images become square", CROPS)
    background: str = fields.choice(
        "white", "what shows through transparent pixels", tuple(BACKGROUNDS)
    )
    cache_in_memory: bool = fields.flag(
        False, "decode all images once, at the start, and keep them in memory"
    )
    # Only TFDS and TFRecords need it: other sources are shuffled whole.
    shuffle_buffer: int = fields.count(
        10_000, "records of a sequential source to shuffle at a time"
    )

    # Networks. `network` names the network that takes a field as an argument, in this order:
    # "generator", "discriminator" or "both". So a field of the architecture is written here alone.
    resolution: int = fields.setting(
        128,
        "height and width of the images",
        "a power of two from 16",
        fields.is_resolution,
        network="both",
    )
    num_classes: int | None = fields.count(
        1000,
        "number of classes; none trains the unconditional GAN",
        optional=True,
        network="both",
    )
    base_channels: int = fields.count(
        64, "width of the networks at full resolution", network="both"
    )
    attention_resolution: int | None = fields.count(
        32,
        "height of the feature maps that get attention; none leaves it out",
        optional=True,
        network="both",
    )
    latent_dim: int = fields.count(128, "length of a latent vector", network="generator")
    channels: int = fields.setting(
        3, "image channels: 1 gray, 3 RGB", "1 or 3", lambda v: v in (1, 3), network="both"
    )
    generator_channel_multipliers: tuple | None = fields.multipliers(
        None,
        "widths of G, from 4x4 to full resolution, in base_channels; none derives them",
        network="generator",
    )
    discriminator_channel_multipliers: tuple | None = fields.multipliers(
        None,
        "widths of D, from the first block to the last, in base_channels; none derives them",
        network="discriminator",
    )
    attention_block: str = fields.choice(
        "self_attention",
        "the block in the place of attention (the paper's table 1 compares the two)",
        ATTENTION_BLOCKS,
        network="both",
    )
    # The released code pools keys and values 2x2; the paper's formula has no pooling.
    attention_pool_size: int = fields.count(
        2, "max-pooling of keys and values; 1 is the paper's formula", network="both"
    )
    generator_spectral_norm: bool = fields.flag(
        True, "spectral normalization in G", network="generator"
    )
    discriminator_spectral_norm: bool = fields.flag(
        True, "spectral normalization in D", network="discriminator"
    )
    # Keras's default. The released code has 0.999 for the raw G; here the EMA averages
    # the statistics once more, so short runs need the faster one.
    batch_norm_momentum: float = fields.fraction(
        0.99, "momentum of batch-norm moving statistics", network="generator"
    )
    # The released code's.
    batch_norm_epsilon: float = fields.rate(
        1e-5, "added to batch-norm variances", network="generator"
    )

    # Optimization. beta_2 is the released code's; the paper's text has 0.9.
    loss: str = fields.choice("hinge", "adversarial loss", LOSSES)
    generator_learning_rate: float = fields.rate(1e-4, "Adam step size of G (TTUR)")
    discriminator_learning_rate: float = fields.rate(4e-4, "Adam step size of D (TTUR)")
    beta_1: float = fields.fraction(0.0, "Adam's first moment decay, both networks")
    beta_2: float = fields.fraction(0.999, "Adam's second moment decay, both networks")
    adam_epsilon: float = fields.rate(1e-8, "Adam's epsilon, both networks")  # the released code's
    d_steps: int = fields.count(1, "D updates before each G update")
    # The paper has no EMA; 0.9999 is BigGAN's (arXiv:1809.11096, section 3).
    ema_decay: float = fields.fraction(0.9999, "decay of the averaged generator's weights")
    global_batch_size: int = fields.count(256, "images in one D update, over all replicas")
    # More steps for less memory. Batch norm takes its moments over a micro-batch then.
    accumulation_steps: int = fields.count(
        1, "micro-batches that each update adds up, one at a time"
    )
    train_steps: int = fields.count(1_000_000, "G updates in the whole run", resumable=True)
    precision: str = fields.choice("float32", "Keras dtype policy", PRECISIONS)
    # On CPUs XLA is slower than oneDNN (benchmarks/README.md); TPUs have no other compiler.
    jit_compile: bool = fields.flag(
        False, "compile the training step with XLA, as TPUs do anyway", resumable=True
    )
    ops: str = fields.choice(
        "auto",
        "fast forms for the kind of device, or the paper's equations in plain TensorFlow",
        OPS,
        resumable=True,
    )
    seed: int = fields.seed(0, "all randomness follows from it")

    # Running.
    steps_per_loop: int = fields.count(
        10, "training steps in one call of the compiled loop", resumable=True
    )
    log_every: int = fields.count(100, "steps between lines of metrics", resumable=True)
    sample_every: int = fields.count(1000, "steps between sample grids", resumable=True)
    checkpoint_every: int = fields.count(1000, "steps between checkpoints", resumable=True)
    checkpoint_minutes: float | None = fields.rate(
        None, "most minutes between checkpoints; none for any", optional=True, resumable=True
    )
    eval_every: int | None = fields.count(
        None,
        "steps between scores of the averaged generator; none for none, and for other images than "
        "the preset's own",
        optional=True,
        resumable=True,
    )
    # Enough for a trend; published scores use 50,000 (train/evaluate.py).
    eval_samples: int = fields.count(10_000, "generated images for each score", resumable=True)
    eval_network: str | None = fields.setting(
        None,
        "feature network of these scores; none is garments for the bundled images, else inception",
        "inception, garments, or the path of a .keras file or SavedModel",
        lambda v: isinstance(v, str) and v,
        resumable=True,
        optional=True,
    )
    keep_checkpoints: int = fields.count(3, "newest checkpoints to keep", resumable=True)

    def __post_init__(self):
        for field in FIELDS.values():
            value = getattr(self, field.name)
            object.__setattr__(self, field.name, check_field(field.name, value))
        self._check_together()

    def _check_together(self):
        check_attention_resolution(self.attention_resolution, self.resolution)
        if self.global_batch_size % self.accumulation_steps:
            wanted = f"a divisor of global_batch_size={self.global_batch_size}"
            raise ConfigError("accumulation_steps", self.accumulation_steps, wanted)
        blocks = int(math.log2(self.resolution)) - 2
        for name in ("generator_channel_multipliers", "discriminator_channel_multipliers"):
            multipliers = getattr(self, name)
            if multipliers is not None and len(multipliers) != blocks + 1:
                raise ConfigError(name, multipliers, f"{blocks + 1} numbers at {self.resolution}")

    def replace(self, **changes):
        """A copy with some fields changed.

        Raises:
            ConfigError: a name is not a field, or a value is not allowed.
        """
        for name, value in changes.items():
            if name not in FIELDS:
                raise ConfigError(name, value, f"left out: the fields are {', '.join(FIELDS)}")
        return dataclasses.replace(self, **changes)

    def to_json(self):
        """The settings as JSON text; `from_json` reads it back."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text):
        """The settings from what `to_json` wrote.

        Raises:
            ConfigError: the text is not JSON, or names a field that does not exist.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError("config.json", text[:40], "JSON text") from error
        if not isinstance(values, dict):
            raise ConfigError("config.json", text[:40], "a JSON object")
        return cls.from_saved(values)

    @classmethod
    def from_saved(cls, values):
        """The settings from a dict that this version or an earlier one wrote.

        Raises:
            ConfigError: it names a field that never existed, or a value that is not allowed.
        """
        return cls().replace(**without_removed(values))


FIELDS = {field.name: field for field in dataclasses.fields(ExperimentConfig)}


def without_removed(values):
    """A dict of settings without the fields that only earlier versions had."""
    return {name: value for name, value in values.items() if name not in REMOVED_FIELDS}


def check_field(name, value):
    """The value of a field as Python's own type, as JSON can hold it.

    Args:
        name: name of the field.
        value: a candidate; lists and NumPy's numbers are fine too.

    Raises:
        ConfigError: the field may not have this value.
    """
    return fields.checked(name, value, FIELDS[name])


def network_fields(network):
    """{argument: field} of the settings that a network is built from.

    A field of one network may begin with its name: `generator_spectral_norm` is the argument
    `spectral_norm` of the generator.

    Args:
        network: "generator" or "discriminator".
    """
    return {
        name.removeprefix(f"{network}_"): field
        for name, field in FIELDS.items()
        if field.metadata["network"] in (network, "both")
    }


def attention_resolutions(resolution):
    """Sizes of feature map that both networks have at `resolution`: 8 up to half of it."""
    return tuple(2**k for k in range(3, int(math.log2(resolution))))


def check_attention_resolution(attention_resolution, resolution):
    """Raises ConfigError unless attention at this size is possible in both networks."""
    allowed = attention_resolutions(resolution)
    if attention_resolution is not None and attention_resolution not in allowed:
        sizes = ", ".join(map(str, allowed))
        raise ConfigError(
            "attention_resolution",
            attention_resolution,
            f"None or a feature map's size at resolution {resolution}: {sizes}",
        )


DEFAULTS = ExperimentConfig()
