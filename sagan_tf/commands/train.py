"""Trains a Self-Attention GAN: `python train/main.py`; flags change the preset."""

import os

from absl import flags

from sagan_tf import command_line, files
from sagan_tf.command_line import PATH
from sagan_tf.data import preflight, sources
from sagan_tf.training import cluster, loop, memory_estimate
from sagan_tf.training import strategy as strategies

command_line.define_config_flags()
flags.adopt_module_key_flags(command_line)
flags.DEFINE(PATH, "run_dir", None, "directory of the run; default: runs/PRESET")
flags.DEFINE(PATH, "data_dir", None, "directory of TFDS's data sets")
flags.DEFINE_string("strategy", "auto", f"one of {', '.join(strategies.NAMES)}")
flags.DEFINE_string("tpu", "local", "for --strategy=tpu: local, a name, or grpc://ADDRESS")
flags.DEFINE_string(
    "cluster", "tf_config", f"for --strategy=multi_worker: one of {', '.join(cluster.NAMES)}"
)
flags.DEFINE_bool("check_data", False, "check the images, save a picture of them, and stop")
flags.DEFINE_bool("dry_run", False, "print the networks and their sizes, and stop")
FLAGS = flags.FLAGS


def run():
    """Trains; with --check_data or --dry_run, checks the data or prints the sizes instead."""
    config = command_line.config_from_flags()
    run_dir = files.exact_path("run_dir", FLAGS.run_dir or os.path.join("runs", config.preset))
    if FLAGS.dry_run:
        print(memory_estimate.describe(config))
        return
    if FLAGS.check_data:
        files.check_writable("run_dir", run_dir)
        print(preflight.check(sources.open_source(config, FLAGS.data_dir), config, run_dir))
        return
    strategy = strategies.make(FLAGS.strategy, FLAGS.tpu, FLAGS.cluster)
    loop.train(config, run_dir, FLAGS.data_dir, strategy)
    print(f"Pictures: {os.path.join(run_dir, 'samples')}")


def main():
    """The command: reads its flags, runs, and ends the process."""
    command_line.run(run)


if __name__ == "__main__":
    main()
