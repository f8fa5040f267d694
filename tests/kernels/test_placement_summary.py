"""What the kernel adds up of rows is what NumPy adds up of columns, to the last bit."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qcbench.cloud.execution import CENSORED, DONE, STATUS
from qcbench.cloud.summary import TrialSummary, by_field, summarise
from qcbench.kernels.compiling import kernel
from qcbench.kernels.placement.event_state import RUN, SERVER
from qcbench.kernels.placement.outcome import ROW
from qcbench.kernels.placement.summary import Known, add_up, make_sums, summaries_of

QPUS = 3


def rows_of(count: int, seed: int, *, all_done: bool) -> tuple[Known, Any]:
    """Draw rows whose times have nothing in common, a few executions without length."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, dtype=ROW)
    for name in ("submit_s", "start_s", "finish_s", "estimated_wait_s"):
        rows[name] = rng.lognormal(3.0, 2.0, count)
    rows["exec_s"] = np.where(rng.random(count) < 0.2, 0.0, rng.lognormal(3.0, 2.0, count))
    rows["estimated_exec_s"] = rows["exec_s"]
    rows["qpu"] = rng.integers(0, QPUS, count)
    rows["violations"], rows["restarts"] = rng.integers(0, 4, (2, count))
    rows["status"] = DONE
    if not all_done:
        rows["status"] = rng.integers(0, len(STATUS), count)
        lost = rows["status"] == CENSORED
        rows["qpu"][lost], rows["start_s"][lost], rows["exec_s"][lost] = -1, np.nan, np.nan
    arrival_s = np.sort(rng.lognormal(3.0, 2.0, count))
    prices = np.array([0.3, np.nan if seed % 2 else 0.0, 1.7])
    return Known(arrival_s, rng.random(count * QPUS), QPUS, 1, prices), rows


def by_numpy(known: Known, cloud: Any, servers: Any, rows: Any, warm_up_s: float) -> TrialSummary:
    """Add up the same rows as records."""
    count, qpu = len(rows), rows["qpu"]
    done = rows["status"] == DONE
    places = np.arange(count) * known.stride + qpu
    records: Any = SimpleNamespace(
        fleet=range(QPUS),
        truncated=bool(cloud["truncated"]),
        decisions=int(cloud["decisions"]),
        busy_s=servers["busy_s"].copy(),
        end_s=float(cloud["now_s"]),
        workload=SimpleNamespace(arrival_s=known.arrival_s),
        job_status=rows["status"],
        job_finish_s=rows["finish_s"].copy(),
        status=rows["status"],
        violations=rows["violations"],
        restarts=rows["restarts"],
        qpu=qpu,
        arrival_s=known.arrival_s,
        finish_s=rows["finish_s"].copy(),
        completion_s=rows["finish_s"] - known.arrival_s,
        wait_s=rows["start_s"] - rows["submit_s"],
        exec_s=np.where(done, rows["exec_s"], np.nan),
        estimated_exec_s=rows["estimated_exec_s"].copy(),
        estimated_wait_s=rows["estimated_wait_s"].copy(),
        fidelity=np.where(done, known.fidelity[places * done], np.nan),
        cost=np.where(done, rows["exec_s"] * known.price_per_s[qpu], np.nan),
    )
    return summarise(records, warm_up_s)


def ended(count: int, seed: int, *, all_done: bool) -> tuple[Any, Any]:
    """Return the cloud of the rows as it is afterwards, and its QPUs."""
    rng = np.random.default_rng(seed)
    clouds, servers = np.zeros(1, dtype=RUN), np.zeros(QPUS, dtype=SERVER)
    clouds["now_s"] = rng.lognormal(5.0, 2.0) if count else 0.0
    clouds["next_arrival"], clouds["left"] = count, not all_done
    clouds["truncated"], clouds["decisions"] = rng.random() < 0.5 and not all_done, 3 * count
    servers["busy_s"] = rng.lognormal(3.0, 2.0, QPUS)
    return clouds, servers


@pytest.mark.parametrize("all_done", [True, False])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 127, 128, 129, 136, 257, 500, 1000, 4097, 20_000])
def test_sums_are_those_of_numpy(count: int, all_done: bool) -> None:
    sums, add_up_compiled = make_sums(10, count, QPUS), kernel(add_up)
    expected: list[TrialSummary] = []
    for seed in (1, 2):
        known, rows = rows_of(count, seed, all_done=all_done)
        clouds, servers = ended(count, seed, all_done=all_done)
        for warm_up_s in (0.0, float(np.median(known.arrival_s)) if count else 1.0, 1e300):
            add_up_compiled(known, clouds, servers, rows, warm_up_s, sums, len(expected))
            expected.append(by_numpy(known, clouds[0], servers, rows, warm_up_s))
    found = summaries_of(sums, range(len(expected)))
    for name, values in by_field(expected)._asdict().items():
        assert np.array_equal(values, getattr(found, name), equal_nan=True), name
