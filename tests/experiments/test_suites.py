import concurrent.futures
import os
import signal
import threading
import time

import pytest

from sagan_tf import config as configs
from sagan_tf.experiments import suites
from sagan_tf.runs import run_directory, scores


def test_full_scale_is_the_presets(tmp_path):
    arms = suites.arms("attention", "full", 2, str(tmp_path))
    assert [arm.name for arm in arms[:9]] == list(suites.SUITES["attention"])
    assert [arm.config.seed for arm in arms] == [0] * 9 + [1] * 9
    changed = {"preset", "seed", "checkpoint_every", "keep_checkpoints", "eval_every"}
    for arm in arms:
        preset = configs.get(arm.name)
        assert {
            n for n in configs.FIELDS if getattr(arm.config, n) != getattr(preset, n)
        } <= changed
        assert arm.steps == [200_000, 400_000, 600_000, 800_000, 1_000_000]
        assert arm.path == str(tmp_path / "runs" / arm.name / f"seed_{arm.config.seed}")


def test_demo_scale_keeps_what_the_arms_differ_in():
    arms = {
        arm.name: arm.config
        for suite in suites.SUITES
        for arm in suites.arms(suite, "demo", 1, "out")
    }
    for name, config in arms.items():
        preset = configs.get(name)
        assert config.dataset == "bundled" and config.resolution == 32
        same = ("generator_spectral_norm", "attention_block", "d_steps", "beta_2", "loss")
        assert all(getattr(config, field) == getattr(preset, field) for field in same)
        ratio = config.discriminator_learning_rate / config.generator_learning_rate
        assert ratio == preset.discriminator_learning_rate / preset.generator_learning_rate
    assert arms["sagan_feat64"].attention_resolution == 16
    assert arms["residual_feat32"].attention_resolution == 8
    assert "sagan_feat16" not in arms  # its maps would be 4x4


STUB = """
import pathlib, signal, sys, time
flags = dict(flag[2:].split("=", 1) for flag in sys.argv[1:] if "=" in flag)
if flags["preset"] == "sagan_no_ttur":
    sys.exit(2)
if "wait" in flags:
    saved, waiting = map(pathlib.Path, flags["wait"].split(","))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: (saved.touch(), sys.exit(0)))
    waiting.touch()
    time.sleep(60)
"""


@pytest.fixture
def stubs(tmp_path, monkeypatch):
    """Commands that do nothing, or fail for one arm."""
    package = tmp_path / "stub_commands"
    package.mkdir()
    (package / "train.py").write_text(STUB)
    (package / "evaluate.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(suites, "_COMMANDS", "stub_commands")


def test_a_failing_arm_does_not_keep_the_others_from_running(stubs, tmp_path, capfd):
    arms = suites.arms("stabilization", "demo", 1, str(tmp_path / "out"))
    failures = suites.run(arms)
    assert failures == {arms[1].path: "train ended with exit code 2"}
    assert "[3/3] sagan_no_attention, seed 0: evaluate" in capfd.readouterr().err


def test_what_is_done_is_not_run_again(stubs, tmp_path, capfd):
    arms = suites.arms("comparison", "demo", 1, str(tmp_path / "out"))
    run = run_directory.start(arms[0].path, arms[0].config)
    score = {"metric": "fid", "title": "FID", "value": 1.0}
    lines = [{"step": step, **score} for step in arms[0].steps]
    scores.append(run.join("evaluation.jsonl"), lines[:-1])
    assert not arms[0].is_done()
    scores.append(run.join("evaluation.jsonl"), lines)  # scored again: the newer ones count
    assert arms[0].is_done() and arms[0].scores() == lines
    suites.run(arms)
    said = capfd.readouterr().err
    assert "[1/2] sngan_projection_128, seed 0: done before" in said
    assert "[2/2] sagan_feat64, seed 0: train" in said
    (other,) = suites.arms("comparison", "demo", 1, str(tmp_path / "out"), {"beta_1": 0.5})[:1]
    assert not other.is_done()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_reaches_the_arm_and_ends_the_suite(stubs, tmp_path, name):
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
    saved, waiting = tmp_path / "saved", tmp_path / "waiting"
    arms = suites.arms("comparison", "demo", 1, str(tmp_path / "out"))

    def stop():
        while not waiting.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), getattr(signal, name))

    threading.Thread(target=stop, daemon=True).start()
    try:
        with pytest.raises(suites.Stopped, match=f"stopped by {name}; the same command goes on"):
            suites.run(arms, [f"--wait={saved},{waiting}"])
    finally:
        signal.signal(signal.SIGHUP, before)
    assert saved.exists(), "the signal came to the arm, not only to the suite"


def test_a_suite_runs_in_a_thread(stubs, tmp_path):
    arms = suites.arms("comparison", "demo", 1, str(tmp_path / "out"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        assert pool.submit(suites.run, arms).result() == {}
