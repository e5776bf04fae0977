"""The named experiments: presets to start from, and every arm of the paper's experiments.

Each is a function whose name is the preset's: a small delta to `ExperimentConfig`, or to another
preset, with a docstring that says where it comes from, how to run it and what to expect.
`train/experiment.py` runs the arms of a whole experiment and compares them, full or small.

None of the ImageNet presets has been trained here ("not measured"): their scores are the paper's
alone, those in its text (50,000 images each). Costs count convolutions: 39 EFLOP are a million
updates of D and G, 39 TFLOP each, on 256 images; attention and residual blocks change that by a
few percent. The paper speaks of no averaged generator; here it is the one that is scored
(`ema_decay=0` scores the raw one).
"""

from __future__ import annotations

from sagan_tf.config.experiment import ExperimentConfig
from sagan_tf.errors import ConfigError

DEFAULT_PRESET = "fashion_mnist_32"


def fashion_mnist_32():
    """The default: 10,000 bundled Fashion-MNIST images, at most 15 minutes on two CPU cores.

    Learning rates are higher than the paper's and the EMA shorter, since the run is: garments
    are recognisable from step 500 on.
    """
    return ExperimentConfig(
        preset="fashion_mnist_32",
        dataset="bundled",
        resolution=32,
        channels=1,
        num_classes=10,
        base_channels=32,
        attention_resolution=16,
        generator_learning_rate=3e-4,
        discriminator_learning_rate=8e-4,
        ema_decay=0.999,
        global_batch_size=64,
        train_steps=1000,
        sample_every=100,
        checkpoint_every=250,
        log_every=25,
        eval_every=500,
        eval_network="garments",
    )


def cifar10_32():
    """CIFAR-10 at 32x32: constant widths, as in SNGAN's CIFAR networks (arXiv:1802.05957).

    `python train/main.py --preset=cifar10_32`. Not measured.
    """
    return ExperimentConfig(
        preset="cifar10_32",
        dataset="tfds:cifar10",
        resolution=32,
        num_classes=10,
        random_flip=True,
        cache_in_memory=True,
        generator_channel_multipliers=(4, 4, 4, 4),
        discriminator_channel_multipliers=(2, 2, 2, 2),
        attention_resolution=16,
        ema_decay=0.9999,
        global_batch_size=64,
        train_steps=100_000,
    )


def celeb_a_64():
    """CelebA at 64x64 without classes: the unconditional GAN, attention at 32x32.

    `python train/main.py --preset=celeb_a_64`. Not measured.
    """
    return ExperimentConfig(
        preset="celeb_a_64",
        dataset="tfds:celeb_a",
        resolution=64,
        num_classes=None,
        random_flip=True,
        ema_decay=0.9999,
        global_batch_size=64,
        train_steps=200_000,
    )


def imagenet_128():
    """The paper's model as its released code has it: ImageNet at 128x128, attention at 32x32.

    `python train/main.py --preset=imagenet_128`. Paper: FID 18.28 (section 5.2, "feat32").
    Cost: 39 EFLOP. Not measured.
    """
    return ExperimentConfig(preset="imagenet_128")


def sngan_projection_128():
    """Section 5.3's rival: SNGAN with projection (Miyato & Koyama, arXiv:1802.05637).

    Spectral norm in D only, no attention, five D updates on 64 images for each G update, equal
    learning rates. Left out of its authors' settings: the linear decay of the rates at the end,
    and twice as many generated images in the G update. They give IS 29.7 after 450,000 steps and
    36.8, which the paper compares with, after 850,000.
    `python train/main.py --preset=sngan_projection_128`. Paper: IS 36.8, FID 27.62. Cost: 0.8
    times the images of `imagenet_128` through D, 0.6 times through G. Not measured.
    """
    return imagenet_128().replace(
        preset="sngan_projection_128",
        attention_resolution=None,
        generator_spectral_norm=False,
        generator_learning_rate=2e-4,
        discriminator_learning_rate=2e-4,
        beta_2=0.9,
        d_steps=5,
        global_batch_size=64,
        train_steps=850_000,
    )


def sagan_no_attention():
    """Section 5.1's "SN on G/D+TTUR", and section 5.2's (table 1) model without attention.

    `python train/main.py --preset=sagan_no_attention`. Paper: FID 22.96 (table 1, as others quote
    it). Cost: 39 EFLOP. Not measured.
    """
    return imagenet_128().replace(preset="sagan_no_attention", attention_resolution=None)


def sagan_no_ttur():
    """Section 5.1's "SN on G/D" (figure 3): spectral norm in both networks, one learning rate.

    The paper does not give the rate: this is SNGAN's, and the geometric mean of TTUR's two.
    `python train/main.py --preset=sagan_no_ttur`. Paper: no final score; FID and IS get worse
    from about step 260,000 on. Cost: 39 EFLOP. Not measured.
    """
    return sagan_no_attention().replace(
        preset="sagan_no_ttur",
        generator_learning_rate=2e-4,
        discriminator_learning_rate=2e-4,
    )


def sagan_sn_d_only():
    """Section 5.1's baseline "SN on D" (figure 3): as SNGAN, but one D update for each of G.

    `python train/main.py --preset=sagan_sn_d_only`. Paper: no final score; modes collapse very
    early. Cost: 39 EFLOP. Not measured.
    """
    return sagan_no_ttur().replace(preset="sagan_sn_d_only", generator_spectral_norm=False)


def sagan_feat8():
    """Section 5.2, table 1: self-attention on 8x8 feature maps.

    `python train/main.py --preset=sagan_feat8`. Paper: FID 22.98. Cost: 39 EFLOP. Not measured.
    """
    return imagenet_128().replace(preset="sagan_feat8", attention_resolution=8)


def sagan_feat16():
    """Section 5.2, table 1: self-attention on 16x16 feature maps.

    `python train/main.py --preset=sagan_feat16`. Paper: no score in its text; worse than 32x32
    and 64x64. Cost: 39 EFLOP. Not measured.
    """
    return imagenet_128().replace(preset="sagan_feat16", attention_resolution=16)


def sagan_feat32():
    """Section 5.2, table 1: self-attention on 32x32 feature maps; `imagenet_128` by its name here.

    `python train/main.py --preset=sagan_feat32`. Paper: FID 18.28. Cost: 39 EFLOP. Not measured.
    """
    return imagenet_128().replace(preset="sagan_feat32", attention_resolution=32)


def sagan_feat64():
    """Section 5.2, table 1: self-attention on 64x64 feature maps; section 5.3's SAGAN.

    `python train/main.py --preset=sagan_feat64`. Paper: IS 52.52, FID 18.65: its abstract's, which
    do not say the size; 32x32 has another FID. Cost: 39 EFLOP. Not measured.
    """
    return imagenet_128().replace(preset="sagan_feat64", attention_resolution=64)


def residual_feat8():
    """Section 5.2, table 1: a residual block of attention's size on 8x8 feature maps.

    `python train/main.py --preset=residual_feat8`. Paper: FID 42.13. Cost: 39 EFLOP. Not measured.
    """
    return sagan_feat8().replace(preset="residual_feat8", attention_block="residual")


def residual_feat16():
    """Section 5.2, table 1: a residual block of attention's size on 16x16 feature maps.

    `python train/main.py --preset=residual_feat16`. Paper: no score in its text; worse than
    self-attention. Cost: 39 EFLOP. Not measured.
    """
    return sagan_feat16().replace(preset="residual_feat16", attention_block="residual")


def residual_feat32():
    """Section 5.2, table 1: a residual block of attention's size on 32x32 feature maps.

    `python train/main.py --preset=residual_feat32`. Paper: FID 27.33. Cost: 39 EFLOP. Not measured.
    """
    return sagan_feat32().replace(preset="residual_feat32", attention_block="residual")


def residual_feat64():
    """Section 5.2, table 1: a residual block of attention's size on 64x64 feature maps.

    `python train/main.py --preset=residual_feat64`. Paper: no score in its text; worse than
    self-attention. Cost: 39 EFLOP. Not measured.
    """
    return sagan_feat64().replace(preset="residual_feat64", attention_block="residual")


PRESETS = {
    preset.__name__: preset
    for preset in (
        fashion_mnist_32,
        cifar10_32,
        celeb_a_64,
        imagenet_128,
        sngan_projection_128,
        sagan_no_attention,
        sagan_no_ttur,
        sagan_sn_d_only,
        sagan_feat8,
        sagan_feat16,
        sagan_feat32,
        sagan_feat64,
        residual_feat8,
        residual_feat16,
        residual_feat32,
        residual_feat64,
    )
}


def names():
    """Names of the presets."""
    return tuple(PRESETS)


def get(name):
    """The preset of that name.

    Raises:
        ConfigError: there is no preset of that name.
    """
    if name not in PRESETS:
        raise ConfigError("preset", name, f"one of {', '.join(PRESETS)}")
    return PRESETS[name]()
