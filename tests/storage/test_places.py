"""What runs_dir may be, and what paths in a mirror are called."""

import re
import stat
from pathlib import Path

import pytest

from qcbench.bench.run_names import told_name
from qcbench.errors import InputError
from qcbench.storage.places import local_folder, place_of, runs_folder, shown_path


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("text", ["runs", "/data/runs", "C:\\runs", "s3:/x"])
def test_folders_are_what_they_were(text: str) -> None:
    assert runs_folder(text) == Path(text)
    assert local_folder(Path(text)) == Path(text)
    assert shown_path(Path(text)) == text


def test_a_file_url_is_a_folder() -> None:
    assert runs_folder("file:///data/my%20runs/") == Path("/data/my runs")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("gs://bucket/some/path/", "gs://bucket/some/path"),
        ("az://container/x", "az://container/x"),
        ("abfs://box@account.dfs.core.windows.net/x", "abfs://box@account.dfs.core.windows.net/x"),
    ],
)
def test_urls_have_a_mirror(text: str, url: str) -> None:
    folder = runs_folder(text)
    assert folder == runs_folder(url) != runs_folder("s3://other")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    place = place_of(folder / "run-1" / "shards" / "a")
    assert place is not None
    assert (place.url, place.key, place.run) == (url, "run-1/shards/a", folder / "run-1")
    assert shown_path(folder / "run-1") == f"{url}/run-1"
    assert told_name(folder / "run-1") == f"run-1 runs_dir={url}"
    assert local_folder(folder) == Path("runs")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("s3://key:secret@bucket/x", "has credentials in it"),
        ("s3://key@bucket/x", "has credentials in it"),
        ("abfs://box:secret@account.dfs.core.windows.net/x", "has credentials in it"),
        ("hdfs://x/y", "no URL that runs are kept at"),
        ("https://bucket.s3.amazonaws.com/x", "no URL that runs are kept at"),
        ("s3://", "no URL that runs are kept at"),
        ("s3:///path", "no URL that runs are kept at"),
        ("s3://bucket/a/../b", "no URL that runs are kept at"),
        ("s3://bucket/a//b", "no URL that runs are kept at"),
        ("s3://bucket/a?versionId=1", "no URL that runs are kept at"),
        ("file://host/x", "no URL that runs are kept at"),
        ("file:///", "no URL that runs are kept at"),
        ("s3://[", "is no URL that can be read"),
    ],
)
def test_other_urls_are_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(words)) as raised:
        runs_folder(text)
    assert str(raised.value).startswith("runs_dir: ")
    assert "secret" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []
