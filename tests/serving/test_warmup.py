import os
import pathlib
import re

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

from sagan_tf.serving import warmup

CONFIGURATION = pathlib.Path(__file__).parents[2] / "export" / "serving"


def _requests(path):
    file = os.path.join(path, "assets.extra", "tf_serving_warmup_requests")
    for record in tf.data.TFRecordDataset(file):
        yield prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request


def test_there_is_a_request_for_each_signature_and_batch_size_and_each_runs(exported):
    seen = set()
    for request in _requests(exported.path):
        signature = request.model_spec.signature_name
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        outputs = exported(signature, **inputs)
        size = len(inputs["labels"])
        assert all(len(output) == size for output in outputs.values())
        assert request.model_spec.name == "sagan"
        seen.add((signature, size))
    assert seen == {(s, b) for s in exported.loaded.signatures for b in warmup.BATCH_SIZES}


def test_unconditional_requests_run_too(unconditional):
    first = {}
    for request in _requests(unconditional.path):
        first.setdefault(request.model_spec.signature_name, request.inputs)
    assert set(first) == set(unconditional.loaded.signatures)
    for signature, inputs in first.items():
        assert "labels" not in inputs
        unconditional(signature, **{name: tf.make_ndarray(v) for name, v in inputs.items()})


def test_the_batching_configuration_allows_the_sizes_that_are_warmed_up():
    text = (CONFIGURATION / "batching.config").read_text()
    sizes = tuple(int(size) for size in re.findall(r"^allowed_batch_sizes: (\d+)$", text, re.M))
    assert sizes == warmup.BATCH_SIZES == tuple(sorted(sizes))
    assert int(re.search(r"^max_batch_size \{ value: (\d+) \}$", text, re.M).group(1)) == sizes[-1]


def test_the_model_configuration_parses_and_names_the_model():
    text = (CONFIGURATION / "models.config").read_text()
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path) == (warmup.MODEL_NAME, "/models/sagan")
    for name in ("compose.yaml", "kubernetes.yaml"):
        deployment = (CONFIGURATION / name).read_text()
        assert model.base_path in deployment and f"/v1/models/{model.name}/metadata" in deployment
        assert "/config/batching.config" in deployment and "/config/models.config" in deployment
