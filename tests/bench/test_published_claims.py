"""Published claims: their files, their measurement, what is kept of it, what pages say of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from qcbench.api import compose_run
from qcbench.api.claiming import check_claim
from qcbench.bench.claim import (
    Against,
    ClaimConfig,
    ClaimVerdict,
    GamesMeasure,
    MeasuredNumber,
    TrialsMeasure,
    claim_names,
    load_claim,
    recorded,
)
from qcbench.bench.metrics.names import is_metric
from qcbench.bench.typed import plain
from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.report import claims as written
from qcbench.stats.intervals import Estimate
from qcbench.stats.verdicts import answer_of

ROOT = Path(__file__).resolve().parents[2]
NAMES = claim_names()
EXACT = "pragm-printed-allocation"


def test_every_published_system_has_claims() -> None:
    systems = {load_claim(name).system for name in NAMES}
    assert len(systems) == 4
    assert len(NAMES) > 25


MEASURED = [name for name in NAMES if load_claim(name).verdict is not None]


def test_most_claims_have_been_measured() -> None:
    assert len(MEASURED) >= len(NAMES) / 2


@pytest.mark.parametrize("name", MEASURED)
def test_a_stored_verdict_is_what_the_rule_says_of_the_stored_findings(name: str) -> None:
    claim = load_claim(name)
    assert claim.verdict is not None
    found = [(Estimate(f.value, f.low, f.high), f.worlds) for f in claim.verdict.findings]
    assert claim.verdict.answer == answer_of(found, claim.least, claim.most)


def test_what_a_claim_names_is_there() -> None:
    """Its suite with its overrides, and in it scenarios, policies and metric."""
    suites = {}
    for claim in map(load_claim, NAMES):
        if (asked := claim.trials) is None:
            continue
        key = (asked.suite, *asked.overrides)
        if key not in suites:
            suites[key] = compose_run([f"suite={asked.suite}", *asked.overrides]).suite
        suite, against = suites[key], asked.against or Against()
        scenarios = {entry.name for entry in suite.scenarios}
        policies = {policy.label for policy in suite.policies}
        assert set(asked.scenarios) <= scenarios
        assert against.scenario in {"", *scenarios}
        assert {*asked.policies, against.policy or asked.policies[0]} <= policies
        for metric in filter(None, (asked.metric, against.metric)):
            assert is_metric(suite.track, metric)


def test_the_page_has_the_stored_verdicts() -> None:
    """`qcbench claims --format markdown` is what the page has below its first section."""
    page = (ROOT / "docs" / "claims.md").read_text()
    table = written.as_markdown({name: load_claim(name) for name in NAMES})
    assert page.endswith(table), "write the output of `qcbench claims --format markdown` there"


def test_the_list_says_of_each_claim_what_is_stored(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    for name in NAMES:
        verdict = load_claim(name).verdict
        answer, date = (verdict.answer, verdict.date) if verdict else ("not measured", "")
        assert f" {answer}" in lines[name]
        assert lines[name].rstrip().endswith(date)


def test_an_exact_claim_is_measured_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", EXACT]) == 0
    told = capsys.readouterr().out
    assert told.endswith(f"{EXACT}: does not hold\n")
    assert "3.00 qubits too many  exact" in told


def test_a_measurement_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", EXACT, "--format", "json"]) == 0
    told = capsys.readouterr().out
    assert '"answer": "does not hold"' in told
    assert f'"claim": "{EXACT}"' in told


SMALL = TrialsMeasure(
    suite="quickstart",
    overrides=["suite.replicates=6"],
    scenarios=["qce5-published"],
    policies=["greedy"],
    metric="mean_completion_s",
    against=Against(policy="earliest_completion"),
)


def claim_of(measure: TrialsMeasure, **rest: float) -> ClaimConfig:
    return ClaimConfig(system="s", statement="S", source="here", trials=measure, **rest)  # type: ignore[arg-type]


def test_policies_are_compared_within_worlds() -> None:
    verdict = check_claim(claim_of(SMALL, least=0.0), progress="silent")
    (found,) = verdict.findings
    assert verdict.answer == "holds"
    assert found.worlds == 6
    assert found.of == "qce5-published"
    assert 0 < found.low < found.value < found.high
    # The same by the claims of a leaderboard: within worlds, by Student's t.
    assert verdict.answer == check_claim(claim_of(SMALL, least=0.0), progress="silent").answer


def test_a_metric_against_another_one_and_a_mean_without_a_comparison() -> None:
    itself = replace(SMALL, against=Against(metric="mean_completion_s"))
    verdict = check_claim(claim_of(itself, most=0.0), progress="silent")
    assert (verdict.answer, verdict.findings[0].value) == ("holds", 0.0)
    alone = replace(SMALL, against=None, policies=["greedy", "random"], metric="tasks")
    verdict = check_claim(claim_of(alone, least=25.0, most=25.0), progress="silent")
    assert [found.of for found in verdict.findings] == ["greedy", "random"]
    assert verdict.answer == "holds"


def test_scenarios_with_worlds_of_their_own_are_not_paired() -> None:
    other = Against(scenario="heron5-load-120")
    apart = replace(SMALL, against=other, unit="metric")
    found = check_claim(claim_of(apart, least=0.0), progress="silent").findings[0]
    assert found.low < found.value < found.high


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"policies": ["gredy"]}, "suite quickstart: has no policy gredy; did you mean greedy"),
        ({"scenarios": ["qce5"]}, "suite quickstart: has no scenario qce5"),
        ({"metric": "makespan"}, "metric makespan: is no column of the result table; did you mean"),
    ],
)
def test_what_the_suite_does_not_have_is_named(changes: dict[str, object], message: str) -> None:
    measure = replace(SMALL, overrides=["suite.replicates=1"], **changes)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=message):
        check_claim(claim_of(measure, least=0.0), progress="silent")


def test_a_claim_about_games_is_a_share_with_its_interval() -> None:
    games = GamesMeasure(game="G1", definitions=["P", "Q"], share="several_equilibria", games=20)
    claim = ClaimConfig(system="s", statement="S", source="here", games=games, most=0.0)
    verdict = check_claim(claim)
    assert verdict.answer == "does not hold"
    assert [found.of for found in verdict.findings] == ["P", "Q"]
    assert all(0 <= found.low <= found.value <= found.high <= 1 for found in verdict.findings)


VERDICT = ClaimVerdict(
    answer="cannot be said",
    date="2026-01-02",
    findings=[MeasuredNumber(of="m8, P", value=-1.0, low=-2.0, high=0.5, worlds=30)],
)


@pytest.mark.parametrize("after", ["", "verdict:\n  answer: holds\n  findings:\n  - {of: x}\n"])
def test_a_verdict_is_kept_at_the_end_and_the_rest_stays(after: str) -> None:
    text = '# Why.\nsystem: s\nstatement: "S: it is"\n'
    again = recorded(text + after, VERDICT)
    assert again.startswith(text)
    assert recorded(again, VERDICT) == again


def own_claim(folder: Path) -> Path:
    (folder / "claim").mkdir(parents=True)
    file = folder / "claim" / "mine.yaml"
    packaged = ROOT / "conf" / "claim" / f"{EXACT}.yaml"
    text = packaged.read_text().partition("verdict:")[0]
    file.write_text(f"# A comment.\n{text}")
    return file


def test_a_claim_is_one_file_whose_verdict_the_command_keeps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = own_claim(tmp_path)
    assert load_claim("mine", [tmp_path]).verdict is None
    assert main(["claims", "mine", "--record", "--config-dir", str(tmp_path)]) == 0
    verdict = load_claim("mine", [tmp_path]).verdict
    assert verdict is not None
    assert verdict.answer == "does not hold"
    assert file.read_text().startswith("# A comment.\n")
    assert main(["claims", "--config-dir", str(tmp_path)]) == 0
    assert "mine" in capsys.readouterr().out


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["claims", *arguments]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    return line


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such claim; did you mean pragm-total-cost-" in refusal(capsys, "pragm-total-cost")
    assert "name it" in refusal(capsys, "--record")
    assert "--format markdown" in refusal(capsys, EXACT, "--format", "markdown")
    file = own_claim(tmp_path)
    text = file.read_text()
    for wrong, said in (
        (text.replace("most: 0.0\n", ""), "give least, most or both"),
        (text.replace("quantity: overload", "quantity: load"), "claim mine.problem.quantity"),
        (text.replace("[5, 4, 0, 0]", "[5, 4, 0]"), "must have 2 rows of 4 numbers"),
        (text.replace("demands: [9, 6]", "demands: [9, 60]"), "more qubits than the nodes have"),
        (text + "publishd: x\n", "did you mean published"),
        (text.partition("problem:")[0], "give one of trials, games and problem"),
    ):
        file.write_text(wrong)
        assert said in refusal(capsys, "mine", "--config-dir", str(tmp_path))


def test_a_claim_says_the_same_as_plain_data() -> None:
    claim = load_claim(EXACT)
    assert plain(claim)["problem"]["allocation"] == [[5, 4, 0, 0], [3, 3, 0, 0]]
