"""Tab completion: what a half-written command line can become."""

from pathlib import Path

import pytest

from qcbench.cli.completion import SUBVERBS, suggestions
from qcbench.cli.main import main


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("qcbench lea", {"leaderboard"}),
        ("qcbench run suite=qui", {"suite=quickstart"}),
        ("qcbench run tracking=s", {"tracking=server", "tracking=sqlite"}),
        ("qcbench track tracking=no", {"tracking=none"}),
        ("qcbench simulate policy=earliest_c", {"policy=earliest_completion"}),
        ("qcbench simulate workload.ta", {"workload.tasks="}),
        ("qcbench simulate scenario.workload.ta", {"scenario.workload.tasks="}),
        ("qcbench simulate fl", {"fleet.", "fleet="}),
        ("qcbench run cluster.wo", {"cluster.workers="}),
        ("qcbench workload g", {"generate"}),
        ("qcbench workload generate g", set()),
        ("qcbench policies al", {"allocation"}),
        ("qcbench submit st", {"stop"}),
        ("qcbench submit s", {"stop", "sweep"}),
        ("qcbench submit train cluster=r", {"cluster=remote"}),
        ("qcbench submit run suite=qui", {"suite=quickstart"}),
        ("qcbench nonsense x", set()),
        ("qcbench emulator faults=", {"faults=none", "faults=flaky"}),
    ],
)
def test_suggestions(line: str, expected: set[str]) -> None:
    assert set(suggestions(line)) == expected


def test_folders_of_ones_own_are_searched(tmp_path: Path) -> None:
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "mine.yaml").touch()
    assert suggestions(f"qcbench run --config-dir {tmp_path} suite=mi") == ["suite=mine"]


@pytest.mark.parametrize(
    ("verb", "subverb"), [(verb, each) for verb, known in SUBVERBS.items() for each in known]
)
def test_suggested_subverbs_exist(
    verb: str, subverb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, subverb, "--help"]) == 0
    assert subverb in capsys.readouterr().out
