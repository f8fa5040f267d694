"""Random worlds for lockstep tests: small, with ties, failures, horizons."""

from typing import Any

from hypothesis import strategies as st

from qcbench.cloud.rules import (
    Admission,
    ClassicalPoolRules,
    Dispatch,
    Failures,
    Rescheduling,
    Rules,
    TokenBucket,
)
from qcbench.envs.defaults import DrawnWorlds
from qcbench.fleet.config import FleetConfig, QpuConfig
from qcbench.fleet.load import load_fleet
from qcbench.physics.config import (
    ClopsTime,
    GivenTime,
    Noiseless,
    PartsFidelity,
    PhysicsConfig,
)
from qcbench.workload.config import (
    BatchArrivals,
    LargeCircuits,
    MinuteArrivals,
    MqtCircuits,
    PoissonArrivals,
    SpacedArrivals,
    SyntheticCircuits,
    WorkloadConfig,
)
from qcbench.workload.deadlines import SlackDeadlines
from qcbench.workload.hybrid_config import HybridCircuits, VariationalCircuits

DEVICES = ("washington", "kolkata", "hanoi", "perth", "lagos", "guadalupe")
LAWS = st.sampled_from(
    [None, SlackDeadlines(least=1.0, most=3.0), SlackDeadlines(least=1.0, most=1.5, value="best")]
)
DEADLINES = st.sampled_from(["observe", "drop", "drop"])
FAILING = st.sampled_from(["restart", "resubmit", "fail"])


def failures(mean_s: float) -> Any:
    return st.one_of(
        st.none(),
        st.builds(
            Failures,
            mean_up_s=st.just(4.0 * mean_s),
            mean_down_s=st.sampled_from([0.2 * mean_s, mean_s]),
            on_failure=FAILING,
        ),
    )


@st.composite
def placements(draw: Any) -> DrawnWorlds:
    """Up to six devices and twelve tasks; times may be given and equal, so that ties are common."""
    tied = draw(st.booleans())
    devices = draw(st.permutations(DEVICES))[: draw(st.integers(1, 6))]
    qpus = [
        QpuConfig(device=device, clops_v=1000.0 + 100.0 * place, price_per_s=0.5 * place)
        for place, device in enumerate(devices)
    ]
    fleet = load_fleet(FleetConfig(name="random", qpus=qpus))
    widest = int(fleet.qubits.max())
    if tied:
        circuits: Any = SyntheticCircuits(
            distribution="deterministic", mean_s=5.0, qubits=draw(st.integers(1, widest))
        )
        physics = PhysicsConfig(time=GivenTime(), fidelity=Noiseless())
    else:
        circuits = MqtCircuits(max_qubits=min(widest, 27), selection="uniform")
        physics = PhysicsConfig()
    rules = Rules(
        rescheduling=Rescheduling(
            delay_s=draw(st.sampled_from([1.0, 2.5])),
            max_decisions=draw(st.sampled_from([None, 6])),
        ),
        failures=draw(failures(20.0)),
        deadlines=draw(DEADLINES),
        execution_sigma=draw(st.sampled_from([0.0, 0.0, 0.5])),
        horizon_s=draw(st.sampled_from([None, None, 30.0])),
    )
    arrivals = draw(
        st.sampled_from(
            [BatchArrivals(), MinuteArrivals(), PoissonArrivals(rate_per_s=0.4, first_at_zero=True)]
        )
    )
    tasks = draw(st.integers(1, 12))
    workload = WorkloadConfig(
        name="random", circuits=circuits, arrivals=arrivals, tasks=tasks, deadlines=draw(LAWS)
    )
    return DrawnWorlds("placement/random", "placement", fleet, workload, rules, physics)


@st.composite
def allocations(draw: Any) -> DrawnWorlds:
    """Up to five QPUs of 20 to 60 qubits and fifteen tasks of up to what the fleet has."""
    count = draw(st.integers(1, 5))
    qpus = [
        QpuConfig(
            name=f"qpu{place}",
            qubits=draw(st.integers(20, 60)),
            clops_h=draw(st.sampled_from([20e3, 50e3])),
            quantum_volume=128,
            readout_error=0.01 * (1 + place),
            one_qubit_error=1e-3,
            two_qubit_error=1e-2,
            price_per_s=0.1 * place,
        )
        for place in range(count)
    ]
    fleet = load_fleet(FleetConfig(name="random", qpus=qpus))
    total = int(fleet.qubits.sum())
    circuits = LargeCircuits(
        min_qubits=draw(st.integers(1, total)), max_qubits=total, min_shots=1000, max_shots=20_000
    )
    backfill = draw(st.booleans())
    rules = Rules(
        dispatch=Dispatch(
            qpus="shared",
            order="backfill" if backfill else "fifo",
            backfill_depth=draw(st.sampled_from([None, 1, 3])) if backfill else None,
        ),
        rescheduling=Rescheduling(max_decisions=draw(st.sampled_from([None, 8]))),
        failures=draw(failures(500.0)),
        admission=draw(
            st.sampled_from(
                [
                    Admission(),
                    Admission(variant="pending", quantum_limit=3),
                    Admission(per_user=TokenBucket(tokens_per_s=0.005, burst=3.0)),
                ]
            )
        ),
        deadlines=draw(DEADLINES),
        execution_sigma=draw(st.sampled_from([0.0, 0.0, 0.5])),
        horizon_s=draw(st.sampled_from([None, None, 1500.0])),
    )
    workload = WorkloadConfig(
        name="random",
        circuits=circuits,
        arrivals=draw(
            st.sampled_from([BatchArrivals(), SpacedArrivals(), PoissonArrivals(interval_s=200.0)])
        ),
        tasks=draw(st.integers(1, 15)),
        deadlines=draw(LAWS),
    )
    physics = PhysicsConfig(
        time=ClopsTime(),
        fidelity=PartsFidelity(model=draw(st.sampled_from(["icpp2025", "with_2q"]))),
    )
    return DrawnWorlds("allocation/random", "allocation", fleet, workload, rules, physics)


@st.composite
def queues(draw: Any) -> DrawnWorlds:
    """Up to four identical or different QPUs; hybrid jobs or single tasks; small limits."""
    kind = draw(st.sampled_from(["hybrid", "variational", "tied"]))
    if kind == "variational":
        devices = ("kolkata", "guadalupe", "hanoi")[: draw(st.integers(1, 3))]
        qpus = [QpuConfig(device=device, clops_v=2000.0, price_per_s=0.2) for device in devices]
        circuits: Any = VariationalCircuits(max_qubits=14, mean_iterations=5.0)
        physics = PhysicsConfig()
    else:
        count = draw(st.integers(1, 4))
        qpus = [QpuConfig(name="qpu", count=count, qubits=27, price_per_s=0.2)]
        circuits = (
            HybridCircuits(qubits=[4], priorities=[1, 2, 4])
            if kind == "hybrid"
            else SyntheticCircuits(distribution="deterministic", mean_s=4.0)
        )
        physics = PhysicsConfig(time=GivenTime(), fidelity=Noiseless())
    rules = Rules(
        dispatch=Dispatch(mode="pull"),
        classical=ClassicalPoolRules(workers=draw(st.integers(1, 2))),
        admission=Admission(
            variant=draw(st.sampled_from(["all", "pending", "total", "paper"])),
            classical_limit=draw(st.integers(1, 6)),
            quantum_limit=draw(st.integers(1, 6)),
        ),
        failures=draw(failures(60.0)),
        deadlines=draw(DEADLINES),
        execution_sigma=draw(st.sampled_from([0.0, 0.0, 0.3])),
        horizon_s=draw(st.sampled_from([300.0, 900.0])),
        rescheduling=Rescheduling(max_decisions=draw(st.sampled_from([None, 25]))),
        records=draw(st.sampled_from(["jobs", "tasks"])),
    )
    arrivals = (
        BatchArrivals() if kind == "tied" else PoissonArrivals(interval_s=30.0, first_at_zero=True)
    )
    workload = WorkloadConfig(
        name="random",
        circuits=circuits,
        arrivals=arrivals,
        tasks=draw(st.integers(1, 12)),
        deadlines=draw(LAWS),
    )
    fleet = load_fleet(FleetConfig(name="random", qpus=qpus))
    return DrawnWorlds("queueing/random", "queueing", fleet, workload, rules, physics)
