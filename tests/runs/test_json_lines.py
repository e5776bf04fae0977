import pytest

from sagan_tf.runs import json_lines

DAMAGED = b'{"a": 1}\n\n   \n{"a": 2, "b\n3\n\xc3\n{"a": 4}\n'


def test_whole_lines_are_read_and_each_other_one_is_named(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_bytes(DAMAGED)
    with pytest.warns(UserWarning) as caught:
        assert json_lines.read(str(path)) == [{"a": 1}, {"a": 4}]
    found = [str(warning.message) for warning in caught]
    assert found == [
        f"{path}: line {number} is not a whole record; it is left out" for number in (4, 5, 6)
    ]


@pytest.mark.parametrize("content", [None, b"", b"\n"])
def test_nothing_is_no_record(tmp_path, content):
    path = tmp_path / "lines.jsonl"
    if content is not None:
        path.write_bytes(content)
    assert json_lines.read(str(path)) == []


def test_a_record_without_the_names_that_it_must_have_is_left_out(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text('{"step": 1, "loss": 2}\n{"loss": 3}\n{}\n')
    with pytest.warns(UserWarning, match="line [23] is not a whole record"):
        assert json_lines.read(str(path), ["step"]) == [{"step": 1, "loss": 2}]
