import json

import numpy as np
import pytest

from sagan_tf import weight_files
from sagan_tf.errors import UserError

ARRAYS = {"block1/kernel": np.arange(6, dtype=np.float16).reshape(2, 3), "bias": np.ones(3)}


@pytest.mark.parametrize("compress", [True, False])
def test_a_pair_round_trips(tmp_path, compress):
    stem = str(tmp_path / "new" / "pair")
    card = weight_files.write(stem, weight_files.pack(ARRAYS, compress), {"step": 3})
    arrays, read = weight_files.read(stem)
    assert read == card == json.loads((tmp_path / "new" / "pair.json").read_text())
    assert card["step"] == 3 and len(card["sha256"]) == 64
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype


def test_a_missing_or_changed_file_is_named(tmp_path):
    stem = str(tmp_path / "pair")
    with pytest.raises(UserError, match=r"not installed: .*pair\.json"):
        weight_files.read(stem)
    weight_files.write(stem, weight_files.pack(ARRAYS), {})
    with open(f"{stem}.npz", "ab") as file:
        file.write(b"x")
    with pytest.raises(UserError, match=r"pair\.npz has sha256 .*: it is damaged"):
        weight_files.read(stem)
