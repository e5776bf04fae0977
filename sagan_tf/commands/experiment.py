"""Runs one of the paper's experiments: `python train/experiment.py --suite=... --out=DIR`."""

from absl import flags

from sagan_tf import command_line, files
from sagan_tf.command_line import PATH
from sagan_tf.config.flags import parse_changes
from sagan_tf.errors import ConfigError, UserError
from sagan_tf.evaluation import inception
from sagan_tf.experiments import results, suites
from sagan_tf.training import strategy as strategies

flags.DEFINE_string("suite", None, f"one of {', '.join(suites.SUITES)}", required=True)
flags.DEFINE_string("scale", "demo", "demo: bundled images, on a CPU; full: ImageNet at 128x128")
flags.DEFINE_integer("seeds", 3, "number of runs of each arm, with seeds 0, 1, ...")
flags.DEFINE(PATH, "out", None, "directory of the runs, tables and figures", required=True)
flags.DEFINE_list("set", [], "settings of all arms, such as base_channels=8,train_steps=1000")
flags.DEFINE_integer("num_samples", None, "images for each score (full: 50000, demo: 2000)")
flags.DEFINE(PATH, "inception_path", None, "as for evaluate.py")
flags.DEFINE_string("inception_sha256", None, "as for evaluate.py")
flags.DEFINE(PATH, "data_dir", None, "directory of TFDS's data sets")
flags.DEFINE_string("strategy", "auto", f"one of {', '.join(strategies.LOCAL_NAMES)}")
flags.DEFINE_string("tpu", "local", "for --strategy=tpu: local, a name, or grpc://ADDRESS")
FLAGS = flags.FLAGS
_BOTH, _EVALUATION = ("data_dir", "strategy", "tpu"), ("inception_path", "inception_sha256")


def _passed_on(names):
    """Returns the given flags of these names, for the commands of an arm."""
    return [f"--{name}={FLAGS[name].value}" for name in names if FLAGS[name].present]


def run():
    """Runs the arms that are not finished, then writes the table and the figures."""
    strategies.check_local(FLAGS.strategy)
    files.exact_path("out", FLAGS.out)  # refused here, and not by each run
    changes = parse_changes(FLAGS.set)
    arms = suites.arms(FLAGS.suite, FLAGS.scale, FLAGS.seeds, FLAGS.out, changes)
    if FLAGS.num_samples is not None and FLAGS.num_samples < 2:
        raise ConfigError("num_samples", FLAGS.num_samples, "at least 2")
    files.check_writable("out", FLAGS.out)
    files.check_writable("SAGAN_TF_CACHE", inception.cache_directory())
    if FLAGS.scale == "full":
        # A missing network ends the command here, before weeks of training.
        inception.load(FLAGS.inception_path, FLAGS.inception_sha256)
    failures = suites.run(
        arms,
        _passed_on(_BOTH),
        _passed_on(_BOTH + _EVALUATION),
        FLAGS.num_samples,
    )
    rows = results.collect(arms)
    if rows:
        for path in results.write(rows, FLAGS.suite, FLAGS.scale, failures, FLAGS.out):
            print(path)
    if failures:
        raise UserError("; ".join(f"{path}: {reason}" for path, reason in failures.items()))


def main():
    """The command: reads its flags, runs, and ends the process."""
    command_line.run(run)


if __name__ == "__main__":
    main()
