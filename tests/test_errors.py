import pickle

import pytest

import sagan_tf
from sagan_tf.errors import ConfigError, UserError
from sagan_tf.experiments.suites import Stopped
from sagan_tf.serving.client import Unavailable
from sagan_tf.visualization.samplers import NotAvailable


def subclasses(kind):
    for child in kind.__subclasses__():
        yield from (child, *subclasses(child))


def test_all_errors_are_known_here():
    """A new error is pickled below without anyone thinking of it."""
    assert {NotAvailable, Stopped, sagan_tf.DataError, ConfigError} <= set(subclasses(UserError))


@pytest.mark.parametrize("kind", [UserError, Unavailable, *subclasses(UserError)])
def test_an_error_survives_pickle(kind):
    """`multiprocessing.Pool` waits for ever for an error that cannot be unpickled."""
    arguments = ("seed", -1, "0 or above") if kind is ConfigError else ("one line",)
    error = pickle.loads(pickle.dumps(kind(*arguments)))
    assert type(error) is kind and str(error) == str(kind(*arguments))
    assert vars(error) == vars(kind(*arguments))
