"""The loop on the bundled images, with networks small enough for a test."""

import io
import json
import os
import signal

import numpy as np
import pytest
import tensorflow as tf

import sagan_tf
from sagan_tf.errors import ConfigError, RunDirectoryError
from sagan_tf.models import factory
from sagan_tf.runs.checkpoints import Checkpoints
from sagan_tf.training import actions, loop


@pytest.fixture(scope="module")
def small_config(tiny_config):
    """16x16 bundled garments, 6 steps; events at every second step."""
    return tiny_config.replace(
        num_classes=10,
        base_channels=4,
        train_steps=6,
        log_every=2,
        sample_every=2,
        checkpoint_every=2,
        keep_checkpoints=2,
        steps_per_loop=2,
    )


@pytest.fixture(scope="module")
def finished(small_config, tmp_path_factory):
    """(run directory, model, what was printed) of an uninterrupted run."""
    run_dir = tmp_path_factory.mktemp("runs") / "whole"
    stream = io.StringIO()
    model = loop.train(small_config, run_dir, stream=stream)
    return run_dir, model, stream.getvalue()


def test_run_directory_holds_everything(finished, small_config):
    run_dir, model, printed = finished
    assert (
        sagan_tf.ExperimentConfig.from_json((run_dir / "config.json").read_text()) == small_config
    )
    assert json.loads((run_dir / "class_names.json").read_text())[0] == "T-shirt/top"
    samples = sorted(path.name for path in (run_dir / "samples").iterdir())
    assert samples == [f"step_{step:08d}.png" for step in (2, 4, 6)]
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6]
    for name in (*sagan_tf.models.sagan.METRICS, "images_per_second", "gamma/generator/attention"):
        assert all(np.isfinite(line[name]) for line in lines), name
    assert Checkpoints(model, str(run_dir / "checkpoints")).steps() == [4, 6]
    assert "step 6/6" in printed and "images/s" in printed


def test_sample_grid_has_one_row_a_class(finished):
    run_dir, model, _ = finished
    grid = tf.io.decode_png((run_dir / "samples" / "step_00000006.png").read_bytes()).numpy()
    assert grid.shape == (10 * 18 + 2, 10 * 18 + 2, 1)
    latents, labels = actions.sample_inputs(
        sagan_tf.ExperimentConfig.from_json((run_dir / "config.json").read_text())
    )
    assert list(labels.numpy()) == [label for label in range(10) for _ in range(10)]
    images = sagan_tf.sampling.to_uint8(model.ema_generator(latents, labels)).numpy()
    shown = grid[2 + 18 * 3 : 18 + 18 * 3, 2 + 18 * 4 : 18 + 18 * 4].astype(int)
    np.testing.assert_allclose(shown, images[34], atol=1)


def test_tensorboard_events_hold_what_the_docs_say(finished):
    run_dir, _, _ = finished
    (path,) = run_dir.glob("events.*")
    tags = set()
    for event in tf.compat.v1.train.summary_iterator(str(path)):
        tags |= {value.tag for value in event.summary.value}
    assert {"discriminator_loss", "generator_gradient_norm", "images_per_second", "samples"} <= tags
    assert {"gamma/generator/attention", "gamma/discriminator/attention"} <= tags
    assert {"sigma/generator/block1/conv1", "sigma/discriminator/embedding"} <= tags


def test_interrupted_and_resumed_run_equals_the_uninterrupted_one(finished, small_config, tmp_path):
    run_dir, stream = tmp_path / "parts", io.StringIO()
    handler = signal.getsignal(signal.SIGTERM)
    stopped = loop.train(small_config, run_dir, stream=stream, compile_steps=interrupted_loop)
    assert stopped.step.numpy() == 2
    assert "Stopped by SIGTERM at step 2; saved" in stream.getvalue()
    assert signal.getsignal(signal.SIGTERM) == handler
    by_the_clock = small_config.replace(checkpoint_every=1000, checkpoint_minutes=1e-6)
    resumed = loop.train(by_the_clock, run_dir, stream=stream)
    assert "Resuming at step 2" in stream.getvalue()
    assert Checkpoints(resumed, str(run_dir / "checkpoints")).steps() == [4, 6]
    model = finished[1]
    for one, two in zip(all_variables(model), all_variables(resumed)):
        np.testing.assert_array_equal(one, two, err_msg=one.name)
    steps = [json.loads(line)["step"] for line in (run_dir / "metrics.jsonl").open()]
    assert steps == [2, 4, 6]


def interrupted_loop(model, strategy):
    """The loop of a process that gets SIGTERM while its first call runs."""
    run_steps = loop.compiled_loop(model, strategy)

    def run(iterator, count):
        run_steps(iterator, count)
        os.kill(os.getpid(), signal.SIGTERM)

    return run


def all_variables(model):
    optimizers = model.generator_optimizer, model.discriminator_optimizer
    return [*model.variables, *optimizers[0].variables, *optimizers[1].variables]


def test_finished_run_says_so(finished, small_config):
    run_dir, model, _ = finished
    before = {path: path.stat().st_mtime_ns for path in (run_dir / "checkpoints").iterdir()}
    stream = io.StringIO()
    loop.train(small_config, run_dir, stream=stream)
    assert "is finished: 6 of 6 steps" in stream.getvalue()
    assert before == {path: path.stat().st_mtime_ns for path in (run_dir / "checkpoints").iterdir()}


def test_load_restores_the_run(finished):
    run_dir, model, _ = finished
    loaded = sagan_tf.load(run_dir)
    np.testing.assert_array_equal(loaded.generate([0, 9], seed=3), model.generate([0, 9], seed=3))
    assert sagan_tf.load(run_dir, step=4).step.numpy() == 4
    with pytest.raises(RunDirectoryError, match=r"step=3 has no checkpoint.*4, 6"):
        sagan_tf.load(run_dir, step=3)
    with pytest.raises(RunDirectoryError, match="is not a run"):
        sagan_tf.load(run_dir / "samples")


def test_no_retrace_after_the_first_call(small_config):
    """Calls with different counts use one trace."""
    model = factory.build_model(small_config.replace(base_channels=1))
    traces = []
    train_step = model.train_step
    model.train_step = lambda data: traces.append(1) or train_step(data)
    batch = (tf.zeros((4, 16, 16, 1), tf.uint8), tf.zeros((4,), tf.int32))
    iterator = iter(tf.data.Dataset.from_tensors(batch).repeat())
    run_steps = loop.compiled_loop(model, tf.distribute.get_strategy())
    run_steps(iterator, tf.constant(7))
    first_traces = len(traces)
    for count in (1, 2, 10):
        run_steps(iterator, tf.constant(count))
    assert len(traces) == first_traces
    assert model.step.numpy() == 20


def test_a_run_directory_keeps_its_configuration(finished, small_config):
    run_dir, _, _ = finished
    with pytest.raises(RunDirectoryError, match=r"base_channels=4 \(now 8\), seed=0 \(now 5\)"):
        loop.train(small_config.replace(base_channels=8, seed=5), run_dir)


def test_unwritable_directories_are_left_alone(small_config, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunDirectoryError, match="is a file"):
        loop.train(small_config, tmp_path / "thesis.tex")
    with pytest.raises(RunDirectoryError, match="cannot be written"):
        loop.train(small_config, tmp_path / "thesis.tex" / "run")


def test_global_batch_must_divide_by_the_replicas(small_config, tmp_path, two_replicas):
    with pytest.raises(ConfigError, match="global_batch_size=5.*2 replicas"):
        loop.train(
            small_config.replace(global_batch_size=5), tmp_path / "run", strategy=two_replicas
        )
    with pytest.raises(
        ConfigError, match=r"global_batch_size=6.*2 replicas, each in 2 micro-batch"
    ):
        uneven = small_config.replace(global_batch_size=6, accumulation_steps=2)
        loop.train(uneven, tmp_path / "run", strategy=two_replicas)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("jit_compile", [False, True])
def test_xla_compiles_the_step_if_asked_to(tiny_config, tiny_batch, jit_compile):
    model = factory.build_model(tiny_config.replace(jit_compile=jit_compile))
    iterator = iter(tf.data.Dataset.from_tensors(tiny_batch).repeat())
    run_steps = loop.compiled_loop(model, tf.distribute.get_strategy())
    functions = run_steps.get_concrete_function(iterator, tf.constant(1)).graph.as_graph_def()
    attributes = [f.attr["_XlaMustCompile"].b for f in functions.library.function]
    assert any(attributes) == jit_compile


def test_xla_and_several_replicas_are_refused(small_config, two_replicas, tmp_path):
    with pytest.raises(ConfigError, match="jit_compile=True .*False for 2 replicas"):
        loop.train(small_config.replace(jit_compile=True), tmp_path / "run", strategy=two_replicas)
    assert not (tmp_path / "run").exists()
