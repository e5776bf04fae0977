"""The image set of an exported SavedModel."""

from __future__ import annotations

import json
import os

import tensorflow as tf

from sagan_tf import files, sampling
from sagan_tf.errors import EvaluationError, first_line
from sagan_tf.evaluation.generated import cut
from sagan_tf.evaluation.image_sets import ImageSet


class ExportedImages(ImageSet):
    """Images of an export, through its `serving_default` signature.

    Latents and labels are those of `GeneratedImages` with the same `SamplingConfig`.

    Args:
        path: one version of an export, or the directory of versions (the newest counts).
        sampling_config: `SamplingConfig`; its `ema` and `batch_norm` have no effect here.

    Raises:
        EvaluationError: there is no export, or it takes and returns something else.
    """

    def __init__(self, path, sampling_config):
        self.path = _newest_version(files.exact_path("export_dir", path))
        self.card = _read_card(self.path)
        self._generate = _serving_default(self.path)
        inputs = self._generate.structured_input_signature[1]
        self._label_type = inputs["labels"].dtype if "labels" in inputs else None
        self._latent_dim = inputs["latents"].shape[-1]
        self._num_classes = self.card["config"]["num_classes"]
        self._sampling_config = sampling_config
        self.image_shape = tuple(self._generate.structured_outputs["images"].shape[1:])
        self.has_labels = self._num_classes is not None
        self.provenance = {**sampling_config.provenance(), "batch_norm": "as exported"}

    def batches(self, num_images, batch_size):
        """Yields (latents, labels), each of `batch_size` rows; the last may have surplus rows."""
        inputs = self._sampling_config.inputs(num_images, self._latent_dim, self._num_classes)
        return cut(inputs, batch_size)

    def images(self, latents, labels):
        """Generates uint8 images; `tf.function` traces it."""
        arguments = {"latents": latents}
        if self._label_type is not None:
            arguments["labels"] = tf.cast(labels, self._label_type)
        return sampling.to_uint8(self._generate(**arguments)["images"])


def _newest_version(path):
    if not tf.io.gfile.isdir(path):
        raise EvaluationError(f"export_dir={path!r} is no directory; it must hold an export")
    versions = list(files.numbered_directories(path).values())
    return os.path.join(path, versions[-1]) if versions else path


def _read_card(path):
    card_path = os.path.join(path, "assets.extra", "sagan.json")
    if not tf.io.gfile.exists(card_path):
        raise EvaluationError(f"export_dir={path!r} is no export of ours: there is no {card_path}")
    return json.loads(files.read_text(card_path))


def _serving_default(path):
    try:
        model = tf.saved_model.load(path)
    except (OSError, ValueError) as error:
        reason = first_line(error)
        raise EvaluationError(f"export_dir={path!r} does not load: {reason}") from error
    generate = model.signatures.get("serving_default")
    if (
        generate is None
        or "latents" not in generate.structured_input_signature[1]
        or "images" not in generate.structured_outputs
    ):
        raise EvaluationError(f"export {path}: serving_default does not map latents to images")
    # The signature lives as long as the object that it was loaded with.
    generate.loaded_from = model
    return generate
