"""The cells of the notebook, run in order at a tiny size.

`jupyter nbconvert --to notebook --execute --inplace` makes the committed outputs again. It leaves
out cells with the tag "skip-execution".
"""

import json
import math
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf

PATH = pathlib.Path(__file__).parents[2] / "examples" / "quickstart.ipynb"
LARGEST_BYTES = 300_000
INSTALLS, SIZES = "skip-execution", "parameters"  # tags that Jupyter's own tools know


def code_cells():
    """(tags, source) of each code cell."""
    cells = json.loads(PATH.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    return [(cell["metadata"].get("tags", []), "".join(cell["source"])) for cell in code]


@pytest.fixture(scope="module")
def tiny_sizes(tmp_path_factory):
    return {
        "BASE_CHANNELS": 4,
        "BATCH_SIZE": 8,
        "EPOCHS": 1,
        "NUM_IMAGES": 200,
        "NUM_SCORED": 100,
        "EXPORT_DIR": str(tmp_path_factory.mktemp("exports") / "quickstart"),
    }


@pytest.fixture(scope="module")
def results(tiny_sizes):
    """The variables of the notebook after its last cell."""
    variables = {"__name__": "__main__"}
    for tags, source in code_cells():
        if INSTALLS in tags:
            continue
        exec(compile(source, PATH.name, "exec"), variables)
        if SIZES in tags:
            assert set(tiny_sizes) == {name for name in variables if name.isupper()}
            variables.update(tiny_sizes)
    return variables


def test_one_variable_says_where_the_install_comes_from():
    [install] = [source for tags, source in code_cells() if INSTALLS in tags]
    assert re.match(r"SOURCE = .+\n%pip install .*\{SOURCE\}$", install)
    assert code_cells()[0][1] == install


def test_no_other_cell_needs_jupyter():
    for tags, source in code_cells():
        if INSTALLS not in tags:
            compile(source, PATH.name, "exec")  # a magic is no Python


def test_training_made_the_steps_of_its_epochs(results):
    assert int(results["model"].step) == 200 // 8
    losses = results["history"].history
    assert math.isfinite(losses["generator_loss"][-1])
    assert math.isfinite(losses["discriminator_loss"][-1])


def test_images_of_every_class_are_drawn(results):
    pictures = results["pictures"]
    assert pictures.shape == (50, 32, 32, 1) and pictures.dtype == np.uint8
    assert pictures.std() > 0


def test_the_attention_picture_has_a_row_for_each_image(results):
    assert results["queries"].shape == (4, 5, 8, 8)
    np.testing.assert_allclose(results["queries"].sum((-2, -1)), 1.0, rtol=1e-4)
    height, width, channels = results["attention_picture"].shape
    assert height >= 4 * 64 and width >= 6 * 64 and channels == 3


def test_generated_images_are_further_from_real_ones_than_real_ones(results):
    assert 0 <= results["real_fid"] < results["fid"] < math.inf


def test_the_export_serves_the_images_of_generate(results, tiny_sizes):
    assert results["export_path"] == f"{tiny_sizes['EXPORT_DIR']}/1"
    assert tf.io.gfile.exists(f"{results['export_path']}/saved_model.pb")
    assert results["served"].shape == (5, 32, 32, 1) and results["served"].dtype == np.uint8
    first = results["model"].generate(labels=[8], seed=7)[0]
    np.testing.assert_allclose(results["served"][0].astype(int), first.astype(int), atol=1)


def test_the_committed_outputs_are_small_and_whole():
    """Every cell but the installing one ran, in order; pictures are inline; no cell failed."""
    assert PATH.stat().st_size < LARGEST_BYTES
    cells = json.loads(PATH.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    ran = [cell for cell in code if INSTALLS not in cell["metadata"].get("tags", [])]
    assert [cell["execution_count"] for cell in ran] == list(range(1, len(ran) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 4
