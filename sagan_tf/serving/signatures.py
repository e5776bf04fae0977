"""The signatures of an export: their inputs, checks and outputs.

Every input and output has the images of the batch as its first axis, and row i of the outputs
depends on row i of the inputs only, so a server may batch, pad and reorder requests. Inputs are
checked inside the graph: a bad row makes its request fail with INVALID_ARGUMENT.
"""

from __future__ import annotations

import tensorflow as tf

from sagan_tf import sampling

# `attention` returns the maps of this many query positions a side. At 128x128 all 1024 positions
# would take 64 MiB an image; these 16 take 1 MiB.
QUERY_GRID = 4


def build(generator):
    """Traces the signatures of a generator.

    Args:
        generator: a `Generator`, usually from `folding.fold_spectral_norm`.

    Returns:
        A dict of concrete functions by signature name, for `tf.saved_model.save`. Unconditional
        generators take no `labels`; generators without self-attention have no `attention`.
    """
    answers = _Answers(generator)
    return {name: _trace(answers, name, specs) for name, specs in input_specs(generator).items()}


def input_specs(generator):
    """Returns the inputs of each signature: dicts of `tf.TensorSpec` by input name."""
    labels = {} if generator.num_classes is None else {"labels": _spec("labels", tf.int32)}
    latents = {"latents": _spec("latents", tf.float32, generator.latent_dim), **labels}
    seeds = {
        "seed": _spec("seed", tf.int64),
        "truncation": _spec("truncation", tf.float32),
        **labels,
    }
    specs = {"serving_default": latents, "generate": seeds, "generate_png": seeds}
    if generator.has_attention_maps:
        specs["attention"] = latents
    return specs


def _spec(name, dtype, *row_shape):
    return tf.TensorSpec((None, *row_shape), dtype, name)


def _trace(answers, name, specs):
    def signature(**inputs):
        return getattr(answers, name)(_checked(inputs, specs, answers.generator.num_classes))

    return tf.function(signature).get_concrete_function(**specs)


class _Answers:
    """One method for each signature, from a dict of checked inputs to a dict of outputs."""

    def __init__(self, generator):
        self.generator = generator
        self._generate = tf.function(generator.__call__)  # one graph that all signatures share

    def serving_default(self, inputs):
        """Images float32 (b, h, w, c) in [-1, 1]."""
        return {"images": _finite(self._generate(inputs["latents"], inputs.get("labels")))}

    def generate(self, inputs):
        """Images uint8 (b, h, w, c), and their latents float32 (b, latent_dim)."""
        latents = sampling.latents_from_seeds(inputs["seed"], self.generator.latent_dim)
        latents *= inputs["truncation"][:, None]
        images = self.serving_default({**inputs, "latents": latents})["images"]
        return {"images": sampling.to_uint8(images), "latents": latents}

    def generate_png(self, inputs):
        """PNG files (b,); the name ends in `_bytes`, so REST encodes them in base64."""
        images = self.generate(inputs)["images"]
        encoded = tf.map_fn(
            tf.io.encode_png, images, fn_output_signature=tf.TensorSpec((), tf.string)
        )
        return {"image_bytes": encoded}

    def attention(self, inputs):
        """Images of `serving_default`, and attention maps of some query positions.

        `attention_maps` is float32 (b, QUERY_GRID, QUERY_GRID, h, w): the weight of each pixel's
        key, for query positions evenly spaced over the image. All pixels of a key have its weight.
        """
        images, maps = self.generator(
            inputs["latents"], inputs.get("labels"), return_attention_maps=True
        )
        step = maps.shape[1] // QUERY_GRID
        maps = maps[:, step // 2 :: step, step // 2 :: step]  # (b, grid, grid, keys, keys)
        pixels = self.generator.resolution // maps.shape[-1]
        maps = tf.repeat(tf.repeat(maps, pixels, axis=-2), pixels, axis=-1)
        return {"images": _finite(images), "attention_maps": maps}


def _finite(images):
    message = "latents must be small enough for finite images"
    with tf.control_dependencies([_require(tf.math.is_finite(images), message)]):
        return tf.identity(images)


def _checked(inputs, specs, num_classes):
    """Returns the inputs behind control dependencies on all checks."""
    # Servers do not compare their inputs with the declared shapes.
    inputs = {name: tf.ensure_shape(inputs[name], spec.shape) for name, spec in specs.items()}
    inputs = _after(_size_checks(inputs), inputs)
    return _after(_value_checks(inputs, num_classes), inputs)


def _after(checks, inputs):
    with tf.control_dependencies(checks):
        return {name: tf.identity(tensor) for name, tensor in inputs.items()}


def _size_checks(inputs):
    sizes = {name: tf.shape(tensor)[0] for name, tensor in inputs.items()}
    first, *others = sizes
    checks = [
        _require(sizes[name] == sizes[first], f"{name} must have as many rows as {first}")
        for name in others
    ]
    # Some convolutions give an empty batch the wrong shape.
    return [*checks, _require(sizes[first] > 0, f"{first} must have at least one row")]


def _value_checks(inputs, num_classes):
    valid = {
        "latents": (tf.math.is_finite, "finite"),
        "labels": (lambda x: (x >= 0) & (x < num_classes), f"in [0, {num_classes})"),
        "truncation": (lambda x: (x > 0.0) & (x <= 1.0), "in (0, 1]"),
    }
    return [
        _require(valid[name][0](tensor), f"{name} must be {valid[name][1]}, but is", tensor)
        for name, tensor in inputs.items()
        if name in valid
    ]


def _require(condition, message, *values):
    return tf.debugging.Assert(tf.reduce_all(condition), [message, *values], summarize=8)
