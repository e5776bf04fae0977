"""Bad requests, each with one mistake: refused by name, and the next good one is served."""

import numpy as np
import pytest
import tensorflow as tf

COUNT = 200


def _good(random, signature):
    rows = random.integers(1, 5)
    inputs = {"labels": random.integers(0, 3, rows, dtype=np.int32)}
    if signature in ("generate", "generate_png"):
        inputs["seed"] = random.integers(-(2**63), 2**63 - 1, rows)
        inputs["truncation"] = random.uniform(0.01, 1.0, rows).astype(np.float32)
    else:
        inputs["latents"] = random.standard_normal((rows, 8)).astype(np.float32)
    return inputs


def _wrong_value(random, name, value):
    """One wrong number in one random row, or None if every value is allowed."""
    wrong = {
        "labels": [-1, 3, 4, 2**31 - 1, -(2**31)],
        "latents": [np.nan, np.inf, -np.inf, 3e38],
        "truncation": [0.0, -0.5, 1.0001, 100.0, np.nan, np.inf, -np.inf],
    }.get(name)
    if wrong is None:
        return None
    value = value.copy()
    value[tuple(random.integers(0, size) for size in value.shape)] = random.choice(wrong)
    return value


def _wrong_shape(random, name, value):
    shapes = [
        value[0],  # no batch axis
        value[:, None],
        value[:0],
        np.concatenate([value, value]),  # more rows than the others
    ]
    if name == "latents":
        shapes += [value[:, :7], np.repeat(value, 2, axis=1), value[:, :0]]
    return shapes[random.integers(len(shapes))]


def _spoil(random, inputs):
    """The inputs with one mistake, and the name of the input that has it."""
    while True:
        name = random.choice(list(inputs))
        mistake = random.choice([_wrong_value, _wrong_shape])
        value = mistake(random, name, inputs[name])
        if value is not None:
            return {**inputs, name: value}, name


def test_bad_requests_are_refused_by_name_and_the_next_good_one_is_served(exported):
    random = np.random.default_rng(0)
    signatures = list(exported.loaded.signatures)
    for _ in range(COUNT):
        signature = random.choice(signatures)
        good = _good(random, signature)
        bad, name = _spoil(random, good)
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            exported(signature, **bad)
        assert name in str(caught.value).partition("\n\t [[")[0].splitlines()[-1], (name, bad)
        outputs = exported(signature, **good)
        assert all(len(value) == len(good["labels"]) for value in outputs.values())


def test_messages_say_what_is_allowed(exported, latents):
    labels = np.array([0, 5], np.int32)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"labels must be in \[0, 3\), but is"):
        exported("serving_default", latents=latents[:2], labels=labels)
    with pytest.raises(tf.errors.InvalidArgumentError, match="latents must be finite"):
        exported("serving_default", latents=latents[:2] * np.nan, labels=labels % 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"truncation must be in \(0, 1\]"):
        truncation = np.array([0.5, 1.5], np.float32)
        exported("generate", labels=labels % 3, seed=labels.astype(int), truncation=truncation)
