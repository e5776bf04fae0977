import json
import threading

import pytest
import tensorflow as tf

from sagan_tf.errors import EvaluationError
from sagan_tf.runs import scores


def record(value):
    return {"step": 4, "metric": "fid", "title": "FID", "value": value}


def test_lines_are_added(tmp_path):
    path = str(tmp_path / "evaluation.jsonl")
    assert scores.read(path) == []
    scores.append(path, [record(1.5)])
    scores.append(path, [record(1.0), record(0.5)])
    assert [line["value"] for line in scores.read(path)] == [1.5, 1.0, 0.5]


def test_a_record_does_not_join_half_a_line(tmp_path):
    path = tmp_path / "evaluation.jsonl"
    path.write_text(f'{json.dumps(record(1.5))}\n{{"fid"')
    scores.append(str(path), [record(1.0)])
    with pytest.warns(UserWarning, match="line 2 is not a whole record"):
        assert scores.read(str(path)) == [record(1.5), record(1.0)]


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "directory").mkdir()
    for path in (tmp_path / "file" / "evaluation.jsonl", tmp_path / "directory"):
        with pytest.raises(EvaluationError, match=f"{path} cannot be written: "):
            scores.append(str(path), [record(1.0)])


def test_a_full_disk_loses_no_line(tmp_path, monkeypatch):
    path = str(tmp_path / "evaluation.jsonl")
    scores.append(path, [record(1.5)])

    def full(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.io.gfile, "rename", full)
    with pytest.raises(EvaluationError, match="cannot be written: No space left on device"):
        scores.append(path, [record(1.0)])
    assert scores.read(path) == [record(1.5)]
    assert [child.name for child in tmp_path.iterdir()] == ["evaluation.jsonl"]


def test_training_and_scoring_add_at_the_same_time(tmp_path):
    """Threads lose lines as processes do, unless they wait for each other."""
    path = str(tmp_path / "evaluation.jsonl")

    def add(writer):
        for number in range(40):
            scores.append(path, [record([writer, number])])

    threads = [threading.Thread(target=add, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sorted(line["value"] for line in scores.read(path))
    assert found == [[writer, number] for writer in range(4) for number in range(40)]


def test_records_are_json_lines_for_programs_and_a_summary_for_people(capsys):
    garments = {"metric": "fid", "title": "FID (garments)", "value": 2.5, "spread": None}
    garments |= {"step": 7, "comparable": "no", "warnings": ["few images"]}
    report = scores.ScorePrinter()
    report(garments)
    report({**garments, "spread": 0.5})
    printed = capsys.readouterr()
    assert [json.loads(line)["value"] for line in printed.out.splitlines()] == [2.5, 2.5]
    assert printed.err.count("few images") == printed.err.count("do not compare") == 1
    assert printed.err.endswith("step 7: FID (garments): 2.5000 ± 0.5000\n")
