"""Pretrained generators of the package, under a short name.

`python -m sagan_tf.pretrained --run_dir=RUN` packs a run's generator for the package.
"""

from absl import flags

from sagan_tf import command_line
from sagan_tf.command_line import PATH
from sagan_tf.runs import run_directory
from sagan_tf.runs.pretrained import BUNDLED, load, load_source, names, save

__all__ = ["BUNDLED", "load", "load_source", "names", "save"]
FLAGS = flags.FLAGS


def main():
    """Packs the generator, and prints its scores and the error of packing."""
    name = FLAGS.name or run_directory.load(FLAGS.run_dir).config.preset
    card = save(FLAGS.run_dir, name, FLAGS.out, FLAGS.checkpoint)
    scores = ", ".join(f"{score['title']} {score['value']:.4g}" for score in card["scores"])
    print(f"{FLAGS.out}/{name}: step {card['step']:,}; {scores or 'not scored'}")
    print(f"Packing moved pixels by at most {card['largest_difference']} of 255.")


if __name__ == "__main__":
    flags.DEFINE(command_line.PATH, "run_dir", None, "directory of the run", required=True)
    flags.DEFINE_string("name", None, "name of the files; default: the run's preset")
    flags.DEFINE_string("checkpoint", "best", "best, latest, or a step")
    flags.DEFINE(PATH, "out", BUNDLED, "directory of the two files")
    command_line.run(main)
