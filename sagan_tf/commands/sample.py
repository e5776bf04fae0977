"""Plots pictures of a trained model: `python train/sample.py --run_dir=RUN --out=DIR`."""

import sys

from absl import flags

from sagan_tf import command_line, files
from sagan_tf.command_line import PATH
from sagan_tf.errors import ConfigError, UserError
from sagan_tf.evaluation.settings import EvaluationConfig
from sagan_tf.visualization import attention, gallery, pictures, samplers

flags.DEFINE(PATH, "run_dir", None, "plot the newest checkpoint of this run")
flags.DEFINE(PATH, "export_dir", None, "plot this exported SavedModel")
flags.DEFINE_string("pretrained", None, "plot weights of this name that come with the package")
flags.DEFINE(PATH, "out", None, "directory for the pictures", required=True)
flags.DEFINE_list("pictures", None, f"some of {', '.join(pictures.KINDS)}; default: all possible")
flags.DEFINE_bool("gallery", False, "also write index.html with all pictures and the run's curves")
flags.DEFINE_integer("seed", 0, "seed of the latents")
flags.DEFINE_integer("columns", 10, "images in a row")
flags.DEFINE_list("classes", None, "labels to show, such as 0,3,9; default: ten of them")
flags.DEFINE_float("truncation", 1.0, "scale of the latents, in (0, 1]")
flags.DEFINE_list("points", None, "queries for attention, as ROW:COLUMN fractions: 0.5:0.25,...")
flags.DEFINE_string("animation", "gif", f"one of {', '.join(pictures.ANIMATIONS)}")
flags.DEFINE(PATH, "feature_network", None, "for neighbours; as for evaluate.py")
flags.DEFINE(PATH, "inception_path", None, "for neighbours; as for evaluate.py")
flags.DEFINE_string("inception_sha256", None, "for neighbours; as for evaluate.py")
flags.DEFINE(PATH, "data_dir", None, "directory of TFDS's data sets, for neighbours")
FLAGS = flags.FLAGS


def _numbers(name, texts, parse):
    """Parses each text; returns a tuple."""
    try:
        return tuple(parse(text) for text in texts)
    except ValueError as error:
        raise ConfigError(name, ",".join(texts), "numbers; see --help") from error


def _options():
    names = ["seed", "columns", "truncation", "animation", "data_dir"]
    points = attention.POINTS
    if FLAGS.points is not None:
        points = _numbers("points", FLAGS.points, lambda t: tuple(map(float, t.split(":", 1))))
    return pictures.Options(
        classes=None if FLAGS.classes is None else _numbers("classes", FLAGS.classes, int),
        points=points,
        settings=EvaluationConfig(
            feature_network=FLAGS.feature_network,
            inception_path=FLAGS.inception_path,
            inception_sha256=FLAGS.inception_sha256,
        ),
        **{name: FLAGS[name].value for name in names},
    )


def run():
    """Plots the pictures and writes them."""
    options = _options()
    if FLAGS.gallery and not FLAGS.run_dir:
        raise UserError("--gallery shows a run: give --run_dir")
    pictures.check_new([f"{kind}.png" for kind in FLAGS.pictures or pictures.KINDS], FLAGS.out)
    files.check_writable("out", FLAGS.out)
    sampler = samplers.open_sampler(FLAGS.run_dir, FLAGS.export_dir, FLAGS.pretrained)
    if FLAGS.pictures is None:
        plotted = pictures.plot_available(
            sampler, options, lambda line: print(line, file=sys.stderr)
        )
    else:
        plotted = pictures.plot(sampler, FLAGS.pictures, options)
    if FLAGS.gallery:
        plotted[gallery.PAGE] = gallery.page(FLAGS.run_dir, plotted)
    for path in pictures.write(plotted, FLAGS.out):
        print(path)


def main():
    """The command: reads its flags, runs, and ends the process."""
    command_line.run(run)


if __name__ == "__main__":
    main()
