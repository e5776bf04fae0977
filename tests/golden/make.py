"""Writes the golden files of one stack: `python tests/golden/make.py tests/data/golden/keras3`.

Commit a55abdf made those in tests/data/golden, whose `config.json` and `.keras` files name every
setting of that day, `remat` among them. Later code must load them all. `.venv` made `keras3` with
TensorFlow 2.21 and Keras 3.15, and `.venv-tf215` made `keras2` with TensorFlow and Keras 2.15.
"""

import os
import pathlib
import shutil
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import sagan_tf
from sagan_tf import config as configs
from sagan_tf import pretrained, sampling
from sagan_tf.keras_compat import named_variables
from sagan_tf.models import factory
from sagan_tf.training import loop

LABELS = [0, 1, 2]
SEED = 7  # of the images drawn
NETWORKS = ("generator", "discriminator", "ema_generator")
STEPS = 5
CHANGES = {
    "conditional": {},
    "unconditional": {"d_steps": 2, "accumulation_steps": 2, "num_classes": None},
}


def config(**changes):
    """16x16 gray images of 3 classes, 4 channels, attention at 8x8."""
    return configs.get("fashion_mnist_32").replace(
        **{
            "preset": "golden",
            "dataset": "folder:images",
            "resolution": 16,
            "num_classes": 3,
            "base_channels": 4,
            "generator_channel_multipliers": (1, 2, 1),
            "discriminator_channel_multipliers": (1, 2, 1),
            "latent_dim": 8,
            "attention_resolution": 8,
            "global_batch_size": 4,
            "eval_every": None,
            **changes,
        }
    )


def run_config():
    """Of the run: checkpoints after steps 2 and 4, the last of them scored."""
    return config(
        train_steps=4,
        log_every=1,
        sample_every=4,
        checkpoint_every=2,
        eval_every=4,
        eval_samples=20,
        eval_network="features.keras",
    )


def batch(size):
    """uint8 images and int32 labels, as tensors."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (size, 16, 16, 1), np.uint8)
    return tf.constant(images), tf.constant(random.integers(0, 3, size).astype(np.int32))


def write_images(directory):
    """The run's data: 8 PNG files in each of three folders."""
    random = np.random.default_rng(0)
    for name in ("bag", "coat", "dress"):
        folder = pathlib.Path(directory, "images", name)
        folder.mkdir(parents=True)
        for number in range(8):
            image = random.integers(0, 256, (16, 16, 1), np.uint8)
            (folder / f"{number}.png").write_bytes(tf.io.encode_png(image).numpy())


def stir(model):
    """Gives every weight of G and of its average a value that matters, the attention's gate too."""
    random = np.random.default_rng(0)
    average = named_variables(model.ema_generator)
    for path, variable in sorted(named_variables(model.generator).items()):
        value = variable.numpy() + random.normal(0.0, 0.2, variable.shape).astype(np.float32)
        value = np.abs(value) + 0.1 if path.endswith(("moving_variance", "gamma")) else value
        variable.assign(value)
        average[path].assign(value)


def train(model, steps):
    """Trains on `batch`, compiled."""
    data = batch(4 * model.d_steps)
    step = tf.function(model.train_step)
    for _ in range(steps):
        step(data)


def weights(model):
    """Arrays of the three networks by path."""
    return {
        f"{network}/{path}": variable.numpy()
        for network in NETWORKS
        for path, variable in named_variables(getattr(model, network)).items()
    }


def records(model):
    """The same as one structured array a network, with paths as its fields: a small file."""
    arrays = {}
    for network in NETWORKS:
        values = {
            path: variable.numpy()
            for path, variable in named_variables(getattr(model, network)).items()
        }
        fields = [(path, value.dtype, value.shape) for path, value in values.items()]
        arrays[network] = np.array(tuple(values.values()), fields)
    return arrays


def served(export):
    """What the export draws: by its default signature what `generate` draws, and by `generate`."""
    signatures = tf.saved_model.load(str(export)).signatures
    labels = tf.constant(LABELS)
    images = signatures["serving_default"](latents=sampling.latents(SEED, 3, 8), labels=labels)
    seeds = tf.constant([SEED, SEED + 1, SEED + 2], tf.int64)
    by_seed = signatures["generate"](labels=labels, seed=seeds, truncation=tf.fill([3], 0.8))
    return sampling.to_uint8(images["images"]).numpy(), by_seed["images"].numpy()


def compress(path, out):
    """Writes the same zip archive, deflated, which Keras leaves out; removes the old one."""
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as small:
        for name in whole.namelist():
            small.writestr(name, whole.read(name))
    os.remove(path)


def main(out):
    """Trains and saves in every way there is; large files that nothing reads are left out."""
    out = pathlib.Path(out).resolve()
    out.mkdir(parents=True)
    os.chdir(out)
    write_images(out)
    pool = [keras.layers.Input((16, 16, 1)), keras.layers.AveragePooling2D(8)]
    keras.Sequential(pool).save("features.keras")
    run = loop.train(run_config().replace(remat=True), "run")
    shutil.rmtree("images")
    os.remove("features.keras")
    shutil.rmtree("run/best")
    os.remove("run/data.png")
    for path in out.glob("run/events.*"):
        path.unlink()
    pretrained.save("run", "golden", "pretrained", "latest")

    model = factory.build_model(config(remat=True), ["bag", "coat", "dress"])
    stir(model)
    train(model, 2)
    model.save("whole.keras")
    compress("whole.keras", "model.keras")
    sagan_tf.export(model, "export")
    by_latent, by_seed = served(out / "export" / "1")
    shutil.make_archive("export", "zip", "export")
    shutil.rmtree("export")
    np.savez_compressed(
        "images.npz",
        run=run.generate(LABELS, seed=SEED),
        pretrained=pretrained.load("golden", "pretrained").generate(LABELS, seed=SEED),
        keras=model.generate(LABELS, seed=SEED),
        export_default=by_latent,
        export_generate=by_seed,
    )
    five_steps = {}
    for name, changes in CHANGES.items():
        model = factory.build_model(config(**changes))
        train(model, STEPS)
        five_steps.update({f"{name}/{key}": value for key, value in records(model).items()})
    np.savez_compressed("five_steps.npz", **five_steps)


if __name__ == "__main__":
    main(sys.argv[1])
