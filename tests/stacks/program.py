"""What one stack does for the tests of another: `python program.py train|load DIRECTORY`.

`train` trains a few steps and leaves a run, a `.keras` file, an export, weights and images in the
directory; `load` reads the first three again and writes the images that they draw.
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

import keras
import numpy as np
import tensorflow as tf

import sagan_tf
from sagan_tf import config as configs
from sagan_tf.data import pipeline, sources
from sagan_tf.keras_compat import named_variables
from sagan_tf.models import factory
from sagan_tf.runs import run_directory
from sagan_tf.runs.checkpoints import Checkpoints

STEPS = 5
LABELS = [0, 1, 2, 9]
NETWORKS = ("generator", "discriminator", "ema_generator")


def config():
    return configs.get("fashion_mnist_32").replace(
        preset="tiny",
        resolution=16,
        base_channels=8,
        latent_dim=8,
        attention_resolution=8,
        global_batch_size=8,
        eval_every=None,
    )


def weights(model):
    return {
        f"{network}/{path}": np.asarray(variable.numpy())
        for network in NETWORKS
        for path, variable in named_variables(getattr(model, network)).items()
    }


def steps(model, count, start_step=0):
    batches = iter(pipeline.training_batches(sources.open_source(config()), config(), start_step))
    step = tf.function(model.train_step)
    for _ in range(count):
        step(next(batches))


def train(directory):
    """Trains from the seed; saves in every way there is."""
    run = run_directory.start(os.path.join(directory, "run"), config())
    run.write_class_names(sources.FASHION_MNIST_CLASSES)
    model = factory.build_model(config(), run.read_class_names())
    steps(model, STEPS)
    Checkpoints(model, run.checkpoints).save()
    model.save(os.path.join(directory, "model.keras"))
    sagan_tf.export(model, os.path.join(directory, "export"))
    np.savez(os.path.join(directory, "weights.npz"), **weights(model))
    np.save(os.path.join(directory, "images.npy"), model.generate(LABELS, seed=3))
    steps(model, 1, STEPS)
    np.savez(os.path.join(directory, "next_weights.npz"), **weights(model))


def load(directory):
    """Reads what `train` of another stack left; `results.npz` has what came of it."""
    model = sagan_tf.load(os.path.join(directory, "run"))
    results = {"checkpoint": model.generate(LABELS, seed=3), "class_names": model.class_names}
    steps(model, 1, STEPS)
    np.savez(os.path.join(directory, "continued_weights.npz"), **weights(model))
    served = tf.saved_model.load(os.path.join(directory, "export", "1")).signatures["generate"]
    drawn = served(
        labels=tf.constant(LABELS),
        seed=tf.constant([0, 1, 2, 3], tf.int64),
        truncation=tf.ones(4),
    )
    results["export"] = drawn["images"].numpy()
    try:
        keras.saving.load_model(os.path.join(directory, "model.keras"))
        results["keras_error"] = ""
    except sagan_tf.errors.UserError as error:
        results["keras_error"] = str(error)
    np.savez(os.path.join(directory, "results.npz"), **results)


if __name__ == "__main__":
    {"train": train, "load": load}[sys.argv[1]](sys.argv[2])
