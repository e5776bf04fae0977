"""The flags that say which configuration a benchmark of training runs."""

from absl import flags

from sagan_tf import config
from sagan_tf.config.flags import parse_changes

FLAGS = flags.FLAGS


def define_flags(preset="imagenet_128"):
    flags.DEFINE_string("preset", preset, f"one of {', '.join(config.names())}")
    flags.DEFINE_integer("batch_size", None, "global batch; else the preset's", lower_bound=1)
    flags.DEFINE_list("set", [], "FIELD=VALUE,...: other fields of the configuration")
    flags.DEFINE_enum("ops", None, ["auto", "reference"], "forms of operations, else auto")
    flags.DEFINE_enum("precision", None, ["float32", "mixed_bfloat16"], "else the preset's")


def chosen():
    """The `ExperimentConfig` of the flags."""
    changes = {
        "global_batch_size": FLAGS.batch_size,
        "precision": FLAGS.precision,
        "ops": FLAGS.ops,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    return config.get(FLAGS.preset).replace(**changes, **parse_changes(FLAGS.set))
