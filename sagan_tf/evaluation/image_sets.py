"""Contract of image sets: images to score, and real images to score them against."""

from __future__ import annotations

import abc


class ImageSet(abc.ABC):
    """A set of images that `Extractor` and `Evaluator` can read.

    The host yields batches of arrays, and the device turns each batch into images. A generator's
    batches are latents, so that only latents go to the device. The last array of a batch holds
    the labels.

    A subclass sets these attributes before it is used:

    Attributes:
        image_shape: (height, width, channels) of each image.
        has_labels: whether the labels are classes; otherwise they have no effect.
        num_images: number of images; None without a limit.
        provenance: dict of JSON values for the records of scores: all that the images depend on,
            except weights. Scores with different values do not compare.
    """

    num_images = None

    @abc.abstractmethod
    def batches(self, num_images, batch_size):
        """Yields tuples of arrays, each of exactly `batch_size` rows.

        Equal arguments give equal batches. The last batch may have surplus rows at its end.

        Args:
            num_images: number of images in the batches, without the surplus.
            batch_size: rows of each array.
        """

    @abc.abstractmethod
    def images(self, *batch):
        """Returns the uint8 images (batch_size, height, width, channels) of one batch.

        `tf.function` traces it, and it may run on any replica.

        Args:
            *batch: tensors of the arrays that `batches` yields.
        """

    def balanced(self, labels):
        """Returns an image set with equally many images of each of these classes.

        Images that exist already are as they are: without an override it is the set itself.

        Args:
            labels: of the classes, in ascending order.
        """
        return self


class RealImages(ImageSet):
    """An image set to score others against, with a size and a fingerprint.

    Its batches are (images, labels).
    """

    def images(self, images, labels):
        """Returns the images of the batch, which need no computation."""
        return images

    @abc.abstractmethod
    def label_counts(self):
        """Returns {label: number of images} of the whole set."""

    @abc.abstractmethod
    def fingerprint(self):
        """Returns a text that changes with the images; cached statistics depend on it."""
