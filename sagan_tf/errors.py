"""Errors that a user can correct: one line each, exit code 2 from a command."""


class UserError(ValueError):
    """Wrong input. The message is one line that says what is allowed."""


class ConfigError(UserError):
    """A configuration field has a value that is not allowed.

    Args:
        field: name of the field, argument or flag.
        value: the value that was given.
        allowed: the allowed values, in words.
    """

    def __init__(self, field, value, allowed):
        super().__init__(f"{field}={value!r} is not allowed; {field} must be {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed

    def __reduce__(self):
        """Pickles the arguments: `Exception` would give `__init__` the message instead."""
        return type(self), (self.field, self.value, self.allowed)


class StackError(UserError):
    """The installed Keras cannot be used, or cannot read a file of the other generation."""


class DataError(UserError):
    """Images or labels cannot be used for training."""


class EvaluationError(UserError):
    """Scores cannot be computed from these images, features, networks or statistics."""


class RunDirectoryError(UserError):
    """A run directory cannot be written, is in use, is not a run, or holds a different run."""


class TrainingError(UserError):
    """Training cannot continue: a loss or a gradient is not finite."""


class ExportError(UserError):
    """An export cannot be made: its directory, version, checkpoint or weights do not allow it."""


class ServingError(UserError):
    """A model server cannot be reached, or refuses the request."""


def first_line(error):
    """Returns the first line of an exception's message, or its class name if it has none."""
    return " ".join(str(error).splitlines()[:1]) or type(error).__name__
