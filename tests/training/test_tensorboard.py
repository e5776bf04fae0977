import glob

import numpy as np
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import metadata, plugin_data_pb2

from sagan_tf.training import tensorboard


def test_attention_histograms_and_hyperparameters_arrive(tmp_path, tiny_model, tiny_config):
    writer = tf.summary.create_file_writer(str(tmp_path))
    latents = np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32)
    labels = np.repeat(np.arange(3, dtype=np.int32), 2)
    tensorboard.write_attention(writer, 5, tiny_model.ema_generator, latents, labels)
    sigmas = {"generator/dense": 1.5, "generator/block1/conv1": 2.0, "discriminator/dense": 0.5}
    tensorboard.write_histograms(writer, 5, tiny_model, sigmas)
    tensorboard.write_hyperparameters(writer, tiny_config)
    writer.close()
    events = event_accumulator.EventAccumulator(glob.glob(f"{tmp_path}/*tfevents*")[0])
    events.Reload()
    tensors = set(events.Tags()["tensors"])
    assert {"attention", "sigma/generator", "sigma/discriminator"} <= tensors
    assert "gamma/generator/batch_norm" in tensors
    (image,) = events.Tensors("attention")
    picture = tf.io.decode_png(image.tensor_proto.string_val[2]).numpy()
    assert image.step == 5 and np.ptp(picture.astype(int), axis=-1).max() > 60
    summary = events.SummaryMetadata("_hparams_/session_start_info")
    content = metadata.parse_session_start_info_plugin_data(summary.plugin_data.content)
    assert isinstance(content, plugin_data_pb2.SessionStartInfo)
    assert content.hparams["base_channels"].number_value == 8
    assert content.hparams["eval_every"].string_value == "None"


def test_without_attention_nothing_is_written(tmp_path, tiny_config):
    from sagan_tf.models import factory

    model = factory.build_model(tiny_config.replace(attention_resolution=None))
    writer = tf.summary.create_file_writer(str(tmp_path))
    latents, labels = tf.zeros((4, 8)), tf.zeros(4, tf.int32)
    tensorboard.write_attention(writer, 0, model.ema_generator, latents, labels)
    writer.close()
    events = event_accumulator.EventAccumulator(str(tmp_path))
    events.Reload()
    assert "attention" not in events.Tags()["tensors"]
