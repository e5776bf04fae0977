"""Training of the garment classifier: `python -m sagan_tf.evaluation.train_classifier DIRECTORY`.

DIRECTORY holds Fashion-MNIST's IDX files. The classifier learns the 60,000 training images. The
10,000 images that come with the package, for GANs and their scores, only measure its accuracy.
"""

import sys

import keras
import numpy as np

from sagan_tf import config
from sagan_tf.data import sources
from sagan_tf.evaluation import fashion_classifier

EPOCHS = 10
BATCH_SIZE = 128
LEARNING_RATE = 2e-3
SEED = 0


def train(images, labels, epochs=EPOCHS):
    """Trains a classifier with mirrored images and cosine decay, and returns it.

    Args:
        images: uint8 (n, 32, 32, 1).
        labels: int (n,) in [0, 10).
        epochs: number of passes over the images.
    """
    keras.utils.set_random_seed(SEED)
    model = fashion_classifier.classifier()
    logits = keras.Model(model.inputs, model.output["logits"])
    steps = epochs * -(-len(images) // BATCH_SIZE)
    logits.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    rng = np.random.default_rng(SEED)
    for epoch in range(epochs):
        mirrored = rng.random(len(images)) < 0.5
        seen = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        logits.fit(seen, labels, BATCH_SIZE, initial_epoch=epoch, epochs=epoch + 1, verbose=2)
    return model


def accuracy(model, images, labels):
    """Returns the share of images that the classifier puts into their class."""
    logits = model.predict(images, batch_size=1000, verbose=0)["logits"]
    return float(np.mean(np.argmax(logits, axis=1) == labels))


def main(directory, out=None):
    """Trains the classifier, measures its accuracy, and saves it for `fashion_classifier.load`."""
    settings = config.get("fashion_mnist_32")
    training = sources.open_source(settings.replace(dataset=f"idx:{directory}", split="train"))
    bundled = sources.open_source(settings)
    model = train(training.images, training.labels)
    card = {
        "accuracy_on_bundled_images": accuracy(model, bundled.images, bundled.labels),
        "training_images": "Fashion-MNIST's 60,000 training images, mirrored at random",
        "command": "python -m sagan_tf.evaluation.train_classifier DIRECTORY",
    }
    fashion_classifier.save(model, out or fashion_classifier.BUNDLED, card)
    print(card)


if __name__ == "__main__":
    main(*sys.argv[1:])
