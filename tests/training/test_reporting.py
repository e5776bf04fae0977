"""Summaries of a run for TensorBoard, warnings of the alarm, and reporters without output."""

import inspect
import io
import json

import pytest
from tensorboard.backend.event_processing import event_accumulator

from sagan_tf.runs import run_directory
from sagan_tf.training.reporting import Reporter, SilentReporter


def test_a_run_logs_diversity_attention_histograms_and_hyperparameters(small_run):
    with open(f"{small_run}/metrics.jsonl") as file:
        lines = [json.loads(line) for line in file]
    # Logs come before samples at the same step, so the first grid (step 2) shows from step 3 on.
    assert [("sample_diversity" in line) for line in lines] == [False, False, True, True]
    events = event_accumulator.EventAccumulator(small_run)
    events.Reload()
    tags = set(events.Tags()["tensors"])
    assert {"samples", "attention", "sample_diversity", "sigma/generator"} <= tags
    assert {"gamma/generator/batch_norm", "gamma/generator/attention"} <= tags
    assert "_hparams_/session_start_info" in events.summary_metadata


@pytest.fixture
def reporter(tiny_config, tiny_model, tmp_path):
    run = run_directory.start(tmp_path / "run", tiny_config)
    reporter = Reporter(run, tiny_model, 0, io.StringIO())
    yield reporter
    reporter.close()


def test_the_alarm_speaks_once(reporter):
    metrics = {"images_per_second": 1.0, "discriminator_loss": 0.001, "generator_loss": 9.0}
    for step in range(1, 20):
        reporter.log(step, metrics, 1.0)
    said = reporter._stream.getvalue()
    assert said.count("warning: step 5: the discriminator has won") == said.count("warning") == 1


def test_the_silent_reporter_takes_every_call_of_a_reporter():
    methods = {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(Reporter, inspect.isfunction)
        if not name.startswith("_")
    }
    assert {"log", "scores", "samples", "say", "close"} <= methods.keys()
    for name, signature in methods.items():
        arguments = [None] * (len(signature.parameters) - 1)
        assert getattr(SilentReporter(), name)(*arguments) is None
