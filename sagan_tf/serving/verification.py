"""Verification of an export against the live generator, before a server can load it."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from sagan_tf.serving import warmup

_NUM_IMAGES = 8
# Root mean square difference of images in [-1, 1]. An export divides its kernels by their spectral
# norms in advance, which moves float32 images by about 1e-6. bfloat16 has 8 binary digits.
TOLERANCES = {"float32": 1e-4, "bfloat16": 5e-2}


def compare(directory, live, exported):
    """Reloads an export, calls each of its signatures, and compares with the live generator.

    Args:
        directory: the SavedModel.
        live: the EMA `Generator` of the model that was exported.
        exported: the `Generator` that was saved.

    Returns:
        A dict of JSON values: the number of images, their largest and root mean square
        difference, and the tolerance of the root mean square difference.

    Raises:
        RuntimeError: the images differ by more than rounding explains: a fault of this package.
    """
    loaded = tf.saved_model.load(directory, tags=["serve"])
    for signature, function in loaded.signatures.items():
        function(**_tensors(exported, signature, 1))
    inputs = _tensors(exported, "serving_default", _NUM_IMAGES)
    images = loaded.signatures["serving_default"](**inputs)["images"]
    difference = images.numpy() - live(inputs["latents"], inputs.get("labels")).numpy()
    coarser = {live.compute_dtype, exported.compute_dtype} != {"float32"}
    result = {
        "images": _NUM_IMAGES,
        "largest_difference": float(np.abs(difference).max()),
        "root_mean_square_difference": float(np.sqrt(np.mean(difference**2))),
        "tolerance": TOLERANCES["bfloat16" if coarser else "float32"],
    }
    if not result["root_mean_square_difference"] <= result["tolerance"]:
        raise RuntimeError(
            f"the export does not generate the images of the live generator: {result}"
        )
    return result


def _tensors(generator, signature, count):
    inputs = warmup.example_inputs(generator, signature, count)
    return {name: tf.constant(value) for name, value in inputs.items()}
