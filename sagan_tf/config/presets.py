"""The named experiments: presets to start from, and the variants of the paper's experiments.

Each is a small change of `ExperimentConfig` or of another preset, with the paper's scores.
`train/main.py --preset=NAME` runs one; `train/experiment.py` runs a whole experiment of the paper
and compares its variants, full or small.

No ImageNet preset has been trained here. Its scores are the paper's alone, those in its text
(50,000 images each). The cost of each is about 39 EFLOP: a million updates of D and G, 39 TFLOP
each, on 256 images. That counts convolutions. Attention and residual blocks change it by a few
percent. The paper speaks of no averaged generator. Here the averaged generator is scored;
`ema_decay=0` scores the raw one.
"""

from __future__ import annotations

import dataclasses

from sagan_tf.config.experiment import ExperimentConfig
from sagan_tf.errors import ConfigError

DEFAULT_PRESET = "fashion_mnist_32"


@dataclasses.dataclass(frozen=True)
class Preset:
    """A named experiment, as the difference from another one.

    Attributes:
        text: what it is and where it comes from.
        changes: {field: value}.
        base: name of the preset that it changes; None for `ExperimentConfig()`, the paper's
            ImageNet model.
        paper: {metric: score} as the paper has them; `experiments.results` shows them.
        paper_says: the paper's words where it has no score.
    """

    text: str
    changes: dict = dataclasses.field(default_factory=dict)
    base: str | None = None
    paper: dict = dataclasses.field(default_factory=dict)
    paper_says: str = ""


PRESETS = {
    "fashion_mnist_32": Preset(
        "The default: 10,000 bundled Fashion-MNIST images, at most 15 minutes on two CPU cores. "
        "Learning rates are higher than the paper's and the EMA is shorter, since the run is. "
        "Garments are recognisable from step 500 on.",
        {
            "dataset": "bundled",
            "resolution": 32,
            "channels": 1,
            "num_classes": 10,
            "base_channels": 32,
            "attention_resolution": 16,
            "generator_learning_rate": 3e-4,
            "discriminator_learning_rate": 8e-4,
            "ema_decay": 0.999,
            "global_batch_size": 64,
            "train_steps": 1000,
            "sample_every": 100,
            "checkpoint_every": 250,
            "log_every": 25,
            "eval_every": 500,
            "eval_network": "garments",
        },
    ),
    "cifar10_32": Preset(
        "CIFAR-10 at 32x32: constant widths, as in SNGAN's CIFAR networks (arXiv:1802.05957).",
        {
            "dataset": "tfds:cifar10",
            "resolution": 32,
            "num_classes": 10,
            "random_flip": True,
            "cache_in_memory": True,
            "generator_channel_multipliers": (4, 4, 4, 4),
            "discriminator_channel_multipliers": (2, 2, 2, 2),
            "attention_resolution": 16,
            "global_batch_size": 64,
            "train_steps": 100_000,
        },
    ),
    "celeb_a_64": Preset(
        "CelebA at 64x64 without classes: the unconditional GAN, attention at 32x32.",
        {
            "dataset": "tfds:celeb_a",
            "resolution": 64,
            "num_classes": None,
            "random_flip": True,
            "global_batch_size": 64,
            "train_steps": 200_000,
        },
    ),
    "imagenet_128": Preset(
        "The paper's model as its released code has it: ImageNet at 128x128, attention at 32x32 "
        "(section 5.2's feat32).",
        paper={"fid": 18.28},
    ),
    "sngan_projection_128": Preset(
        "Section 5.3's rival: SNGAN with projection (Miyato & Koyama, arXiv:1802.05637). "
        "Spectral norm in D only, no attention, equal learning rates, five D updates on 64 images "
        "for each G update. Left out of its authors' settings: the linear decay of the rates at "
        "the end, and twice as many generated images in the G update. They give IS 29.7 after "
        "450,000 steps and 36.8, which the paper compares with, after 850,000. Cost: 0.8 times "
        "the images of `imagenet_128` through D, 0.6 times through G.",
        {
            "attention_resolution": None,
            "generator_spectral_norm": False,
            "generator_learning_rate": 2e-4,
            "discriminator_learning_rate": 2e-4,
            "beta_2": 0.9,
            "d_steps": 5,
            "global_batch_size": 64,
            "train_steps": 850_000,
        },
        base="imagenet_128",
        paper={"is": 36.8, "fid": 27.62},
    ),
    "sagan_no_attention": Preset(
        "Section 5.1's \"SN on G/D+TTUR\", and section 5.2's (table 1) model without attention. "
        "Its FID is table 1's, as others quote it.",
        {"attention_resolution": None},
        base="imagenet_128",
        paper={"fid": 22.96},
    ),
    "sagan_no_ttur": Preset(
        'Section 5.1\'s "SN on G/D" (figure 3): spectral norm in both networks, one learning '
        "rate. The paper does not give the rate. This is SNGAN's, and the geometric mean of "
        "TTUR's two.",
        {"generator_learning_rate": 2e-4, "discriminator_learning_rate": 2e-4},
        base="sagan_no_attention",
        paper_says="FID and IS get worse from about step 260,000 on",
    ),
    "sagan_sn_d_only": Preset(
        'Section 5.1\'s baseline "SN on D" (figure 3): as SNGAN, but one D update for each of G.',
        {"generator_spectral_norm": False},
        base="sagan_no_ttur",
        paper_says="modes collapse very early",
    ),
}

# Section 5.2, table 1: self-attention, or a residual block with as many parameters, by its place.
# The FID of self-attention at 64x64 and the IS are the abstract's, which does not say the size.
_TABLE_1 = {
    8: ({"fid": 22.98}, {"fid": 42.13}),
    16: ({}, {}),
    32: ({"fid": 18.28}, {"fid": 27.33}),
    64: ({"is": 52.52, "fid": 18.65}, {}),
}
for _size, (_attention, _residual) in _TABLE_1.items():
    PRESETS[f"sagan_feat{_size}"] = Preset(
        f"Section 5.2, table 1: self-attention on {_size}x{_size} feature maps.",
        {"attention_resolution": _size},
        base="imagenet_128",
        paper=_attention,
    )
    PRESETS[f"residual_feat{_size}"] = Preset(
        f"Section 5.2, table 1: a residual block of attention's size on {_size}x{_size} feature "
        "maps.",
        {"attention_block": "residual"},
        base=f"sagan_feat{_size}",
        paper=_residual,
    )


def names():
    """Names of the presets."""
    return tuple(PRESETS)


def get(name):
    """The `ExperimentConfig` of a preset.

    Raises:
        ConfigError: there is no preset of that name.
    """
    if name not in PRESETS:
        raise ConfigError("preset", name, f"one of {', '.join(PRESETS)}")
    preset = PRESETS[name]
    base = get(preset.base) if preset.base else ExperimentConfig()
    return base.replace(preset=name, **preset.changes)
