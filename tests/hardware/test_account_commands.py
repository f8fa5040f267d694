"""What the documentation says of an account works, against an emulator with the same devices."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from qcbench.cli.main import main
from qcbench.hardware.emulator_process import INSTANCE, EmulatorProcess, running_emulator

pytest.importorskip("qiskit_aer")
pytest.importorskip("qiskit_ibm_runtime")
pytest.importorskip("mqt.bench")

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "deploy" / "README.md"
PAGES = [README, ROOT / "docs" / "hardware.md"]
HERONS = "devices=[torino,fez,marrakesh,kingston,boston]"
SOONER = ["scenario.workload.arrivals.rate_per_s=2", "poll_s=0.2"]
"""An account's clock is the wall's: what is documented for minutes ends within a test."""


def account_commands(page: Path) -> list[list[str]]:
    """The arguments of every command of a page that is for an account."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    found = [shlex.split(line, comments=True) for line in lines if "backend=ibm" in line]
    return [words[1:] for words in found]


@pytest.fixture(scope="module")
def account(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[EmulatorProcess, Path]]:
    """An account whose devices are those of the documentation, and its service's ledger."""
    folder = tmp_path_factory.mktemp("account")
    book = folder / "service.jsonl"
    quick = ["time_scale=30", "background.utilisation=0", "execution.classical_median_s=0.5"]
    with (
        running_emulator([HERONS, *quick, f"ledger={book}"]) as emulator,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in emulator.environment().items():
            patch.setenv(name, value)
        patch.setenv("QISKIT_IBM_TOKEN", "a-key-of-nobody")
        patch.setenv("QISKIT_IBM_INSTANCE", INSTANCE)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.chdir(folder)
        yield emulator, book


def test_there_are_commands_for_an_account() -> None:
    commands = account_commands(README)
    assert [words[0] for words in commands] == ["replay"] * len(commands)
    assert {"dry_run=true", "yes=true"} <= {words[-1] for words in commands}


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_the_commands_for_an_account(
    account: tuple[EmulatorProcess, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """In their order: what it would cost, the question, and the replay itself."""
    emulator, book = account
    text = README.read_text()
    for words in [words for page in PAGES for words in account_commands(page)]:
        code = main([*words, f"backend.url={emulator.url}", *SOONER])
        heard = capsys.readouterr()
        if "yes=true" in words:
            assert code == 0, heard.err
            assert "emulated: 30 rows (30 done)" in heard.out
        elif "doctor" in words:
            assert code == 0, heard.err
            assert heard.out.startswith("account: plan open, region us-east, 5 devices")
        elif "dry_run=true" in words:
            assert code == 0, heard.err
            assert stated_costs(text) == pytest.approx(foretold_costs(heard.out), rel=0.03)
        else:
            assert code == 2
            assert "add yes=true to spend it" in heard.err
        if "yes=true" not in words:
            assert not book.read_text(), "something was submitted"
    events = [json.loads(line) for line in book.read_text().splitlines()]
    charged = sum(event.get("charge_s", 0) for event in events)
    assert 0 < charged <= 300


def stated_costs(text: str) -> tuple[int, ...]:
    """Jobs, seconds, dollars and reserve of the example in the documentation."""
    flat = " ".join(text.split())
    found = re.search(
        r"are (\d+) jobs, (\d+) to (\d+) QPU seconds, (\d+) to (\d+) USD.*`budget_s=(\d+)`", flat
    )
    assert found, "the example's costs are not where they were"
    return tuple(int(figure) for figure in found.groups())


def foretold_costs(said: str) -> tuple[int, ...]:
    """The same of a dry run."""
    found = re.search(
        r"jobs: about (\d+),.*charge: (\d+) to (\d+) QPU.* (\d+) to (\d+) USD.*budget_s=(\d+)",
        said,
        re.DOTALL,
    )
    assert found, said
    return tuple(int(figure) for figure in found.groups())
