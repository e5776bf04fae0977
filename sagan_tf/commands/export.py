"""Exports the generator of a run for TensorFlow Serving: `python export/main.py`."""

import os

from absl import flags

from sagan_tf import command_line
from sagan_tf.command_line import PATH
from sagan_tf.errors import ConfigError
from sagan_tf.ops.forms import DEVICES
from sagan_tf.runs import pretrained
from sagan_tf.serving import folding, saved_model

flags.DEFINE(PATH, "run_dir", None, "directory of the run to export")
flags.DEFINE_string("pretrained", None, "instead of a run: weights that come with the package")
flags.DEFINE(PATH, "export_dir", None, "directory of the versions", required=True)
flags.DEFINE_string("checkpoint", "latest", "latest, best, or a step")
flags.DEFINE_integer("version", None, "new number; default: one more than the highest version")
flags.DEFINE_string("precision", folding.PRECISIONS[0], f"one of {', '.join(folding.PRECISIONS)}")
flags.DEFINE_string("device", "any", f"kind of the servers' devices, one of {', '.join(DEVICES)}")
FLAGS = flags.FLAGS


def run():
    """Exports, and prints the path of the version."""
    if bool(FLAGS.run_dir) == bool(FLAGS.pretrained):
        raise ConfigError("run_dir", FLAGS.run_dir, "given, or pretrained, and not both")
    source = pretrained.load_source(FLAGS.pretrained) if FLAGS.pretrained else FLAGS.run_dir
    path = saved_model.export(
        source, FLAGS.export_dir, FLAGS.version, FLAGS.checkpoint, FLAGS.precision, FLAGS.device
    )
    print(f"Exported: {path}")
    print(f"Model card: {os.path.join(path, 'MODEL_CARD.md')}")
    print(f"Try it: python export/client.py --local={FLAGS.export_dir} --out=grid.png")


def main():
    """The command: reads its flags, runs, and ends the process."""
    command_line.run(run)


if __name__ == "__main__":
    main()
