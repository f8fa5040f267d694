"""A search is done once for the same code and figures, and again where nothing can be kept."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from qcbench.stats import kept_searches
from qcbench.stats.kept_searches import kept


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "qcbench" / "searches.sqlite"


class Search:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self, first: np.ndarray, second: np.ndarray) -> float:
        self.times += 1
        return float(first.sum() + 2 * second.sum()) / 3


ONE, TWO = np.arange(6.0).reshape(2, 3), np.ones(2)


def test_the_same_is_searched_once_and_given_to_the_bit(cache: Path) -> None:
    search = Search()
    found = [kept(search, "one", ONE, TWO) for _ in range(3)]
    assert (set(found), search.times) == ({19 / 3}, 1)
    assert kept(search, "one", ONE.copy(order="F"), TWO) == 19 / 3
    assert search.times == 1
    for other in ((ONE.T, TWO), (ONE, TWO + 1e-15), (ONE.reshape(3, 2), TWO)):
        kept(search, "one", *other)
    assert search.times == 4
    kept(search, "two", ONE, TWO)
    assert search.times == 5
    assert cache.is_file()


def test_what_was_found_first_goes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_searches, "MOST_KEPT", 3)
    search = Search()
    for shift in range(5):
        kept(search, "one", ONE + shift, TWO)
    with sqlite3.connect(cache) as database:
        assert database.execute("SELECT count(*) FROM found").fetchone() == (3,)
    kept(search, "one", ONE + 4, TWO)
    assert search.times == 5
    kept(search, "one", ONE, TWO)
    assert search.times == 6


def test_a_file_that_is_none_costs_time_alone(cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_bytes(b"no database at all, but long enough to be read as one" * 20)
    search = Search()
    assert [kept(search, "one", ONE, TWO) for _ in range(2)] == [19 / 3, 19 / 3]
    assert search.times == 2
    cache.unlink()
    cache.mkdir()
    assert kept(search, "one", ONE, TWO) == 19 / 3
