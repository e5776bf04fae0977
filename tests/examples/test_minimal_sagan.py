"""The training step of the example is that of the package, and its loop runs."""

import pathlib
import re
import runpy

import numpy as np
import tensorflow as tf

import sagan_tf
from sagan_tf import sampling
from sagan_tf.keras_compat import named_variables
from sagan_tf.models.sagan import GENERATOR_STREAM

PATH = pathlib.Path(__file__).parents[2] / "examples" / "minimal_sagan.py"
LATENT, CLASSES, WIDTH, BATCH, STEPS = 8, 3, 4, 4, 3


def pairs(theirs, ours):
    """(path, library's variable, example's): the example's attributes are the library's names."""
    library, by_name = named_variables(theirs), named_variables(ours)
    parts = {path.partition("/")[0] for path in library}
    names = {part: getattr(ours, part).name for part in parts}
    example = {path: by_name.pop(_rename(path, names)) for path in library}
    assert not by_name
    return [(path, variable, example[path]) for path, variable in library.items()]


def _rename(path, names):
    part, _, rest = path.partition("/")
    return f"{names[part]}/{rest}"


def test_three_steps_equal_those_of_the_library():
    example = runpy.run_path(str(PATH))
    shared = {"base_channels": WIDTH, "channels": 1, "attention_resolution": 16}
    model = sagan_tf.SAGAN(
        sagan_tf.Generator(32, CLASSES, latent_dim=LATENT, **shared),
        sagan_tf.Discriminator(32, CLASSES, **shared),
    )
    model.compile()
    networks = (
        example["Generator"](LATENT, CLASSES, WIDTH),
        example["Discriminator"](CLASSES, WIDTH),
    )
    matched = [pairs(*both) for both in zip((model.generator, model.discriminator), networks)]
    for network in matched:
        for path, theirs, ours in network:
            assert theirs.shape == ours.shape, path
            ours.assign(np.array(theirs))
    adams = example["optimizers"]()
    random = np.random.default_rng(0)
    images = random.uniform(-1, 1, (BATCH, 32, 32, 1)).astype(np.float32)
    labels = tf.constant(random.integers(0, CLASSES, BATCH), tf.int32)
    for step in range(STEPS):
        seed = sampling.fold_in(sampling.root_seed(model.seed), step)
        draws = [
            sampling.training_inputs(sampling.fold_in(seed, stream), BATCH, LATENT, CLASSES)
            for stream in (0, GENERATOR_STREAM)
        ]
        model.train_step((tf.constant(images), labels))
        example["train_step"](networks, adams, tf.constant(images), labels, *draws)
    for network in matched:
        for path, theirs, ours in network:
            # As for two replicas: such a bias has a gradient of rounding only, before batch norm.
            is_noise = path.endswith("bias") and "block" in path and network is matched[0]
            atol = 4e-4 if is_noise else 5e-5
            np.testing.assert_allclose(
                np.array(ours), np.array(theirs), rtol=1e-3, atol=atol, err_msg=path
            )


def test_the_loop_trains_on_the_bundled_images(capsys):
    example = runpy.run_path(str(PATH))
    example["main"](steps=2, batch_size=2)
    losses = re.fullmatch(r"step 1: D (\S+), G (\S+)\n", capsys.readouterr().out)
    assert np.isfinite([float(loss) for loss in losses.groups()]).all()


def test_the_example_has_at_most_150_lines():
    assert len(PATH.read_text().splitlines()) <= 150
