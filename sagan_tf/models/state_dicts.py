"""Reads the arrays of a PyTorch state dict under our names and in our order of axes."""

from __future__ import annotations

import numpy as np

from sagan_tf.errors import UserError
from sagan_tf.keras_compat import named_variables

_ATTENTION = {
    "query": "conv1x1_theta",
    "key": "conv1x1_phi",
    "value": "conv1x1_g",
    "output_projection": "conv1x1_attn",
}
_NAMES_SHOWN = 8


class StateDictReader:
    """Reads the arrays of a state dict; notes missing, unknown and misshapen ones."""

    def __init__(self, state):
        self._state = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
        self._unused = set(self._state)
        self._missing = []
        self._weights = {}

    def has(self, name):
        """True if there is an array of that name."""
        return name in self._state

    def shape(self, *names):
        """Shape of the first of these that is there."""
        for name in names:
            if self.has(name):
                return self._state[name].shape
        self._missing.append(names[0])
        self._fail()

    def layout(self, mark):
        """Prefixes of the residual blocks, and after how many of them attention comes, or None.

        Args:
            mark: a name that every residual block has.
        """
        blocks, self._attention_prefix, attention = [], None, None
        index = 0
        while any(name.startswith(f"blocks.{index}.") for name in self._state):
            prefix = f"blocks.{index}.0"
            if self.has(f"{prefix}.sigma"):
                self._attention_prefix, attention = prefix, len(blocks)
            elif self.has(f"{prefix}.{mark}"):
                blocks.append(prefix)
            index += 1
        if len(blocks) < 2:
            self._missing.append(f"blocks.0.0.{mark}")
            self._fail()
        return blocks, attention

    def num_classes(self, block):
        """Classes of the conditional batch norms: the new code has `gain`, the old `embed0`."""
        for name, axis in (("gain", 1), ("embed0", 0)):
            for end in ("weight_orig", "weight"):
                if self.has(f"{block}.bn1.{name}.{end}"):
                    return self._state[f"{block}.bn1.{name}.{end}"].shape[axis]
        self._missing.append(f"{block}.bn1.gain.weight_orig")
        self._fail()

    def linear(self, ours, theirs, reorder=lambda array: array):
        """A convolution or dense layer: kernel, its singular vector, and its bias if it has one.

        Args:
            ours: prefix of our weights' paths.
            theirs: prefix of theirs.
            reorder: of the output channels, the first axis there.
        """
        if self.has(f"{theirs}.bias"):
            self._weights[f"{ours}/bias"] = reorder(self._take(f"{theirs}.bias"))
        raw, sigma = self._raw(theirs)
        if raw is None:
            return
        raw = reorder(raw)
        self._weights[f"{ours}/kernel"] = np.transpose(raw, (*range(2, raw.ndim), 1, 0))
        if sigma is not None:
            kernel = self._weights[f"{ours}/kernel"]
            matrix = kernel.reshape(-1, kernel.shape[-1])
            self._weights[f"{ours}/u"] = vector_for_norm(matrix, sigma)

    def embedding(self, ours, theirs):
        """A table of vectors, which lies in the same order in both."""
        raw, sigma = self._raw(theirs)
        if raw is not None:
            self._weights[f"{ours}/embeddings"] = raw
        if sigma is not None:
            self._weights[f"{ours}/u"] = vector_for_norm(raw, sigma)

    def norm(self, ours, theirs):
        """A plain batch norm."""
        self._weights[f"{ours}/gamma"] = self._take(f"{theirs}.weight")
        self._weights[f"{ours}/beta"] = self._take(f"{theirs}.bias")
        self._statistics(ours, theirs)

    def conditional_norm(self, ours, theirs):
        """A conditional batch norm: tables with their spectral norm divided out."""
        old = any(self.has(f"{theirs}.embed0.{end}") for end in ("weight", "weight_orig"))
        names = ("embed0", "embed1") if old else ("gain", "bias")
        for name, weight, offset in zip(names, ("gamma", "beta"), (1.0, 0.0)):
            raw, sigma = self._raw(f"{theirs}.{name}")
            if raw is not None:
                table = raw if old else raw.T  # (classes, c)
                self._weights[f"{ours}/{weight}"] = offset + table / (sigma or 1.0)
        self._statistics(ours, f"{theirs}.bn")

    def attention(self, position):
        """The self-attention block, if there is one."""
        if position is not None:
            prefix = self._attention_prefix
            for ours, theirs in _ATTENTION.items():
                self.linear(f"attention/{ours}", f"{prefix}.{theirs}")
            self._weights["attention/gamma"] = self._take(f"{prefix}.sigma").reshape(())

    def fill(self, network):
        """Gives a network all weights; raises UserError if there are others, or too few."""
        variables = named_variables(network)
        wrong = [f"no place for {name}" for name in sorted(set(self._weights) - set(variables))]
        for path, variable in variables.items():
            if path not in self._weights:
                wrong.append(f"nothing for our {path}")
            elif self._weights[path].shape != tuple(variable.shape):
                shapes = f"{self._weights[path].shape}, not {tuple(variable.shape)}"
                wrong.append(f"our {path} would be {shapes}")
            else:
                variable.assign(self._weights[path].astype(np.float32))
        if self._missing or self._unused or wrong:
            self._fail(wrong)
        return network

    def _statistics(self, ours, theirs):
        inner = f"{ours}/normalization"
        self._weights[f"{inner}/moving_mean"] = self._take(f"{theirs}.running_mean")
        self._weights[f"{inner}/moving_variance"] = self._take(f"{theirs}.running_var")

    def _raw(self, prefix):
        """A layer's raw weight and its spectral norm; None for the norm if it has none."""
        if self.has(f"{prefix}.weight"):
            return self._take(f"{prefix}.weight"), None
        names = [f"{prefix}.weight_{end}" for end in ("orig", "u", "v")]
        raw, u, v = map(self._take, names)
        if not all(map(self.has, names)):
            return None, None
        return raw, float(u @ raw.reshape(len(u), -1) @ v)

    def _take(self, name):
        if not self.has(name):
            self._missing.append(name)
            return np.zeros(0)
        self._unused.discard(name)
        return np.asarray(self._state[name], np.float64)

    def _fail(self, wrong=()):
        """Raises UserError with all that has been noted."""
        unknown = sorted(self._unused) if wrong or self._weights else ()  # none was read before
        parts = [f"missing: {_list(self._missing)}"] if self._missing else []
        parts += [f"unknown: {_list(unknown)}"] if unknown else []
        # What is missing there is missing here: no need to say it twice.
        parts += [_list(wrong)] if wrong and not self._missing else []
        raise UserError(f"this is no state dict of StudioGAN's SAGAN; {'; '.join(parts)}")


def _list(names):
    names = list(dict.fromkeys(names))
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def from_channels_first(array, size):
    """Rows for (c, size, size) as rows for (size, size, c)."""
    shape = (-1, size, size, *array.shape[1:])
    return np.moveaxis(array.reshape(shape), 0, 2).reshape(array.shape)


def vector_for_norm(matrix, sigma):
    """A vector `u` from which one power iteration yields exactly the norm `sigma`.

    PyTorch divides by an estimate that is a step behind what our layers would compute from the
    same vectors. This `u` mixes two singular vectors so that the first call here divides by the
    same number; later ones converge as always.

    Args:
        matrix: float (rows, columns), as `ops.spectral_norm.power_iteration` has it.
        sigma: the estimate, at most the largest singular value.

    Returns:
        float (columns,).
    """
    rows, columns = matrix.shape
    gram = matrix.T @ matrix if columns <= rows else matrix @ matrix.T
    squares, vectors = np.linalg.eigh(gram)  # ascending
    if squares[-1] <= 0.0:
        return np.ones(columns)  # a matrix of zeros has no direction
    below = np.flatnonzero((squares > 0.0) & (squares <= sigma**2))
    chosen = [len(squares) - 1, below[-1] if len(below) else len(squares) - 1]
    top, low = squares[chosen]
    share = np.clip((sigma**2 - low) / (top - low), 0.0, 1.0) if top > low else 1.0
    # In the space of rows the mixture has length 1; `u` is what the matrix maps to it.
    weights = np.sqrt([share, 1.0 - share])
    if columns <= rows:
        return vectors[:, chosen] @ (weights / np.sqrt([top, low]))
    return matrix.T @ (vectors[:, chosen] @ (weights / [top, low]))
