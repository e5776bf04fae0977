"""Errors that are the user's to mend: one clear line each, exit code 2 from a command."""


class UserError(ValueError):
    """A mistake in what the user asked for. Its message is one line that says what is allowed."""


class ConfigError(UserError):
    """A configuration field has a value that is not allowed.

    Args:
        field: name of the field, argument or flag.
        value: the value that was given.
        allowed: what would have been accepted, in words.
    """

    def __init__(self, field, value, allowed):
        super().__init__(f"{field}={value!r} is not allowed; {field} must be {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed


class StackError(UserError):
    """A file was written by the other generation of Keras in a form that this one cannot read."""


class DataError(UserError):
    """The images or labels cannot be used for training as they are."""


class EvaluationError(UserError):
    """Scores cannot be computed from these images, features, networks or statistics."""


class RunDirectoryError(UserError):
    """A run directory cannot be written, is not one of ours, or holds a different run."""


class TrainingError(UserError):
    """Training cannot go on with these settings: losses are no longer finite."""


class ExportError(UserError):
    """An export cannot be made or read: its directory, version, checkpoint or weights forbid."""


class ServingError(UserError):
    """A model server cannot be reached, or refuses the request."""


def first_line(error):
    """The first line of an exception's message, or the name of its class if it says nothing."""
    return " ".join(str(error).splitlines()[:1]) or type(error).__name__
