"""The models that a scenario chooses, as they stand in its YAML."""

from dataclasses import field
from typing import Literal

from qcbench.configs import NotNegative, Share, config
from qcbench.physics.node_cost import CostDefinition


@config
class D1cpsTime:
    """QSimPy's model: depth / D1CPS x shots."""

    model: Literal["d1cps"] = "d1cps"


@config
class ClopsTime:
    """CLOPS model: M K S log2(QV) / CLOPS.

    Attributes:
        scale: which of the two CLOPS figures of a profile.
        variant: `consistent` is in seconds; `icpp2025` is in minutes that count as seconds, as in
            the published code of the allocation study, which adds seconds of communication to them.
    """

    model: Literal["clops"] = "clops"
    scale: Literal["clops_v", "clops_h"] = "clops_h"
    variant: Literal["consistent", "icpp2025"] = "consistent"


@config
class IbmUsageTime:
    """IBM's usage rule: overhead + (repetition delay + circuit length) x shots.

    Attributes:
        overhead_s: of every job.
        overheads_s: by name of a QPU, where its jobs have another one.
    """

    model: Literal["ibm_usage"] = "ibm_usage"
    overhead_s: float = 2.0
    overheads_s: dict[str, NotNegative] = field(default_factory=dict)


@config
class AffineTime:
    """Fitted model: intercept + slope x depth x shots."""

    model: Literal["affine"] = "affine"
    intercept_s: float
    slope_s: float


@config
class GivenTime:
    """The workload states the duration of every task; the same on all QPUs."""

    model: Literal["given"] = "given"


@config
class PluginTime:
    """A time model of another package, see `qcbench.cloud.plugged`.

    Attributes:
        name: of its entry point in the group `qcbench.time_models`.
        parameters: keyword arguments of its function.
    """

    model: Literal["plugin"] = "plugin"
    name: str
    parameters: dict[str, bool | int | float | str] = field(default_factory=dict)


@config
class SuccessProbability:
    """Estimated success probability from gate counts and calibrated errors.

    A part of a split has its share of the gates, by its share of the qubits.

    Attributes:
        gates: `compiled` counts gates after transpilation for each family; `written` needs no
            transpilation: the circuit's two-qubit gates, and a one-qubit gate wherever a qubit
            takes no part in one of them in a layer.
    """

    model: Literal["esp"] = "esp"
    gates: Literal["compiled", "written"] = "compiled"


@config
class PartsFidelity:
    """Fidelity of the allocation study: depth, width and number of parts, not gate by gate.

    Attributes:
        model: `icpp2025` as in the published code, in which two-qubit gates are perfect;
            `with_2q` with their errors, as the paper describes and the code leaves out.
    """

    model: Literal["icpp2025", "with_2q"] = "icpp2025"


@config
class Noiseless:
    """Fidelity 1 everywhere, for workloads without circuits."""

    model: Literal["none"] = "none"


@config
class PluginFidelity:
    """A fidelity model of another package, see `qcbench.cloud.plugged`.

    A part of a split is as good as the whole task on its QPU.

    Attributes:
        name: of its entry point in the group `qcbench.fidelity_models`.
        parameters: keyword arguments of its function.
    """

    model: Literal["plugin"] = "plugin"
    name: str
    parameters: dict[str, bool | int | float | str] = field(default_factory=dict)


@config
class Links:
    """Connection of the parts of a split circuit.

    Remote gates are known where a partition policy says which qubits go where; elsewhere there are
    none.

    Attributes:
        time_per_qubit_s: for each qubit on both sides of each link of the chain of parts.
        fidelity_per_cut: factor for each link.
        time_per_remote_gate_s: for each gate between QPUs, in every shot.
        fidelity_per_remote_gate: factor for each gate between QPUs.
    """

    time_per_qubit_s: NotNegative = 0.02
    fidelity_per_cut: Share = 0.94
    time_per_remote_gate_s: NotNegative = 0.0
    fidelity_per_remote_gate: Share = 1.0


@config
class PhysicsConfig:
    """Time, fidelity and communication models of a scenario.

    Attributes:
        node_cost: what a node costs a provider by its qubits in use, see
            `qcbench.physics.node_cost`.
    """

    time: D1cpsTime | ClopsTime | IbmUsageTime | AffineTime | GivenTime | PluginTime = field(
        default_factory=D1cpsTime
    )
    fidelity: SuccessProbability | PartsFidelity | Noiseless | PluginFidelity = field(
        default_factory=SuccessProbability
    )
    links: Links = field(default_factory=Links)
    node_cost: CostDefinition = "Q"
