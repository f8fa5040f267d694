"""`qcbench partition`: answers against brute force, and one line for everything that is wrong."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qcbench.cli.main import main
from qcbench.policies.batch.games import is_equilibrium
from qcbench.policies.batch.problem import Batch

EXAMPLE: dict[str, Any] = {
    "capacities": [5, 4, 5, 4],
    "demands": [9, 6],
    "unit_prices": [100, 100, 100, 100],
    "definition": "P",
}


def write(folder: Path, content: object) -> str:
    path = folder / "problem.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["partition", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert len(out.splitlines()) == 1
    found: dict[str, Any] = json.loads(out)
    return found


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["partition", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("qcbench: ")
    assert len(err.splitlines()) == 1
    return err


def least_cost(problem: dict[str, Any]) -> float:
    """Every use of the nodes, without any of the package's formulas."""
    power = {"P": 2, "Q": 0, "M": 1}[problem["definition"]]
    scale = 1 if problem["definition"] == "Q" else 100
    nodes = list(zip(problem["capacities"], problem["unit_prices"], strict=True))
    return min(
        sum(scale * a / c**power * x**2 for x, (c, a) in zip(use, nodes, strict=True))
        for use in product(*(range(c + 1) for c, _ in nodes))
        if sum(use) == sum(problem["demands"])
    )


def test_the_worked_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, EXAMPLE)
    found = answer(capsys, "solve", path)
    assert found["cost"] == 27650
    assert found["partitions"] == 4
    bounds = answer(capsys, "bounds", path)
    assert bounds["relaxed"]["cost"] == pytest.approx(27439.02, abs=0.01)
    assert bounds["sparse_relaxed"]["cost"] == pytest.approx(27450)
    assert bounds["sparse_relaxed"]["use"] == pytest.approx([4.5, 3, 4.5, 3])
    assert bounds["integer"]["cost"] == 27650


def test_the_printed_matrix_is_refused_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, {**EXAMPLE, "allocation": [[5, 4, 0, 0], [3, 3, 0, 0]]})
    assert "infeasible: node 0 would hold 8 qubits but has 5" in refusal(capsys, "check", path)


@pytest.mark.parametrize("seed", range(12))
def test_costs_are_least_and_allocations_feasible(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(seed)
    capacities = rng.integers(1, 8, size=int(rng.integers(1, 5))).tolist()
    total = int(rng.integers(1, sum(capacities) + 1))
    cut = int(rng.integers(1, total + 1))
    problem = {
        "capacities": capacities,
        "demands": [cut, total - cut] if total > cut else [cut],
        "unit_prices": rng.integers(0, 90, size=len(capacities)).tolist(),
        "definition": "PQM"[seed % 3],
    }
    found = answer(capsys, "solve", write(tmp_path, problem))
    matrix = np.array(found["allocation"])
    assert found["cost"] == pytest.approx(least_cost(problem))
    assert (matrix >= 0).all()
    assert (matrix.sum(axis=0) <= problem["capacities"]).all()
    assert matrix.sum(axis=1).tolist() == problem["demands"]
    assert found["partitions"] == int((matrix > 0).sum())
    batch = Batch(
        np.array(capacities),
        np.array(problem["unit_prices"], dtype=float),
        np.array(problem["demands"]),
        problem["definition"],  # type: ignore[arg-type]
    )
    assert found["is_equilibrium"] == is_equilibrium(batch, matrix, "G1")
    again = answer(capsys, "check", write(tmp_path, {**problem, "allocation": matrix.tolist()}))
    assert again["cost"] == found["cost"] == pytest.approx(again["optimal_cost"])


def test_the_fewest_parts_of_the_published_examples(
    reference_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    examples = json.loads((reference_data / "partition" / "allocation_examples.json").read_text())
    for example in examples:
        for definition, wanted in example["definitions"].items():
            keys = ("capacities", "demands", "unit_prices")
            problem = {**{key: example[key] for key in keys}, "definition": definition}
            found = answer(capsys, "solve", write(tmp_path, problem))
            assert found["cost"] == pytest.approx(wanted["opt_int_cost"])
            assert found["partitions"] == wanted["min_partitions_at_opt_cost"]


def test_circuits_get_their_qubits_assigned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {**EXAMPLE, "circuits": ["ghz:9", [[0, 1], [1, 2], [3, 4], [4, 5], [0, 1], [3]]]}
    found = answer(capsys, "solve", write(tmp_path, problem))
    assert [len(nodes) for nodes in found["nodes"]] == [9, 6]
    for nodes, row in zip(found["nodes"], found["allocation"], strict=True):
        assert np.bincount(nodes, minlength=4).tolist() == row
    assert found["remote_gates"][0] == len(set(found["nodes"][0])) - 1


def test_anarchy_is_reported_beside_the_claim(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = {"capacities": [3, 3], "demands": [3], "unit_prices": [1, 1], "definition": "Q"}
    found = answer(capsys, "anarchy", write(tmp_path, problem))
    assert found["price_of_anarchy"] == pytest.approx(9 / 5)
    assert found["claimed_bound"] == pytest.approx(4 / 3)
    assert not found["within_bound"]
    assert answer(capsys, "anarchy", write(tmp_path, problem), "--game", "G2")["within_bound"]


SMALL: dict[str, Any] = {"capacities": [3, 6, 5], "demands": [4, 3], "unit_prices": [9, 9, 9]}


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("round_robin", [[3, 1, 0], [0, 0, 3]]),  # node 1 gave the end of circuit 0
        ("pragm", [[3, 0, 0], [0, 2, 2]]),
    ],
)
def test_solve_by_a_policy(
    policy: str, wanted: list[list[int]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = SMALL if policy == "round_robin" else {**SMALL, "demands": [3, 4]}
    found = answer(capsys, "solve", write(tmp_path, problem), f"policy={policy}")
    assert found["allocation"] == wanted
    assert found["policy"] == policy
    use = np.sum(wanted, axis=0)
    assert found["cost"] == 9 * (use**2).sum()
    assert found["optimal_cost"] == least_cost({**problem, "definition": "Q"})
    assert "nodes" not in found


@pytest.mark.parametrize("policy", ["frontier", "pragm", "pragm_pp", "random", "round_robin"])
@pytest.mark.parametrize("circuits", [None, ["qft:9", "dj:6"]])
def test_every_policy_solves_a_given_problem(
    policy: str,
    circuits: list[str] | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    problem = EXAMPLE if circuits is None else {**EXAMPLE, "circuits": circuits}
    found = answer(capsys, "solve", write(tmp_path, problem), f"policy={policy}")
    matrix = np.array(found["allocation"])
    assert matrix.sum(axis=1).tolist() == [9, 6]
    assert (matrix.sum(axis=0) <= EXAMPLE["capacities"]).all()
    assert (found["cost"] == 27650) == (policy not in {"random", "round_robin"})
    assert found["optimal_cost"] == 27650
    assert ("nodes" in found) == (circuits is not None)
    if circuits:
        assert [np.bincount(n, minlength=4).tolist() for n in found["nodes"]] == matrix.tolist()
    again = answer(capsys, "check", write(tmp_path, {**problem, "allocation": found["allocation"]}))
    assert again["cost"] == found["cost"]
    assert again["equilibrium"] == found["equilibrium"]


def test_the_default_policy_is_frontier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, {**EXAMPLE, "circuits": ["qft:9", "dj:6"]})
    assert answer(capsys, "solve", path) == answer(capsys, "solve", path, "policy=frontier")


def test_the_seed_decides_what_random_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, {**SMALL, "capacities": [9] * 9, "unit_prices": [1] * 9})
    told = ("solve", path, "policy=random")
    drawn = [answer(capsys, *told, f"seed={seed}") for seed in range(6)]
    assert len({json.dumps(found["allocation"]) for found in drawn}) > 1
    assert answer(capsys, *told, "seed=4") == drawn[4] == answer(capsys, *told, "--seed", "4")
    assert answer(capsys, "solve", path, "--seed", "4", "policy=random") == drawn[4]
    assert answer(capsys, *told) == drawn[0]


def test_options_of_a_policy_and_the_game(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, EXAMPLE)
    vertex = "policy.parameters.split=vertex"
    found = answer(capsys, "solve", path, "policy=pragm_pp", vertex, "--game", "G2")
    assert found["allocation"] == answer(capsys, "solve", path, "policy=pragm")["allocation"]
    assert found["game"] == "G2"
    assert answer(capsys, "solve", path, "game=G2", "policy=pragm")["game"] == "G2"


def test_a_policy_of_the_own_configs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "policy").mkdir()
    text = "name: pragm_pp\nlabel: corner\nparameters: {split: vertex}\n"
    (tmp_path / "policy" / "corner.yaml").write_text(text)
    told = ("policy=corner", "--config-dir", str(tmp_path))
    assert answer(capsys, "solve", write(tmp_path, EXAMPLE), *told)["policy"] == "corner"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (["policy=round_robbin"], ["round_robbin", "did you mean round_robin"]),
        (["policy=nope"], ["policy nope", "no such partition policy", "known: frontier, pragm"]),
        (["policy=greedy"], ["greedy", "no such partition policy", "round_robin"]),
        (["policy="], ["policy="]),
        (["policy=./nowhere"], ["./nowhere", "no such folder"]),
        (["policy=pragm", "policy.parameters.moves=5"], ["pragm", "no parameter moves"]),
        (["policy.parameters.moves=0"], ["frontier", "moves: 0", "must be in 1..10000000"]),
        (["policy.parameters.moves=1000000000000"], ["moves: 1000000000000", "1..10000000"]),
        (["policy.parameters.restarts=-3"], ["restarts: -3", "must be in 1..10000"]),
        (["policy.parameters.moves=many"], ["moves is 'many'", "int"]),
        (["policy.parameters.moves=2.5"], ["moves is 2.5", "int"]),
        (["policy.parameters.partition_worth=nan"], ["partition_worth", "finite"]),
        (["policy.parameters.partition_worth=-1"], ["partition_worth: -1", "negative"]),
        (["policy=pragm_pp", "policy.parameters.split=vertx"], ["'vertx'", "vertex"]),
        (["polcy=pragm"], ["polcy", "did you mean policy"]),
        (["definition=P"], ["definition", "no such key"]),
        (["seed=-1"], ["seed: -1", "must not be negative"]),
        (["--seed", "-1"], ["seed: -1", "must not be negative"]),
        (["seed=first"], ["seed", "first", "whole number"]),
        (["seed=1e30"], ["seed", "1e+30"]),
        (["--seed", "1.5"], ["--seed", "1.5"]),
        (["game=G3"], ["game", "G3", "G1"]),
        (["--game", "G3"], ["--game", "G3", "G1"]),
        (["--nope"], ["--nope", "--help"]),
        (["pragm"], ["pragm", "key=value"]),
        (["--config-dir", "/no/such/folder"], ["/no/such/folder"]),
    ],
    ids=" ".join,
)
def test_what_solve_cannot_be_told(
    told: list[str], words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, "solve", write(tmp_path, EXAMPLE), *told)
    for word in words:
        assert word in said


@pytest.mark.parametrize("verb", ["check", "bounds", "anarchy"])
def test_other_verbs_take_no_overrides(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "policy=pragm" in refusal(capsys, verb, write(tmp_path, EXAMPLE), "policy=pragm")


def test_bounds_are_numbers_at_any_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem = {
        "capacities": [31, 47, 49, 29],
        "demands": [152],
        "unit_prices": [0, 100, 100, 1],
    }
    found = answer(capsys, "bounds", write(tmp_path, problem))
    assert found["sparse_relaxed"]["use"] == [31, 46, 46, 29]
    assert found["sparse_relaxed"]["cost"] == 100 * (46**2 + 46**2) + 29**2


def changed(**changes: object) -> dict[str, Any]:
    return {**EXAMPLE, **changes}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (changed(demands=[9, 10]), "demands: add up to 19 qubits, more than the 18"),
        (changed(capacities=[5, 0, 5, 4]), r"capacities[1]: 0; a node has at least 1 qubit"),
        (changed(capacities=[5, -4, 5, 4]), "capacities[1]: -4"),
        (changed(demands=[9, 0]), "demands[1]: 0; a circuit has at least 1 qubit"),
        (changed(demands=[]), "demands: is empty"),
        (changed(capacities=[5, 4.5, 5, 4]), "capacities[1]: 4.5; must be a whole number"),
        (changed(capacities=[5, True, 5, 4]), "capacities[1]: True"),
        (changed(capacities=5), "capacities: must be a list"),
        (changed(unit_prices=[1, 2]), "unit_prices: has 2 entries for 4 nodes"),
        (changed(unit_prices=[1, 2, 3, -4]), "unit_prices[3]: -4; must not be negative"),
        (changed(unit_prices=[1, 2, 3, 1e308]), "unit_prices[3]: 1e+308; a price is 0, or from"),
        (changed(unit_prices=[1, 2, 3, 5e-324]), "unit_prices[3]: 5e-324; a price is 0, or from"),
        (changed(unit_prices=[10**400] * 4), "unit_prices[0] is 1" + "0" * 20),
        (changed(unit_prices=[1, 2, 3, None]), "unit_prices[3]: None; must be a number"),
        (changed(capacities=[10**400, 4, 5, 4]), "capacities[0] is 1" + "0" * 20),
        (changed(demands=[2**53] * 1025), "demands[0]: 9007199254740992; at most 100000 qubits"),
        (changed(demands=[2**64, 6]), "demands[0]: 18446744073709551616; at most 100000 qubits"),
        (changed(demands=[-(10**6), 6]), "demands[0]: -1000000; at most 100000 qubits"),
        (changed(demands=[1] * 300_000), "circuits times nodes must be at most 1000000"),
        (changed(demands=["\ud800", 6]), r"\ud800 is half a character"),
        (changed(definition="\ud800"), r"\ud800 is half a character"),
        ({"\ud800": 1}, r"\ud800 is half a character"),
        (changed(circuits=["qft:\u00b2", "qft:6"]), "write ALGORITHM:WIDTH"),
        (changed(circuits=["qft:" + "9" * 5000, "qft:6"]), "write ALGORITHM:WIDTH"),
        (changed(circuits=["qft:999999999", "qft:6"]), "there is none on 999999999 qubits"),
        (
            {**changed(), "capacities": [9000], "unit_prices": [1], "demands": [9000]}
            | {"circuits": [[[0, 8999]]]},
            "demands[0] is 9000; a circuit whose gates are listed has at most 2048 qubits",
        ),
        (
            '{"capacities": [1e400], "demands": [1], "unit_prices": [1]}',
            "capacities[0] is 1e400; the largest",
        ),
        (
            '{"capacities": [5], "demands": [1], "unit_prices": [-1e400]}',
            "unit_prices[0] is -1e400; the largest",
        ),
        ("[" * 100_000, "is not JSON"),
        (changed(unit_prices=[1, 2, 3, "a"]), "unit_prices[3]: 'a'; must be a number"),
        (changed(definition="X"), "definition: 'X'; it must be P, Q or M"),
        (changed(definition=["P"]), "it must be P, Q or M"),
        (changed(capacites=[1]), "key 'capacites' is unknown; did you mean capacities"),
        ({"demands": [1], "unit_prices": [1]}, "key 'capacities' is missing"),
        ([EXAMPLE], "must be a JSON object"),
        ("{", "is not JSON"),
        ("", "is not JSON"),
        ('{"demands": [NaN]}', "NaN is no number of JSON"),
        ('{"demands": [1], "demands": [2]}', "key 'demands' is there twice"),
        (changed(circuits=["qft:9"]), "one entry for each of the 2 demands"),
        (changed(circuits=["qft:9", "qft:7"]), "circuits[1]: qft:7 has 7 qubits, demands[1] is 6"),
        (changed(circuits=["qft:9", "nope:6"]), "algorithm nope: no such interaction graph"),
        (changed(circuits=["qft:9", []]), "circuits[1]: has no two-qubit gate"),
        (changed(circuits=["qft:9", [[0], [1]]]), "circuits[1]: has no two-qubit gate"),
        (
            changed(circuits=["qft:9", [[0, 1], [0, 1, 2]]]),
            "circuits[1][1]: [0, 1, 2] is a gate on 3 qubits; decompose it",
        ),
        (changed(circuits=["qft:9", [[0, 6]]]), "there is no qubit 6; it must be 0..5"),
        (changed(circuits=["qft:9", [[1, 1]]]), "does not name two different qubits"),
        (changed(circuits=["qft:9", [["a", 1]]]), "is no gate"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    content: object, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refusal(capsys, "solve", write(tmp_path, content))


@pytest.mark.parametrize(
    ("allocation", "words"),
    [
        (None, "key 'allocation' is missing"),
        ([[5, 4, 0, 0]], "has shape [1, 4]"),
        ([[5, 4, 0, 0], [0, 0, 5]], "allocation[1]: has 3 entries, the first row 4"),
        ([[5, 4, 0, 0], [0, 0, 7, -1]], "circuit 1 has -1 qubits on node 3"),
        ([[5, 4, 0, 0], [0, 0, 5, 0]], "circuit 1 gets 5 qubits and needs 6"),
        ([[5, 4, 0, 0], [0, 0, 5, 1.0]], "allocation[1][3]: 1.0; must be a whole number"),
        (
            [[5, 4, 0, 0], [0, 0, 5, 10**30]],
            "allocation[1][3]: 1000000000000000000000000000000; at most",
        ),
        ([[5, 4, 0, 0], [0, 0, 5, True]], "allocation[1][3]: True; must be a whole number"),
        ([[], []], "has shape [2, 0]"),
        ([5, 4, 0, 0], "allocation[0]: must be a list of whole numbers"),
        ("\ud800", r"\ud800 is half a character"),
        ({}, "must be a list of rows"),
    ],
)
def test_matrices_that_are_none(
    allocation: object, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = EXAMPLE if allocation is None else changed(allocation=allocation)
    assert words in refusal(capsys, "check", write(tmp_path, content))


@pytest.mark.parametrize("verb", ["solve", "check", "bounds", "anarchy"])
def test_a_folder_and_an_empty_file_are_no_problem(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "cannot be read (is a folder); name a file" in refusal(capsys, verb, str(tmp_path))
    assert "is not JSON" in refusal(capsys, verb, write(tmp_path, ""))
    assert "key 'demands' is missing" in refusal(
        capsys, verb, write(tmp_path, {"capacities": [1], "unit_prices": [1]})
    )


def test_no_such_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be read" in refusal(capsys, "solve", str(tmp_path / "none.json"))


def qasm(folder: Path, *gates: str) -> str:
    path = folder / "circuit.qasm"
    head = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[4];\n'
    path.write_text(head + "".join(f"{gate};\n" for gate in gates))
    return str(path)


def test_graph_of_an_openqasm_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("qiskit")
    path = qasm(tmp_path, "cx q[0],q[1]", "cx q[1],q[0]", "cz q[2],q[3]", "swap q[0],q[3]")
    found = answer(capsys, "graph", path)
    assert found["edges"] == [[0, 1, 2], [2, 3, 1]]  # the swap at the end renames only
    bad = qasm(tmp_path, "cx q[0],q[1]", "ccx q[0],q[1],q[2]", "ccx q[1],q[2],q[3]")
    assert "gates on three or more qubits (ccx 2 times)" in refusal(capsys, "graph", bad)
    assert answer(capsys, "graph", bad, "--decompose")["gates"] == 13
    none = qasm(tmp_path, "h q[0]", "x q[3]")
    assert "has no two-qubit gate" in refusal(capsys, "graph", none)
    broken = qasm(tmp_path, "cx q[0]")
    assert "line 4" in refusal(capsys, "graph", broken)


@pytest.mark.parametrize("name", ["qft", "qft:x", "qft:1", "adder:9", "qft:9:1"])
def test_graph_of_no_circuit(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    refusal(capsys, "graph", name)


def test_drawings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["draw", "--output", str(tmp_path), "--compare", "round_robin", "policy=pragm"]
    assert main(["partition", *told, "workload.tasks=2", "seed=3"]) == 0
    written = {Path(line).name for line in capsys.readouterr().out.splitlines()}
    drawn = ("node-costs", "task-00-graph", "task-00-circuit", "task-01-graph", "task-01-circuit")
    assert written == {f"{name}{suffix}" for name in drawn for suffix in (".png", ".svg")}
    assert all((tmp_path / name).stat().st_size > 1000 for name in written)
    refusal(capsys, "draw", "--output", str(tmp_path), "scenario=placement/qce5", "policy=greedy")


@pytest.mark.parametrize("definition", ["P", "Q", "M"])
def test_a_cost_beyond_the_numbers_is_no_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], definition: str
) -> None:
    problem = {**EXAMPLE, "definition": definition}
    for price in (1e308, 10**300, 1.1e12):
        path = write(tmp_path, {**problem, "unit_prices": [1, 2, price, 3]})
        assert "unit_prices[2]: 1" in refusal(capsys, "solve", path)
    path = write(tmp_path, {**problem, "unit_prices": [1e12] * 4})
    assert np.isfinite(answer(capsys, "solve", path)["cost"])
    infinite = (tmp_path / "problem.json").read_text().replace("1000000000000.0", "1e999", 1)
    assert "unit_prices[0] is 1e999; the largest number is about 1.8e308" in refusal(
        capsys, "solve", write(tmp_path, infinite)
    )
