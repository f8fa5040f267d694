"""Web addresses in what people read: well-formed here, and asked for by `make links`."""

import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.docs import links  # noqa: E402 - found through the line above

WRONG = {
    "http://numba.pydata.org/": "is not https",
    "https://numba/x": "has no host",
    "https://-a.org": "has no host",
    "https://me:word@numba.pydata.org": "has a user or port",
    "https://numba.pydata.org:8443/": "has a user or port",
    "https://numba.pydata.org/ä": "has a character",
    "https://numba.pydata.org/%zz": "has a character",
    "https://example.com/x": "leads nowhere",
    "https://mlflow.example.org": "leads nowhere",
    "http://127.0.0.1:5000": "leads nowhere",
    "https://[::1": "Invalid IPv6",
    "https://numba.pydata.org:x/": "Port could not be cast",
}


def test_every_web_address_is_well_formed() -> None:
    found = list(links.all_addresses())
    assert [f"{each.place}: {each.url}: {links.fault_of(each)}" for each in found] == [
        f"{each.place}: {each.url}: None" for each in found
    ]
    assert any(each.place.startswith("docs/") and not each.is_code for each in found)
    assert any(each.place.startswith("qcbench/") for each in found)


@pytest.mark.parametrize("url", WRONG)
def test_a_wrong_address_is_told(url: str) -> None:
    (found,) = links.in_text(f"See <{url}>.", "page.md")
    assert found.url == url
    assert WRONG[url] in (links.fault_of(found) or "")


def test_addresses_are_found_where_they_stand() -> None:
    text = (
        "[a](https://a.org/x_(y)), `http://HOST:8265`; or\n"
        "https://b.org/p?q=1#r.\n\n```sh\ncurl https://mlflow.example.org/api\n```\n"
        "[https://c.org](https://c.org/d) s3://bucket/runs\n"
    )
    found = list(links.in_text(text, "page.md"))
    assert [(each.url, each.place, each.is_code) for each in found] == [
        ("https://a.org/x_(y)", "page.md:1", False),
        ("http://HOST:8265", "page.md:1", True),
        ("https://b.org/p?q=1#r", "page.md:2", False),
        ("https://mlflow.example.org/api", "page.md:5", True),
        ("https://c.org", "page.md:7", False),
        ("https://c.org/d", "page.md:7", False),
    ]
    assert not any(map(links.fault_of, found))
    assert [links.is_stand_in(each) for each in found] == [False, True, False, True, False, False]


def test_docstrings_are_read_and_other_strings_are_not() -> None:
    source = 'X = "http://no.org"\n"""Of X, see\nhttps://yes.org."""\n'
    assert [(each.url, each.place) for each in links.in_docstrings(source, "x.py")] == [
        ("https://yes.org", "x.py:3")
    ]


class _Answers(BaseHTTPRequestHandler):
    """Has one page."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.send_response(200 if self.path == "/there" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server with one page."""
    made = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


@pytest.mark.e2e
def test_addresses_are_asked_for(server: str) -> None:
    bad = links.check([f"{server}/there", f"{server}/gone", "http://127.0.0.1:9/"])
    assert set(bad) == {f"{server}/gone", "http://127.0.0.1:9/"}
    assert bad[f"{server}/gone"].startswith("404 ")
    assert bad["http://127.0.0.1:9/"] == links.SILENT


@pytest.mark.e2e
def test_without_a_network_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [links.Address("https://no-such-name.invalid/", "docs/x.md:1", False)]
    monkeypatch.setattr(links, "all_addresses", lambda: found)
    monkeypatch.setattr(links, "fault_of", lambda _: None)
    assert links.main() == 1
    assert capsys.readouterr().out == "no network here: none of 1 addresses was checked\n"
