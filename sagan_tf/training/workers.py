"""Workers of a multi-worker run: the chief writes, and a failure of one stops all."""

from __future__ import annotations

import contextlib
import re

import tensorflow as tf

from sagan_tf.errors import TrainingError

# What TensorFlow raises on the other workers when one has died or restarted.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)
# The informative part of TensorFlow's long error text.
_REASON = re.compile(
    r"(Collective ops is aborted by: [^:]+|connect|failed to)[^\n]*", re.IGNORECASE
)


class Workers:
    """The workers of a strategy, with ways for them to agree.

    All workers call the same methods in the same order, and each call waits for the other workers.
    A single worker, the usual case, sends nothing and does not wait.

    Args:
        strategy: `tf.distribute.Strategy`.

    Attributes:
        count: number of workers.
        is_chief: whether this process is the worker that writes.
    """

    def __init__(self, strategy):
        self.count, self.is_chief = 1, True
        if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            resolver = strategy.cluster_resolver
            tasks = resolver.cluster_spec().as_dict()
            self.count = max(1, sum(len(addresses) for addresses in tasks.values()))
            first = "chief" if "chief" in tasks else "worker"
            own = (resolver.task_type, resolver.task_id)
            self.is_chief = self.count == 1 or own == (first, 0)
        self._replicas = strategy.num_replicas_in_sync // self.count
        self._sum_replicas = tf.function(lambda values: strategy.run(_sum, args=(values,)))
        self._local_results = strategy.experimental_local_results

    def any(self, *flags):
        """Returns for each flag whether it is true on any worker."""
        return tuple(total > 0 for total in self._sum(*map(bool, flags)))

    def from_chief(self, number):
        """Returns the chief's whole number on all workers."""
        return self._sum(number if self.is_chief else 0)[0]

    @contextlib.contextmanager
    def fail_together(self):
        """Runs its body on every worker; if it fails on one worker, all of them stop."""
        error = None
        try:
            yield
        except Exception as caught:
            error = caught
        try:
            (failed,) = self.any(error is not None)
        except tf.errors.OpError:
            if error is None:
                raise
            failed = True  # this worker's own error says more than the loss of the others
        if error is not None:
            raise error
        if failed:
            raise TrainingError("another worker has stopped; its own output says why")

    @contextlib.contextmanager
    def explain_lost_worker(self):
        """Replaces TensorFlow's error after the loss of a worker by one clear line."""
        try:
            yield
        except _LOST as error:
            if self.count == 1:
                raise
            reason = _REASON.search(error.message)
            reason = reason.group().strip() if reason else type(error).__name__
            raise TrainingError(
                "a worker is lost; start all workers again to go on from the last checkpoint "
                f"({reason})"
            ) from error

    def _sum(self, *numbers):
        if self.count == 1:
            return numbers
        totals = self._local_results(self._sum_replicas(tf.constant(numbers, tf.int64)))[0]
        return tuple(int(total) // self._replicas for total in totals)


def _sum(values):
    context = tf.distribute.get_replica_context()
    # The identity is on the device of the replica, so that TensorFlow reduces there.
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(values))
