"""Descriptions of an export: `sagan.json` for programs and the model card for people."""

from __future__ import annotations

import datetime
import os

import tensorflow as tf

from sagan_tf import hashing
from sagan_tf.models.architecture import count_parameters
from sagan_tf.runs import scores
from sagan_tf.serving import warmup
from sagan_tf.version import __version__

FILE = "sagan.json"


def describe(source, precision, device, functions, directory, comparison):
    """Returns the content of `sagan.json`: a dict of JSON values.

    Args:
        source: the `ModelSource` of the export.
        precision: type of the exported weights and arithmetic.
        device: kind of device that the forms of the operations are for, or "any".
        functions: result of `signatures.build`.
        directory: the SavedModel, with its warm-up requests.
        comparison: result of `verification.compare`.
    """
    return {
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "step": int(source.model.step.numpy()),
        "weights": "exponential moving average",
        "parameters": count_parameters(source.model.generator),
        "precision": precision,
        "device": device,
        "batch_norm_statistics": "moving",
        "config": source.config,
        "class_names": source.model.class_names,
        "scores": list(source.scores),
        "signatures": {name: _shapes(f) for name, f in functions.items()},
        "warmup_batch_sizes": list(warmup.BATCH_SIZES),
        "comparison_with_live_generator": comparison,
        "sha256": _hashes(directory),
        "versions": {"sagan_tf": __version__, **scores.versions()},
    }


def _shapes(function):
    inputs = function.structured_input_signature[1]
    return {
        kind: {name: _spec(tensor) for name, tensor in sorted(tensors.items())}
        for kind, tensors in (("inputs", inputs), ("outputs", function.structured_outputs))
    }


def _spec(tensor):
    return {"dtype": tensor.dtype.name, "shape": list(tensor.shape)}


def _hashes(directory):
    paths = [
        os.path.join(folder, name)
        for folder, _, names in tf.io.gfile.walk(directory)
        for name in names
    ]
    return {os.path.relpath(path, directory): hashing.file_sha256(path) for path in sorted(paths)}


def model_card(card):
    """Returns the model card, Markdown, from the content of `sagan.json`."""
    return f"""# Model card: {_title(card["config"])}

{_summary(card)}

| | |
|---|---|
| Training step | {card["step"]:,} |
| Data | {card["config"].get("dataset", "not recorded")} |
| Parameters | {card["parameters"]:,}, {card["precision"]} |
| Devices | {card["device"]} |
| Weights | {card["weights"]} of the generator |
| Batch-norm statistics | {card["batch_norm_statistics"]}, frozen |
| Made with | {", ".join(f"{name} {v}" for name, v in card["versions"].items())} |
| Made on | {card["created"]} |

## Scores

{_scores(card["scores"])}

## Signatures

{_signatures(card["signatures"])}

Row i of every output depends only on row i of the inputs. Inputs out of range are refused.

## Classes

{_classes(card)}

## Limits

The generator imitates the images that it was trained on, with their gaps and biases. It may
reproduce single training images: nothing prevents it. Its images are synthetic: say so where you
show them.

## Files

{_table(("file", "SHA-256"), card["sha256"].items())}
"""


def _title(config):
    size = f"{config['resolution']}x{config['resolution']}"
    return f"SAGAN {config.get('preset', 'custom')}, {size}"


def _summary(card):
    config = card["config"]
    kind = {1: "gray", 3: "RGB"}[config["channels"]]
    classes = config["num_classes"]
    condition = "no classes" if classes is None else f"{classes} classes"
    return (
        "The generator of a Self-Attention GAN (Zhang et al., arXiv:1805.08318): it generates "
        f"{kind} images from random latents, with {condition}. Made by sagan_tf."
    )


def _scores(scores):
    if not scores:
        return "This step has not been scored."
    rows = [(score["title"], f"{score['value']:.4f}", _caveats(score)) for score in scores]
    return _table(("score", "value", "caveats"), rows)


def _caveats(score):
    not_comparable = ["not comparable with published scores"] * (score["comparable"] == "no")
    return "; ".join([*not_comparable, *score["warnings"]])


def _signatures(signatures):
    rows = [
        (f"`{name}`", _tensors(shapes["inputs"]), _tensors(shapes["outputs"]))
        for name, shapes in signatures.items()
    ]
    return _table(("signature", "inputs", "outputs"), rows)


def _tensors(shapes):
    return ", ".join(
        f"{name} {spec['dtype']} [{', '.join(map(_size, spec['shape']))}]"
        for name, spec in shapes.items()
    )


def _size(size):
    return "batch" if size is None else str(size)


def _classes(card):
    count, names = card["config"]["num_classes"], card["class_names"]
    if count is None:
        return "None: the model is unconditional."
    if names is None:
        return f"{count}, numbered from 0; their names were not recorded."
    return _table(("label", "name"), enumerate(names))


def _table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
