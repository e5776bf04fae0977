"""Gallery: one HTML file of a run, with samples over time, curves, scores and pictures."""

from __future__ import annotations

import base64
import html
import os

import numpy as np
import tensorflow as tf

from sagan_tf.runs import run_directory, scores
from sagan_tf.visualization import curves

PAGE = "index.html"
_SHOWN_STEPS = 24  # sample grids on the page, evenly spaced, first and last among them
_HEADINGS = {
    "classes": ("Classes", "One row a class; images in a column share their latents."),
    "truncation": (
        "Truncation",
        "The same latents, scaled: shorter ones give cleaner and less varied images.",
    ),
    "latents": ("From latent to latent", "Each row keeps its class."),
    "class_interpolation": ("From class to class", "Each row keeps its latents."),
    "neighbours": ("Nearest real images", "Copies of training images would appear here."),
    "attention": (
        "Attention",
        "Left: the image with its query points. Then the attention of each point, in its colour.",
    ),
}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
img { max-width: 100%; image-rendering: pixelated; vertical-align: top }
figure { margin: 1.5rem 0 } table { border-collapse: collapse }
th, td { border-bottom: 1px solid #ccc; padding: .2rem .8rem; text-align: left }
input[type=range] { width: 100% } .smooth { image-rendering: auto }
"""
_SCRIPT = """
const steps = [...document.querySelectorAll("#samples img")];
const slider = document.querySelector("#step"), label = document.querySelector("#at");
function show() {
  steps.forEach((image, i) => image.hidden = i != slider.value);
  label.textContent = steps[slider.value].alt;
}
if (slider) { slider.addEventListener("input", show); show(); }
"""


def page(run_dir, pictures):
    """Returns the HTML page of a run; it holds all its images and opens offline.

    Args:
        run_dir: directory that `train/main.py --run_dir` wrote.
        pictures: {file name: bytes} of `pictures.plot`, to put into the page.

    Returns:
        HTML text.

    Raises:
        RunDirectoryError: there is no run.
    """
    run = run_directory.load(run_dir)
    config = run.config
    parts = [
        f"<h1>{html.escape(config.preset)}</h1>",
        f"<p>{html.escape(run.path)}: {html.escape(config.dataset)} at "
        f"{config.resolution}x{config.resolution}, batches of {config.global_batch_size}, "
        f"{config.train_steps:,} steps, seed {config.seed}.</p>",
        _samples(run),
        _curves(run),
        _scores(run),
        *(_picture_parts(pictures)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(config.preset)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + f"\n<script>{_SCRIPT}</script>\n</body></html>\n"
    )


def _samples(run):
    """Returns the sample grids with a slider over their steps."""
    names = sorted(name for name in tf.io.gfile.listdir(run.samples) if name.endswith(".png"))
    if not names:
        return ""
    count = min(len(names), _SHOWN_STEPS)
    chosen = [names[i] for i in np.linspace(0, len(names) - 1, count).round().astype(int)]
    images = []
    for index, name in enumerate(chosen):
        step = int(os.path.splitext(name)[0].rpartition("_")[2])
        with tf.io.gfile.GFile(os.path.join(run.samples, name), "rb") as file:
            hidden = "" if index == count - 1 else " hidden"
            images.append(_image(name, file.read(), f"step {step:,}", f'width="600"{hidden}'))
    return (
        '<h2>Samples over time</h2>\n<p id="at"></p>\n'
        f'<input id="step" type="range" min="0" max="{count - 1}" value="{count - 1}">\n'
        f'<div id="samples">{"".join(images)}</div>'
    )


def _curves(run):
    figure = curves.run_figure(run.metrics, scores.read(run.join(scores.FILE_NAME)))
    if figure is None:
        return ""
    image = _image("curves.png", figure, "curves", 'class="smooth"')
    return f'<h2>Curves</h2>\n<figure id="curves">{image}</figure>'


def _scores(run):
    lines = scores.read(run.join(scores.FILE_NAME))
    if not lines:
        return ""
    rows = "".join(
        f"<tr><td>{line['step']:,}</td><td>{html.escape(line['title'])}</td>"
        f"<td>{line['value']:.4f}</td></tr>"
        for line in lines
    )
    head = "<tr><th>step</th><th>score</th><th>value</th></tr>"
    return f'<h2>Scores</h2>\n<table id="scores">{head}{rows}</table>'


def _picture_parts(pictures):
    """Yields a section for each kind of picture."""
    for kind, (heading, text) in _HEADINGS.items():
        images = [
            _image(name, content, heading, f'id="{html.escape(name)}"')
            for name, content in pictures.items()
            if os.path.splitext(name)[0] == kind
        ]
        if images:
            figures = "".join(f"<figure>{image}</figure>" for image in images)
            yield f"<h2>{heading}</h2>\n<p>{text}</p>\n{figures}"


def _image(name, content, description, attributes=""):
    kind = os.path.splitext(name)[1].lstrip(".")
    data = base64.b64encode(content).decode()
    return f'<img src="data:image/{kind};base64,{data}" alt="{description}" {attributes}>'
