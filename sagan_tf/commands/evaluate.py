"""Scores a GAN: `python train/evaluate.py --run_dir=RUN`, or an export, or folders of images."""

from absl import flags

from sagan_tf import command_line, files
from sagan_tf.command_line import PATH
from sagan_tf.errors import ConfigError
from sagan_tf.evaluation import inception, metrics, scoring
from sagan_tf.evaluation.settings import BATCH_NORM_MODES, EvaluationConfig, SamplingConfig
from sagan_tf.runs import scores
from sagan_tf.training import strategy as strategies

flags.DEFINE(PATH, "run_dir", None, "score the checkpoints of this run")
flags.DEFINE(PATH, "export_dir", None, "score this exported SavedModel")
flags.DEFINE_string("dataset", None, "real images for --export_dir, if not its training data")
flags.DEFINE_list("images", None, "score a folder of images against another: REAL,GENERATED")
flags.DEFINE_string("checkpoint", "latest", "checkpoint of --run_dir: latest, all, best or a step")
flags.DEFINE_bool("watch", False, "score new checkpoints of --run_dir until the run is finished")
flags.DEFINE_list("metrics", None, f"some of {', '.join(metrics.REGISTRY)}; default: all that fit")
flags.DEFINE_integer("num_samples", None, "number of images to score (50000, or all of a folder)")
flags.DEFINE_integer("num_real", None, "number of real images to score against (all)")
flags.DEFINE_integer("batch_size", 64, "images in a batch of one device")
flags.DEFINE(PATH, "feature_network", None, "inception, garments, a .keras file or a SavedModel")
flags.DEFINE(PATH, "inception_path", None, "the Inception graph of 2015, or TF-GAN's SavedModel")
flags.DEFINE_string("inception_sha256", None, "SHA-256 that it must have")
flags.DEFINE(
    PATH, "cache_dir", inception.cache_directory(), "cache of real statistics; empty: none"
)
flags.DEFINE_bool("ema", True, "generate with the averaged weights")
flags.DEFINE_string("batch_norm", "moving", f"statistics: {', '.join(BATCH_NORM_MODES)}")
flags.DEFINE_integer("standing_batches", 100, "batches to average for --batch_norm=standing")
flags.DEFINE_float("truncation", 1.0, "scale of the latents, in (0, 1]")
flags.DEFINE_integer("seed", 0, "seed of the latents")
flags.DEFINE_string(
    "label_shares", "data", "shares of the classes: data (those of the real images) or equal"
)
flags.DEFINE(PATH, "data_dir", None, "directory of TFDS's data sets")
flags.DEFINE_string("strategy", "auto", f"one of {', '.join(strategies.LOCAL_NAMES)}")
flags.DEFINE_string("tpu", "local", "for --strategy=tpu: local, a name, or grpc://ADDRESS")
FLAGS = flags.FLAGS
# Flags that some targets have no use for: {name: its targets}.
_TARGETS_OF = {
    "checkpoint": ("run_dir",),
    "watch": ("run_dir",),
    "ema": ("run_dir",),
    "batch_norm": ("run_dir",),
    "standing_batches": ("run_dir",),
    "dataset": ("export_dir",),
    "data_dir": ("run_dir", "export_dir"),
    "label_shares": ("run_dir", "export_dir"),
    "truncation": ("run_dir", "export_dir"),
    "seed": ("run_dir", "export_dir"),
}


def _settings():
    sampling = "seed truncation batch_norm standing_batches"
    names = "num_samples num_real batch_size feature_network inception_path inception_sha256"
    return EvaluationConfig(
        metrics=FLAGS.metrics and tuple(FLAGS.metrics),
        cache_dir=FLAGS.cache_dir or None,
        sampling=SamplingConfig(
            ema=FLAGS.ema,
            label_shares=FLAGS.label_shares,
            **{name: FLAGS[name].value for name in sampling.split()},
        ),
        progress=True,
        **{name: FLAGS[name].value for name in names.split()},
    )


def _check_used(target):
    """Raises ConfigError if a given flag has no effect."""
    for name, its_targets in _TARGETS_OF.items():
        if FLAGS[name].present and target not in its_targets:
            wanted = f"left out with --{target}: it goes with --{' or --'.join(its_targets)}"
            raise ConfigError(name, FLAGS[name].value, wanted)
    if FLAGS.watch and FLAGS["checkpoint"].present:
        raise ConfigError("checkpoint", FLAGS.checkpoint, "left out with --watch")
    if FLAGS["standing_batches"].present and FLAGS.batch_norm != "standing":
        wanted = "left out without --batch_norm=standing"
        raise ConfigError("standing_batches", FLAGS.standing_batches, wanted)


def _scores():
    targets = [name for name in ("run_dir", "export_dir", "images") if FLAGS[name].value]
    if len(targets) != 1:
        given = " and ".join(f"--{name}" for name in targets) or None
        raise ConfigError("target", given, "one of --run_dir, --export_dir and --images")
    _check_used(targets[0])
    settings, strategy = _settings(), strategies.make_local(FLAGS.strategy, FLAGS.tpu)
    if FLAGS.run_dir:
        wanted = scoring.WATCH if FLAGS.watch else FLAGS.checkpoint
        return scoring.score_run(FLAGS.run_dir, settings, wanted, FLAGS.data_dir, strategy)
    if FLAGS.export_dir:
        return scoring.score_export(
            FLAGS.export_dir, settings, FLAGS.data_dir, strategy, FLAGS.dataset
        )
    if len(FLAGS.images) != 2:
        raise ConfigError("images", ",".join(FLAGS.images), "two folders: REAL,GENERATED")
    return scoring.score_folders(*map(files.expand_home, FLAGS.images), settings, strategy)


def run():
    """Prints one JSON line for each score, and a summary for people on stderr."""
    report = scores.ScorePrinter()
    for record in _scores():
        report(record)


def main():
    """The command: reads its flags, runs, and ends the process."""
    command_line.run(run)


if __name__ == "__main__":
    main()
