"""How workers agree, with a second worker that is only pretended; and what replicas share."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import sampling
from sagan_tf.errors import DataError, TrainingError
from sagan_tf.keras_compat import IS_KERAS_3
from sagan_tf.models import factory
from sagan_tf.training.workers import Workers


class WithPretended(Workers):
    """This process and another one, which adds `other` to every number."""

    def __init__(self, other, is_chief=True):
        super().__init__(tf.distribute.get_strategy())
        self.count, self.is_chief, self._other = 2, is_chief, other

    def _sum(self, *numbers):
        if isinstance(self._other, Exception):
            raise self._other
        return tuple(number + self._other for number in numbers)


LOST = tf.errors.UnavailableError(None, None, "{{node x}} Connection reset by peer\nmore")


def test_alone_nothing_is_asked():
    workers = Workers(tf.distribute.get_strategy())
    assert workers.is_chief and workers.count == 1
    assert workers.any(True, False, None) == (True, False, False)
    assert workers.from_chief(7) == 7
    with pytest.raises(DataError, match="mine"), workers.fail_together():
        raise DataError("mine")


def test_what_one_wants_all_do():
    assert WithPretended(other=1).any(False, None) == (True, True)
    assert WithPretended(other=0).any(False, True) == (False, True)
    assert WithPretended(other=7, is_chief=False).from_chief(3) == 7


def test_a_failure_anywhere_stops_all():
    with WithPretended(other=0).fail_together():
        pass
    failed = pytest.raises(TrainingError, match="another worker has stopped")
    with failed, WithPretended(other=1).fail_together():
        pass
    for other in (0, 1, LOST):  # one's own error is the one to show
        with pytest.raises(DataError, match="mine"), WithPretended(other).fail_together():
            raise DataError("mine")
    with pytest.raises(tf.errors.UnavailableError), WithPretended(LOST).fail_together():
        pass


def test_a_lost_worker_is_one_line():
    with pytest.raises(TrainingError) as caught, WithPretended(0).explain_lost_worker():
        raise LOST
    assert str(caught.value) == (
        "a worker is lost; start all workers again to go on from the last checkpoint "
        "(Connection reset by peer)"
    )
    alone = Workers(tf.distribute.get_strategy())  # there is nobody to lose
    with pytest.raises(tf.errors.UnavailableError), alone.explain_lost_worker():
        raise LOST


def test_replicas_draw_different_latents_and_share_every_variable(
    tiny_config, tiny_batch, two_replicas
):
    with two_replicas.scope():
        model = factory.build_model(tiny_config)
    seed = sampling.root_seed(5)
    drawn = two_replicas.run(lambda: model._sample_inputs(2, seed)[0])
    one, two = map(np.array, two_replicas.experimental_local_results(drawn))
    together = sampling.training_inputs(seed, 4, tiny_config.latent_dim, 3)[0]
    np.testing.assert_array_equal(np.concatenate([one, two]), together)
    assert not np.intersect1d(one, two).size

    images, labels = map(tf.constant, tiny_batch)
    places = lambda context: context.replica_id_in_sync_group  # noqa: E731 - one expression
    halves = two_replicas.experimental_distribute_values_from_function(
        lambda context: (images[2 * places(context) :][:2], labels[2 * places(context) :][:2])
    )
    two_replicas.run(model.train_step, args=(halves,))
    assert model.step.numpy() == 1
    networks = (model.generator, model.discriminator, model.ema_generator)
    for variable in (variable for network in networks for variable in network.variables):
        mirrored = variable.value if IS_KERAS_3 else variable
        copies = two_replicas.experimental_local_results(mirrored)
        np.testing.assert_array_equal(*map(np.array, copies), err_msg=variable.name)
