"""Policies that are alone: by the design of the replay, or by taking their mutual waits away."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from executors import intent
from stopping import stopped_and_gone_on_with
from synthetic_replay import synthetic_table, told

from qcbench.cli.main import main
from qcbench.hardware.crossover import Crossover, orders
from qcbench.hardware.design import freeze, frozen, resolution
from qcbench.hardware.gap.analysis import analyse
from qcbench.hardware.gap.report import write_gap
from qcbench.hardware.gap.split import waits_alone
from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.manifest import find_replay, open_or_create, open_replay
from qcbench.hardware.moments import latest_end_s
from qcbench.hardware.plan import make_world
from qcbench.hardware.port import JobFigures
from qcbench.hardware.replay import describe, estimate_replay, run_replay
from qcbench.hardware.replay_config import compose_replay, replay_id
from qcbench.hardware.results import gap_of


def test_orders_are_drawn_balanced_and_frozen() -> None:
    config = told("blocks=9")
    found = orders(config)
    assert found == orders(config)
    assert found != orders(replace(config, repeat=2, repetition=2))
    assert orders(told()) == []
    for place in range(3):
        assert Counter(order[place] for order in found) == {0: 3, 1: 3, 2: 3}
    plan = frozen(config)["plan"]
    labels = [policy.label for policy in config.policies]
    assert plan["blocks"] == [[labels[policy] for policy in order] for order in found]
    assert plan["test"].startswith("t over blocks")
    assert "without the waits" in frozen(told("waits=alone"))["plan"]["primary_metric"]


def test_old_replays_keep_their_names_and_plans() -> None:
    plain = told()
    assert replay_id(told("blocks=null", "waits=as_measured")) == replay_id(plain)
    assert len({replay_id(one) for one in (plain, told("blocks=6"), told("waits=alone"))}) == 3
    assert not {"blocks", "anchors"} & set(frozen(plain)["plan"])


def test_sections_part_the_stream() -> None:
    """Every policy and task has one section; sections of a block follow each other."""
    arrival_s = np.cumsum(np.arange(1.0, 12.0))
    blocks = Crossover([[1, 0], [0, 1], [1, 0]], arrival_s)
    assert blocks.sections == 6
    cut = [blocks.block(task) for task in range(11)]
    assert cut == sorted(cut)
    assert set(cut) == {0, 1, 2}
    for task in range(11):
        assert {blocks.section(policy, task) // 2 for policy in (0, 1)} == {cut[task]}
        first = cut.index(cut[task])
        assert blocks.after_start_s(task) == pytest.approx(arrival_s[task] - arrival_s[first])
    assert blocks.section(1, 0) == 0
    assert blocks.section(0, 10) == 5


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["blocks=1"], "blocks"),
        (["blocks=4", "tasks=3"], "blocks: 4 of 3 tasks; give fewer"),
        (["blocks=2", "waits=alone"], "with blocks= every policy has the devices to itself"),
        (["waits=apart"], "waits"),
    ],
)
def test_bad_designs_are_one_line(
    overrides: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", "backend=local", *overrides, f"replays_dir={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.strip().splitlines()) == 1


def test_power_of_blocks_is_less_for_the_same_tasks() -> None:
    """Policies that do not meet the same hour differ by their hours as well."""
    together, apart = (
        resolution(make_world(told("tasks=90", *more)), draws=90) for more in ([], ["blocks=6"])
    )
    assert apart.occasions == together.occasions == 6
    assert apart.resolved_s > together.resolved_s


def test_waits_for_each_other_are_taken_away() -> None:
    """Of three policies that share devices, what is left is what each would have had alone."""
    table, fleet = synthetic_table(told())
    alone = waits_alone(table)
    assert alone.drop("completion_s").equals(table.drop("completion_s"))
    gap = analyse(table, fleet, waits_of_policies="alone")
    shared = analyse(table, fleet)
    for name in shared.policies.measured:
        assert gap.policies.measured[name].value < shared.policies.measured[name].value
        own = table.filter(pl.col("policy") == name)
        only = waits_alone(own)
        difference = (only["completion_s"] - own["completion_s"]).to_numpy()
        assert difference == pytest.approx(0.0, abs=1e-9), "who is alone waits for nobody"
    assert gap.time_split == shared.time_split
    unknown = waits_alone(table.with_columns(overhead_s=pl.lit(None, dtype=pl.Float64)))
    assert unknown["completion_s"].null_count() == table.height


@pytest.mark.parametrize("more", ["blocks=6", "waits=alone"])
def test_page_says_which(more: str, tmp_path: Path) -> None:
    config = told(f"replays_dir={tmp_path}", more)
    replay = open_or_create(config)
    freeze(replay.folder, config)
    synthetic_table(config)[0].drop("repetition").write_parquet(replay.table)
    page = write_gap(gap_of([str(replay.folder)])).page.read_text()
    words = {
        "blocks=6": "alone on the devices, in 6 blocks",
        "waits=alone": "without the waits that",
    }
    assert page.count(words[more]) == 2


@pytest.mark.e2e
@pytest.mark.parametrize(
    "at", ["placed", "placed 2 and ended 2 "], ids=["within a section", "between sections"]
)
def test_policies_alone_in_blocks_also_after_a_stop(
    at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No two policies have jobs at a time, in the order of the plan; a killed replay goes on."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = ["backend=local", "backend.speed=60", "poll_s=0.05", "tasks=6", "blocks=3"]
    words += ["scenario.workload.circuits.shots=200", "scenario.workload.circuits.max_qubits=4"]
    config = compose_replay([*words, "mirror=false", f"replays_dir={tmp_path}"])
    assert "about 3 times as long" in " ".join(describe(config, estimate_replay(config)))
    table = stopped_and_gone_on_with(config, at, monkeypatch).table
    assert set(table["state"]) == {"done"}
    assert table.height == 18
    spans = (
        table.group_by("block", "policy")
        .agg(
            begins=pl.col("decided_s").min(),
            ends=pl.col("finished_s").max(),
            tasks=pl.col("task").sort(),
        )
        .sort("begins")
    )
    plan = frozen(config)["plan"]["blocks"]
    assert spans["policy"].to_list() == [name for order in plan for name in order]
    assert spans["block"].to_list() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert all(
        ends <= begins for ends, begins in zip(spans["ends"][:-1], spans["begins"][1:], strict=True)
    )
    assert spans["tasks"].to_list() == [[2 * block, 2 * block + 1] for block in spans["block"]]
    assert (table["decided_s"] >= table["arrival_s"] - 1e-6).all()
    folder = open_replay(find_replay(None, str(tmp_path)).folder)
    assert run_replay(config).table.equals(table), "and again submits nothing"
    assert gap_of([str(folder.folder)]).plan.deviations == (
        "the stream was interrupted and taken up again 1 times",
    )


@pytest.mark.parametrize(
    ("finished_s", "latest_s"),
    [
        ([], 30.0),
        ([1030.0 + 500.0], 30.0),
        ([1050.0 + 500.0], 30.0),
        ([1130.0 + 500.0, 1110.0 + 500.0], 60.0),
    ],
    ids=["nothing ended", "before the last session", "in the pause", "in the last session"],
)
def test_a_stream_goes_on_after_what_has_ended(
    finished_s: list[float], latest_s: float, tmp_path: Path
) -> None:
    """From 1000 to 1030, and from 1100 on; the service's clock is 500 s ahead."""
    ledger = JobLedger(tmp_path / "ledger.sqlite")
    assert latest_end_s(ledger) == 0.0
    for session, (began_s, origin_s) in enumerate([(1000.0, 1000.0), (1100.0, 1070.0)]):
        ledger.put(f"began_{session}", began_s)
        ledger.put(f"origin_{session}", origin_s)
        ledger.put("sessions", session + 1)
    for number, moment_s in enumerate(finished_s):
        sent_s, job_id = 1010.0 if moment_s < 1600.0 else 1105.0, f"job-{number}"
        one = replace(intent(number), sent_s=sent_s)
        ledger.plan(one)
        ledger.attempt(one)
        ledger.adopt(one.hash, job_id)
        ledger.measure(job_id, "done", JobFigures(sent_s + 500.0, sent_s + 501.0, moment_s))
        assert latest_end_s(ledger) <= latest_s, "of what is open nothing is known yet"
        ledger.finish(one.hash, "done", counts=[])
    assert latest_end_s(ledger) == pytest.approx(latest_s)
