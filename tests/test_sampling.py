import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.errors import ConfigError

SEED = tf.constant([3, 4])


def test_training_inputs_are_a_function_of_the_seed():
    one, two = (sampling.training_inputs(SEED, 6, 5, 3) for _ in range(2))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])
    other = sampling.training_inputs(sampling.fold_in(SEED, 1), 6, 5, 3)
    assert not np.array_equal(one[0], other[0])
    assert one[1].dtype == tf.int32 and set(one[1].numpy()) <= {0, 1, 2}


def test_latents_are_standard_normal_and_labels_uniform():
    latents, labels = sampling.training_inputs(SEED, 20_000, 4, 5)
    assert abs(np.mean(latents)) < 0.01 and abs(np.std(latents) - 1.0) < 0.01
    np.testing.assert_allclose(np.bincount(labels) / 20_000, 0.2, atol=0.01)


def test_replicas_share_the_global_batch_without_overlap(two_replicas):
    whole, labels = sampling.training_inputs(SEED, 6, 5, 3)
    parts = two_replicas.run(lambda: sampling.training_inputs(SEED, 3, 5, 3))
    for expected, part in zip((whole, labels), parts):
        values = two_replicas.experimental_local_results(part)
        np.testing.assert_array_equal(np.concatenate(values), expected)


def test_truncation_scales_latents():
    np.testing.assert_allclose(
        sampling.latents(1, 3, 4, 0.5), 0.5 * sampling.latents(1, 3, 4), rtol=1e-6
    )
    for truncation in (0.0, -1.0, 1.1, float("nan")):
        with pytest.raises(ConfigError, match="truncation"):
            sampling.latents(1, 3, 4, truncation)


def test_to_uint8_covers_the_range():
    floats = tf.constant([-1.5, -1.0, 0.0, 1.0, 2.0])
    np.testing.assert_array_equal(sampling.to_uint8(floats), [0, 0, 128, 255, 255])
    every = tf.range(256)
    images = tf.cast(every, tf.float32) / 127.5 - 1.0
    np.testing.assert_array_equal(sampling.to_uint8(images), every)


def test_seeds_have_64_bits():
    """Below 2**31 they are those of earlier versions; above, no two are equal."""
    seeds = [0, 7, 2**31 - 1, 2**31 + 7, 2**32 + 7, 2**40, 2**63 - 1, -1, -(2**63)]
    roots = [sampling.root_seed(seed).numpy().tolist() for seed in seeds]
    assert roots[:3] == [[0, 0], [0, 7], [0, 2**31 - 1]]
    assert len({tuple(root) for root in roots}) == len(seeds)
    latents = sampling.latents_from_seeds(tf.constant(seeds, tf.int64), 3)
    for seed, row in zip(seeds, latents):
        np.testing.assert_array_equal(sampling.latents(seed, 1, 3)[0], row)
    np.testing.assert_array_equal(sampling.root_seed(np.int64(2**40)), sampling.root_seed(2**40))


@pytest.mark.parametrize("seed", [2**63, -(2**63) - 1, 1.5, "1", None, True])
def test_seeds_that_are_no_number_of_64_bits_are_refused(seed):
    with pytest.raises(ConfigError, match="seed=.* a whole number of 64 bits"):
        sampling.latents(seed, 1, 3)
