"""The figures that a checkout alone is checked with: `python -m tests.oracle.extract`.

It reads the data of others beside the checkout (`QCBENCH_REFERENCE_DATA`, or `../shared/data`) and
writes one JSON a system into `tests/oracle/figures`: hashes, counts, first and last values, optima;
none of their files. `test_figures.py` checks the package against them, and them against the data
where those are there.
"""

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).resolve().parent / "figures"


def digest(values: Iterable[float]) -> str:
    """Hash numbers to the last bit."""
    return hashlib.sha256(" ".join(float(v).hex() for v in values).encode()).hexdigest()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def sequence(values: Sequence[float]) -> dict[str, Any]:
    return {
        "count": len(values),
        "first": values[0],
        "last": values[-1],
        "sha256": digest(values),
    }


def placement(folder: Path) -> dict[str, Any]:
    """Arrivals of ten subsets, and the first and the last execution of every heuristic."""
    arrivals = rows(folder / "arrivals_subsets_1_10.csv")
    records = rows(folder / "records_subsets_1_3.csv")
    shots = {row["task_id"].zfill(6): int(row["shots"]) for row in arrivals}
    executions = []
    for policy in ("round_robin", "greedy", "greedy_error", "min_completion"):
        ours = [row for row in records if row["policy"] == policy]
        executions += [
            {
                "qpu": row["node_name"],
                "depth": int(row["node_depth"]),
                "shots": shots[row["task_id"]],
                "exec_s": float(row["des_exec_s"]),
            }
            for row in (ours[0], ours[-1])
        ]
    return {
        "source": "QSimPy, https://github.com/Cloudslab/qsimpy: what its own code drew and did on "
        "subsets 1 to 10 (arrivals) and 1 to 3 (executions) of its published tasks",
        "arrival_s": [
            sequence([float(row["arrival_s"]) for row in arrivals if row["subset"] == str(subset)])
            for subset in range(1, 11)
        ],
        "executions": executions,
    }


def allocation(folder: Path) -> dict[str, Any]:
    """Devices by the hash of their figures, and the first and the last job of three runs."""
    devices = json.loads((folder / "devices.json").read_text(encoding="utf-8"))["devices"]
    columns = {
        "qubits": "num_qubits",
        "quantum_volume": "quantum_volume",
        "clops_h": "clops",
        "readout_error": "avg_readout_error",
        "one_qubit_error": "avg_single_qubit_error",
        "two_qubit_error": "avg_two_qubit_error",
    }
    jobs = []
    for mode in ("speed", "fidelity", "rlbase"):
        done = rows(folder / f"oracle_100_case_{mode}.csv")
        jobs += [
            {
                "mode": mode,
                "first": row is done[0],
                "num_qubits": int(row["num_qubits"]),
                "two_qubits": int(row["two_qubits"]),
                "depth": int(row["depth"]),
                "num_shots": int(row["num_shots"]),
                "devices": row["devices"].replace("ibm_", "").split(";"),
                "qubits": [int(part) for part in row["qubits"].split(";")],
                "exec_s": float(row["proc_time"]),
                "comm_s": float(row["comm_time"]),
                "fidelity": float(row["fidelity"]),
            }
            for row in (done[0], done[-1])
        ]
    return {
        "source": "QCloudSim's allocation study (MIT): averages of its five devices, and what its "
        "own code did with the first and the last of 100 jobs; units as there",
        "devices": {ours: digest(d[theirs] for d in devices) for ours, theirs in columns.items()},
        "jobs": jobs,
    }


def serverless(folder: Path) -> dict[str, Any]:
    """What the one job of the smallest published list does."""
    cases = json.loads((folder / "trace_examples.json").read_text(encoding="utf-8"))["cases"]
    kept = ("accepted", "completion", "makespan")
    means = ("mean_classical", "mean_pending_quantum", "mean_running_quantum")
    return {
        "source": "C. Cicconetti, serverless hybrid jobs (MIT): what its simulator expects of a "
        "job of 200 operations, twice 50 operations and 3 s, and 100 operations, alone on one "
        "worker of 100 operations a second and one QPU",
        "alone": {
            key: {name: expected[name] for name in (*kept, *means)}
            for key, expected in cases[0]["expected"].items()
        },
    }


def partition(folder: Path) -> dict[str, Any]:
    """Optima and equilibria of three small problems."""
    examples = json.loads((folder / "allocation_examples.json").read_text(encoding="utf-8"))
    figures = ("opt_int_cost", "relaxed_cost", "min_partitions_at_opt_cost")
    return {
        "source": "QC-PRAGM: the worked example of the paper and two small problems, solved "
        "exhaustively; optima by definition of the cost, pure equilibria by game",
        "problems": [
            {
                "capacities": example["capacities"],
                "demands": example["demands"],
                "unit_price": example["unit_prices"][0],
                "definitions": {
                    name: {key: found[key] for key in figures}
                    | {game: {k: found[game][k] for k in ("n_NE", "PoS", "PoA")} for game in GAMES}
                    for name, found in example["definitions"].items()
                },
            }
            for example in examples
        ],
    }


GAMES = ("G1", "G2")
EXTRACTS = {
    "placement": placement,
    "allocation": allocation,
    "serverless": serverless,
    "partition": partition,
}


def main() -> None:
    root = Path(__file__).resolve().parents[2]
    data = Path(os.environ.get("QCBENCH_REFERENCE_DATA", root.parent / "shared" / "data"))
    FIGURES.mkdir(exist_ok=True)
    for system, extract in EXTRACTS.items():
        text = json.dumps(extract(data / system), indent=1)
        (FIGURES / f"{system}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
