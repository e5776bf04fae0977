"""`train/main.py` in processes of its own, on the bundled images with tiny networks."""

import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np
import tensorflow as tf

ROOT = pathlib.Path(__file__).parents[2]
TINY = {
    "resolution": 16,
    "base_channels": 2,
    "attention_resolution": 8,
    "latent_dim": 8,
    "global_batch_size": 4,
    "steps_per_loop": 1,
    "log_every": 1,
    "sample_every": 1000,
    "eval_every": "none",
}


def start(run_dir, tf_config=None, **settings):
    """Begins or resumes a run; its output goes to a file that `output` reads."""
    environment = {name: v for name, v in os.environ.items() if name != "TF_CONFIG"}
    if tf_config is not None:
        environment["TF_CONFIG"] = json.dumps(tf_config)
    flags = [f"--{name}={value}" for name, value in {**TINY, **settings}.items()]
    command = [sys.executable, str(ROOT / "train" / "main.py"), f"--run_dir={run_dir}", *flags]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return process


def wait_for_step(run_dir, step, *processes):
    """Returns once a line of metrics of `step` or later is there, while all processes live."""
    metrics = pathlib.Path(run_dir) / "metrics.jsonl"
    while last_step(metrics) < step:
        for process in processes:
            assert process.poll() is None, process.stdout.read()
        time.sleep(0.005)


def last_step(metrics):
    try:
        lines = metrics.read_text().splitlines()
        return json.loads(lines[-1])["step"] if lines else 0
    except (FileNotFoundError, json.JSONDecodeError):
        return 0


def weights(run_dir):
    """{name: array} of all variables in a run's newest checkpoint."""
    reader = tf.train.load_checkpoint(f"{run_dir}/checkpoints")
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name.endswith("VARIABLE_VALUE") and not name.startswith("save_counter")
    }


def steps_logged(run_dir):
    lines = (pathlib.Path(run_dir) / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["step"] for line in lines]


def assert_equal(one, other, **tolerance):
    """Checks that two results of `weights` agree, bit for bit without a tolerance."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        if tolerance:
            np.testing.assert_allclose(value, other[name], err_msg=name, **tolerance)
        else:
            np.testing.assert_array_equal(value, other[name], err_msg=name)
