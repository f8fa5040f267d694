"""What the pages on operations and security claim is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def test_every_proof_is_a_test_that_there_is() -> None:
    cited = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (DOCS / "security.md").read_text())
    assert len(cited) > 20
    for path, name in cited:
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.MULTILINE), name


def test_every_kind_of_attacker_has_what_does_not_stop_it() -> None:
    sections = re.split(r"^## ", (DOCS / "security.md").read_text(), flags=re.MULTILINE)[1:]
    assert all("Not stopped: " in text for text in sections)


def test_the_secrets_that_are_made_are_those_that_the_manifests_name() -> None:
    text = (DOCS / "operations.md").read_text()
    made = {
        name: set(re.findall(r"--from-file=([\w-]+)=", rest))
        for name, rest in re.findall(r"create secret generic ([\w-]+)(.*)", text)
    }
    named: dict[str, set[str]] = {}
    for path in sorted((ROOT / "k8s").rglob("*.yaml")):
        found = path.read_text()
        for name, key in re.findall(r"secretKeyRef:\s+name: ([\w-]+)\s+key: ([\w-]+)", found):
            named.setdefault(name, set()).add(key)
        for name in re.findall(r"secretRef:\s+name: ([\w-]+)", found):
            named.setdefault(name, set())
        for name, key in re.findall(r"secretName: ([\w-]+)\s+.*\s+items:\s+- key: ([\w-]+)", found):
            named.setdefault(name, set()).add(key)
    assert made == named
