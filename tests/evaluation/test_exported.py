import json

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.errors import EvaluationError
from sagan_tf.evaluation.exported import ExportedImages
from sagan_tf.evaluation.generated import GeneratedImages, SamplingConfig


def export(generator, path):
    """What `sagan_tf.export` writes, as far as scores need it."""
    module = tf.Module()
    module.generator = generator
    specs = {
        "latents": tf.TensorSpec((None, generator.latent_dim), tf.float32, name="latents"),
        "labels": tf.TensorSpec((None,), tf.int64, name="labels"),
    }

    @tf.function(input_signature=list(specs.values()))
    def generate(latents, labels):
        return {"images": generator(latents, tf.cast(labels, tf.int32), training=False)}

    tf.saved_model.save(module, str(path), signatures=generate)
    (path / "assets.extra").mkdir()
    text = json.dumps({"config": {"num_classes": generator.num_classes}, "step": 5})
    (path / "assets.extra" / "sagan.json").write_text(text)


def generate(image_set):
    return np.concatenate([image_set.images(*batch) for batch in image_set.batches(8, 4)])


def test_an_export_generates_what_its_generator_does(tiny_model, tmp_path):
    export(tiny_model.ema_generator, tmp_path / "3")
    (tmp_path / "12.tmp").mkdir()
    config = SamplingConfig(seed=4, truncation=0.7)
    image_set = ExportedImages(str(tmp_path), config)
    expected = generate(GeneratedImages(tiny_model.ema_generator, config)).astype(int)
    assert np.abs(generate(image_set).astype(int) - expected).max() <= 1
    assert (image_set.image_shape, image_set.has_labels) == ((16, 16, 1), True)
    assert image_set.provenance["batch_norm"] == "as exported"
    assert image_set.card["step"] == 5


def test_what_is_no_export_is_refused(tiny_model, tmp_path):
    with pytest.raises(EvaluationError, match="is no directory"):
        ExportedImages(str(tmp_path / "none"), SamplingConfig())
    with pytest.raises(EvaluationError, match=r"there is no .*sagan\.json"):
        ExportedImages(str(tmp_path), SamplingConfig())
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "sagan.json").write_text("{}")
    with pytest.raises(EvaluationError, match="does not load"):
        ExportedImages(str(tmp_path), SamplingConfig())
