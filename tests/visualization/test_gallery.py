"""The page of a run, as text and in a browser."""

import json
import re
import shutil
import subprocess
import warnings

import numpy as np
import pytest
from PIL import Image

from sagan_tf.images import png
from sagan_tf.visualization import gallery

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def page(small_run, tmp_path_factory):
    """The path of a page with one picture and one score, beside nothing else."""
    run = tmp_path_factory.mktemp("runs") / "scored"
    shutil.copytree(small_run, run)
    score = {"step": 4, "title": "FID <garments>", "value": 12.5, "metric": "fid"}
    (run / "evaluation.jsonl").write_text(json.dumps(score) + "\n")
    picture = png(np.full((64, 300, 3), (10, 200, 30), np.uint8))
    path = tmp_path_factory.mktemp("page") / gallery.PAGE
    path.write_text(gallery.page(str(run), {"attention.png": picture, "other.txt": b"x"}))
    return path


def test_the_page_needs_nothing_else(page):
    text = page.read_text()
    sources = re.findall(r'src="([^"]*)"', text)
    assert len(sources) == 4  # two sample grids, the curves, the picture
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in text and "FID &lt;garments&gt;" in text and "12.5000" in text
    assert re.findall('alt="(step [0-9]+)"', text) == ["step 2", "step 4"]


@pytest.mark.parametrize("rest", ["", "\n", '{"step": 3, "los'])
def test_damaged_lines_do_not_keep_the_page_from_being_made(small_run, tmp_path, rest):
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    (run / "metrics.jsonl").write_text(rest)
    (run / "evaluation.jsonl").write_text(rest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = gallery.page(str(run), {})
    assert 'id="samples"' in text and "Curves" not in text and "Scores" not in text


@pytest.fixture(scope="module")
def browser():
    paths = [path for path in map(shutil.which, BROWSERS) if path]
    if not paths:
        pytest.skip("no Chromium or Chrome on this machine: the page was not looked at")
    return [paths[0], "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1000,2600"]


def test_a_browser_shows_it(page, browser, tmp_path):
    command = [*browser, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", f"file://{page}"]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert '<p id="at">step 4</p>' in dom, "the script ran"
    assert len(re.findall("<img[^>]* hidden", dom)) == 1
    shot = tmp_path / "page.png"
    command[-2] = f"--screenshot={shot}"
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    picture = np.asarray(Image.open(shot).convert("RGB")).astype(int)
    green = (np.abs(picture - (10, 200, 30)).max(axis=-1) < 3).sum()
    assert green == 64 * 300, "the picture is shown whole"
