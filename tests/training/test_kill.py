"""`kill -9` at random steps: the run ends with the weights of an undisturbed one, bit for bit.

`SAGAN_TF_KILLS=10 python -m pytest tests/training/test_kill.py` kills ten times; another
`SAGAN_TF_KILL_SEED` than 0 chooses other steps.
"""

import os
import signal
import time

import numpy as np

from tests.training import processes

KILLS = int(os.environ.get("SAGAN_TF_KILLS", "2"))
STEPS_APART = 12


def test_killed_runs_lose_nothing(tmp_path):
    seed = int(os.environ.get("SAGAN_TF_KILL_SEED", "0"))
    random = np.random.default_rng(seed)
    settings = {"train_steps": STEPS_APART * (KILLS + 1), "checkpoint_every": 3}
    undisturbed = processes.start(tmp_path / "whole", **settings)
    run_dir = tmp_path / "killed"
    for number in range(KILLS):
        process = processes.start(run_dir, **settings)
        step = STEPS_APART * number + random.integers(1, STEPS_APART)
        processes.wait_for_step(run_dir, step, process)
        time.sleep(random.uniform(0.0, 0.05))
        process.kill()
        assert process.wait() == -signal.SIGKILL, process.stdout.read()
    last = processes.start(run_dir, **settings)
    for process in (undisturbed, last):
        output = process.communicate()[0]
        assert process.returncode == 0, output
    assert "Resuming at step" in output
    processes.assert_equal(processes.weights(tmp_path / "whole"), processes.weights(run_dir))
    assert processes.steps_logged(run_dir) == list(range(1, settings["train_steps"] + 1))
