import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import sagan_tf
from sagan_tf import hashing
from sagan_tf.config import ExperimentConfig
from sagan_tf.errors import ConfigError, ExportError
from sagan_tf.models.architecture import count_parameters
from sagan_tf.serving import folding, verification, warmup
from sagan_tf.serving.saved_model import export
from tests.serving.conftest import make_model

FRESH = """
import sys
sys.modules.update(keras=None, tf_keras=None, sagan_tf=None)  # importing them fails from here on
import numpy as np
import tensorflow as tf
path, signature = sys.argv[1], "serving_default"
inputs = dict(np.load(sys.argv[2]))
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    graph = tf.compat.v1.saved_model.load(session, ["serve"], path)
    tensors = graph.signature_def[signature]
    feeds = {tensors.inputs[name].name: value for name, value in inputs.items()}
    by_session = session.run(tensors.outputs["images"].name, feeds)
loaded = tf.saved_model.load(path)
by_object = loaded.signatures[signature](**{k: tf.constant(v) for k, v in inputs.items()})
np.savez(sys.argv[3], by_session=by_session, by_object=by_object["images"])
"""


def test_a_fresh_process_without_sagan_tf_and_keras_draws_the_same(
    exported, latents, labels, tmp_path
):
    np.savez(tmp_path / "in.npz", latents=latents[:5], labels=labels[:5])
    subprocess.run(
        [sys.executable, "-c", FRESH, exported.path, tmp_path / "in.npz", tmp_path / "out.npz"],
        check=True,
    )
    live = exported.model.ema_generator(latents[:5], labels[:5])
    with np.load(tmp_path / "out.npz") as images:
        np.testing.assert_allclose(images["by_session"], live, atol=2e-5)
        np.testing.assert_allclose(images["by_object"], live, atol=2e-5)


def test_it_holds_the_ema_generators_weights_once_and_nothing_else(exported):
    reader = tf.train.load_checkpoint(os.path.join(exported.path, "variables", "variables"))
    shapes = reader.get_variable_to_shape_map()
    stored = sum(int(np.prod(s)) for name, s in shapes.items() if name.startswith("weights/"))
    generator = exported.model.generator
    moving = sum(
        int(np.prod(v.shape)) for v in generator.non_trainable_variables if "moving" in v.name
    )
    assert stored == count_parameters(generator) + moving
    assert {name.split("/")[0] for name in shapes} == {"weights", "_CHECKPOINTABLE_OBJECT_GRAPH"}
    data = os.path.join(exported.path, "variables", "variables.data-00000-of-00001")
    assert os.path.getsize(data) < 4 * stored + 20_000  # and the names


def test_the_graph_is_made_of_tensorflows_operations(exported):
    content = pathlib.Path(exported.path, "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].graph_def
    functions = {function.signature.name for function in graph.library.function}
    nodes = [n for f in graph.library.function for n in f.node_def] + list(graph.node)
    operations = {node.op for node in nodes} - functions
    assert "Conv2D" in operations
    assert [op for op in operations if not hasattr(tf.raw_ops, op)] == []


def test_sagan_json_tells_where_it_comes_from(exported):
    folder = pathlib.Path(exported.path)
    card = json.loads((folder / "assets.extra" / "sagan.json").read_text())
    assert card["step"] == 0 and card["precision"] == "float32"
    assert card["batch_norm_statistics"] == "moving"
    assert card["parameters"] == count_parameters(exported.model.generator)
    assert ExperimentConfig().replace(**card["config"]).resolution == 16
    assert set(card["signatures"]) == set(exported.loaded.signatures)
    assert card["signatures"]["serving_default"]["inputs"]["latents"] == {
        "dtype": "float32",
        "shape": [None, 8],
    }
    compared = card["comparison_with_live_generator"]
    assert compared["root_mean_square_difference"] < 2e-6 < compared["tolerance"]
    assert card["versions"]["tensorflow"] == tf.__version__
    assert card["versions"]["sagan_tf"] == sagan_tf.__version__
    for name, digest in card["sha256"].items():
        assert hashing.file_sha256(str(folder / name)) == digest
    files = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert files - set(card["sha256"]) == {"assets.extra/sagan.json", "MODEL_CARD.md"}


def batched_products(path):
    """Batched matrix products in the graphs of an export: Winograd's forms are made of them."""
    content = pathlib.Path(path, "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].graph_def
    nodes = [node for function in graph.library.function for node in function.node_def]
    return sum(node.op.startswith("BatchMatMul") for node in nodes)


def test_only_an_export_for_cpus_has_the_forms_of_cpus(tiny_config, tmp_path, latents):
    """Winograd's forms lose digits on GPUs, and an export may run anywhere."""
    model = make_model(
        tiny_config.replace(
            num_classes=None,
            attention_resolution=None,
            base_channels=128,
            generator_channel_multipliers=(1, 1, 1),
            discriminator_channel_multipliers=(1, 1, 1),
        )
    )
    images = {}
    for arguments, device, has_products in (({}, "any", False), ({"device": "cpu"}, "cpu", True)):
        path = export(model, tmp_path / device, **arguments)
        card = json.loads(pathlib.Path(path, "assets.extra", "sagan.json").read_text())
        assert card["device"] == device
        assert (batched_products(path) > 0) == has_products
        served = tf.saved_model.load(path).signatures["serving_default"]
        images[device] = served(latents=tf.constant(latents[:4]))["images"]
    np.testing.assert_allclose(images["cpu"], images["any"], atol=1e-4)


def test_the_model_card_says_what_people_ask(exported):
    text = pathlib.Path(exported.path, "MODEL_CARD.md").read_text()
    for part in ("16x16", "3 classes", "has not been scored", "`generate_png`", "Limits"):
        assert part in text


def test_a_second_version_in_bfloat16_leaves_the_first_alone(exported, latents, labels):
    first, export_dir = pathlib.Path(exported.path), os.path.dirname(exported.path)
    before = hashing.directory_sha256(exported.path)
    second = pathlib.Path(export(exported.model, export_dir, precision="bfloat16"))
    assert (first.name, second.name) == ("1", "2")
    with pytest.raises(ExportError, match="version=1 exists"):
        export(exported.model, export_dir, version=1)
    assert hashing.directory_sha256(exported.path) == before
    assert sorted(os.listdir(export_dir)) == ["1", "2"]

    data = "variables/variables.data-00000-of-00001"
    saved_bytes = (first / data).stat().st_size - (second / data).stat().st_size
    assert saved_bytes > 0.45 * 4 * count_parameters(exported.model.generator)
    images = tf.saved_model.load(str(second)).signatures["serving_default"](
        latents=tf.constant(latents), labels=tf.constant(labels)
    )["images"]
    live = exported.model.ema_generator(latents, labels).numpy()
    assert 1e-4 < np.sqrt(np.mean((images - live) ** 2)) < verification.TOLERANCES["bfloat16"]


def test_an_export_that_draws_something_else_is_found_out(exported):
    live = folding.fold_spectral_norm(exported.model.ema_generator)
    assert verification.compare(exported.path, live, live)["images"] == 8
    live.to_image.bias.assign(live.to_image.bias + 0.01)
    with pytest.raises(RuntimeError, match="does not generate the images of the live generator"):
        verification.compare(exported.path, live, live)


def test_bad_arguments_are_refused_before_any_work(exported, tmp_path):
    for arguments, message in (
        ({"version": 0}, "version=0 "),
        ({"precision": "int8"}, "precision='int8' "),
        ({"device": "xpu"}, "device='xpu' .* any, cpu, gpu, tpu"),
        ({"checkpoint": "best"}, "checkpoint='best' "),
    ):
        with pytest.raises(ConfigError, match=message):
            export(exported.model, tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis.predict_pb2", None)
    with pytest.raises(sagan_tf.errors.ServingError, match="tensorflow-serving-api is missing"):
        warmup.load_protos("predict_pb2")


def test_example_inputs_are_valid_for_every_signature(exported):
    for signature in exported.loaded.signatures:
        inputs = warmup.example_inputs(exported.model.ema_generator, signature, 3)
        assert all(len(value) == 3 for value in exported(signature, **inputs).values())
