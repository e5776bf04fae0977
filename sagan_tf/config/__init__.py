"""Every number of an experiment, once, and the presets by name.

`fields` has the kinds of setting and `experiment` the settings with their defaults. `presets` has
the named experiments, and `flags` turns text into settings and back.
"""

from sagan_tf.config.experiment import (
    ATTENTION_BLOCKS,
    BACKGROUNDS,
    CROPS,
    DEFAULTS,
    FIELDS,
    LOSSES,
    OPS,
    PRECISIONS,
    REMOVED_FIELDS,
    ExperimentConfig,
    attention_resolutions,
    check_attention_resolution,
    check_field,
    network_fields,
    without_removed,
)
from sagan_tf.config.presets import DEFAULT_PRESET, get, names
from sagan_tf.errors import ConfigError

__all__ = [
    "ATTENTION_BLOCKS",
    "BACKGROUNDS",
    "CROPS",
    "DEFAULTS",
    "DEFAULT_PRESET",
    "FIELDS",
    "LOSSES",
    "OPS",
    "PRECISIONS",
    "REMOVED_FIELDS",
    "ConfigError",
    "ExperimentConfig",
    "attention_resolutions",
    "check_attention_resolution",
    "check_field",
    "get",
    "names",
    "network_fields",
    "without_removed",
]
