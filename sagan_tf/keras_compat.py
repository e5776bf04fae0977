"""Differences between Keras 2.15 and Keras 3; each entry gives its reason."""

import keras
import tensorflow as tf

from sagan_tf.errors import ConfigError, StackError

IS_KERAS_3 = int(keras.__version__.split(".")[0]) >= 3

# `add_weight` argument that keeps a weight in float32 under a mixed policy: renamed in Keras 3.
NO_AUTOCAST = {"autocast": False} if IS_KERAS_3 else {"experimental_autocast": False}

# Names the variables that are made inside.
name_scope = keras.name_scope if IS_KERAS_3 else tf.name_scope

# Key of a model's configuration that says which Keras wrote it.
KERAS_VERSION = "keras_version"


def check_dtype_conversion():
    """Raises StackError if TensorFlow converts dtypes in a way that Keras's metrics cannot take.

    `experimental_enable_numpy_behavior` turns it on, with any mode but its usual "legacy".
    """
    try:
        tf.cast(2**40, tf.int64)
    except OverflowError as error:
        raise StackError(
            "TensorFlow's new dtype conversion is enabled, with which Keras cannot train; pass "
            "dtype_conversion_mode='legacy' to experimental_enable_numpy_behavior"
        ) from error


def named_layers(parent, prefix=""):
    """Yields every layer inside `parent` as (path of names, layer), such as ("block1/conv1", ...).

    Keras has no public way to the layers inside blocks: `layers` stops at the first level.
    """
    for child in parent._flatten_layers(recursive=False, include_self=False):
        path = f"{prefix}{child.name}"
        yield path, child
        yield from named_layers(child, f"{path}/")


def named_variables(model):
    """Returns every variable inside `model` by its path, such as "block1/conv1/kernel".

    The two Keras name variables differently, and Keras 3's lists of layers are invisible to
    `tf.train.Checkpoint`; these paths are the same in both.
    """
    named, seen = {}, set()
    # Inner layers first: then the remaining variables belong to the layer itself.
    for path, layer in sorted(named_layers(model), key=lambda item: -item[0].count("/")):
        for variable in layer.weights:
            if id(variable) not in seen:
                seen.add(id(variable))
                named[f"{path}/{variable.name.split('/')[-1].split(':')[0]}"] = variable
    return named


def optimizer_state(optimizer, network):
    """Returns the state of an Adam optimizer by name, such as "momentum/block1/conv1/kernel".

    The two Keras order an optimizer's variables differently, and only `iterations` is public.

    Args:
        optimizer: `keras.optimizers.Adam`, built for the network's trainable variables.
        network: the network that it trains.

    Raises:
        ConfigError: the optimizer has other state, as SGD, `amsgrad` and `use_ema` have.
    """
    if not isinstance(optimizer, (keras.optimizers.Adam, keras.optimizers.AdamW)):
        raise _unknown_state(optimizer)
    known = {id(v) for v in (optimizer.iterations, *optimizer._momentums, *optimizer._velocities)}
    if any(id(v) not in known and "learning_rate" not in v.name for v in optimizer.variables):
        raise _unknown_state(optimizer)
    paths = {id(variable): path for path, variable in named_variables(network).items()}
    trained = [paths[id(variable)] for variable in network.trainable_variables]
    moments = {"momentum": optimizer._momentums, "velocity": optimizer._velocities}
    return {
        "iterations": optimizer.iterations,
        **{
            f"{name}/{path}": variable
            for name, variables in moments.items()
            for path, variable in zip(trained, variables)
        },
    }


def _unknown_state(optimizer):
    wanted = "keras.optimizers.Adam without amsgrad and use_ema: checkpoints hold its state only"
    return ConfigError("optimizer", type(optimizer).__name__, wanted)


def tf_variable(variable):
    """Returns the `tf.Variable` of a Keras variable; in Keras 2 both are the same object."""
    return variable.value if IS_KERAS_3 else variable


def adam_moments(optimizer, variable):
    """Returns the `tf.Variable`s of the two moments of a variable.

    Args:
        optimizer: `keras.optimizers.Adam`, built.
        variable: `tf.Variable`, or the part of one replica, as `update_step` gets it.
    """
    if IS_KERAS_3:
        index = optimizer._get_variable_index(variable)
    else:
        index = optimizer._index_dict[optimizer._var_key(variable)]
    moments = optimizer._momentums[index], optimizer._velocities[index]
    return tuple(tf_variable(moment) for moment in moments)


def check_same_keras(config):
    """Returns the arguments in a model's configuration, if this generation of Keras wrote it.

    The two generations describe dtypes and optimizers differently, and name the weights in
    `.keras` files differently.

    Raises:
        StackError: the other generation wrote it.
    """
    config = dict(config)
    version = config.pop(KERAS_VERSION, keras.__version__)
    if (int(version.split(".")[0]) >= 3) != IS_KERAS_3:
        raise StackError(
            f"this model was saved by Keras {version}, and Keras {keras.__version__} cannot read "
            "such files; sagan_tf.load(run_dir) and exports work with both"
        )
    return config
