"""Summaries of a run for TensorBoard, warnings of the alarm, and reporters without output."""

import contextlib
import errno
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


DAMAGED = ("", '{"step": 1', "[]", "7", "null", '{"loss": 1}', '{"step": "1"}', '{"step": null}')


def test_damaged_lines_of_metrics_do_not_keep_a_run_from_going_on(
    tiny_config, tiny_model, tmp_path
):
    run = run_directory.start(tmp_path / "run", tiny_config)
    whole = ['{"step": 1}', '{"step": 2}', '{"step": 3}']
    text = "\n".join([whole[0], *DAMAGED, *whole[1:], "\xc3"])
    (tmp_path / "run" / "metrics.jsonl").write_bytes(text.encode("latin1"))
    Reporter(run, tiny_model, 2, io.StringIO()).close()
    assert (tmp_path / "run" / "metrics.jsonl").read_text().splitlines() == whole[:2]


def test_the_alarm_speaks_once(reporter):
    metrics = {"images_per_second": 1.0, "discriminator_loss": 0.001, "generator_loss": 9.0}
    for step in range(1, 20):
        reporter.log(step, metrics, 1.0)
    said = reporter._stream.getvalue()
    assert said.count("warning: step 5: the discriminator has won") == said.count("warning") == 1


@pytest.mark.parametrize(("number", "is_closed"), [(errno.EIO, True), (errno.ENOSPC, False)])
def test_a_closed_terminal_does_not_end_training_before_it_has_saved(reporter, number, is_closed):
    class Terminal(io.StringIO):
        def write(self, text):
            raise OSError(number, "cannot be written")

    reporter._stream = Terminal()
    with contextlib.nullcontext() if is_closed else pytest.raises(OSError):
        reporter.say("step 3")


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
