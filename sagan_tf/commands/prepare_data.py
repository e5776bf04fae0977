"""Prepares images for fast training: `python train/prepare_data.py --dataset=... --out=...`."""

from absl import flags

from sagan_tf import command_line
from sagan_tf.command_line import PATH
from sagan_tf.data import preflight, preparation, sources
from sagan_tf.errors import ConfigError

command_line.define_config_flags("imagenet_128")
flags.DEFINE(PATH, "out", None, "a new directory for the TFRecords and dataset.json")
flags.DEFINE(PATH, "data_dir", None, "where TFDS keeps its data sets")
flags.DEFINE_integer("num_shards", None, "files to write", lower_bound=1)
flags.DEFINE_bool("skip_unreadable", False, "leave out damaged images instead of failing")
FLAGS = flags.FLAGS


def run():
    """Writes the TFRecords; the same command resumes a stopped preparation."""
    # Attention is off: its default resolution does not fit every image resolution.
    config = command_line.config_from_flags(attention_resolution=None)
    if not FLAGS.out:
        raise ConfigError("out", FLAGS.out, "a directory to write to")
    source = sources.open_source(config, FLAGS.data_dir)
    print(f"{config.dataset}: {source.num_examples:,} images to {FLAGS.out}")
    for warning in preflight.warnings(source):
        print(f"  warning: {warning}")
    manifest = preparation.prepare(
        source, config, FLAGS.out, FLAGS.num_shards, FLAGS.skip_unreadable
    )
    skipped = sum(len(shard.skipped) for shard in manifest.shards)
    print(
        f"{manifest.num_examples:,} images of {config.resolution}x{config.resolution}, "
        f"{len(manifest.histogram)} labels, {len(manifest.shards)} files, {skipped} skipped. "
        f"Train with --dataset=tfrecord:{FLAGS.out}"
    )


def main():
    """The command: reads its flags, runs, and ends the process."""
    command_line.run(run)


if __name__ == "__main__":
    main()
