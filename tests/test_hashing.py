"""SHA-256 of directories."""

import hashlib

from sagan_tf import hashing


def test_a_directory_is_hashed_by_names_and_contents(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "one").write_bytes(b"1")
    (tmp_path / "a").write_bytes(b"2")
    lines = f"a {hashlib.sha256(b'2').hexdigest()}\nb/one {hashlib.sha256(b'1').hexdigest()}\n"
    assert hashing.directory_sha256(str(tmp_path)) == hashlib.sha256(lines.encode()).hexdigest()


def test_circles_of_links_end(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(name.encode())
    before = hashing.directory_sha256(str(tmp_path))
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "b" / "up").symlink_to("..")
    (tmp_path / "b" / "itself").symlink_to(".")
    assert hashing.directory_sha256(str(tmp_path)) == before
