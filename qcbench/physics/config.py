"""The models that a scenario chooses, as they stand in its YAML."""

from dataclasses import field
from typing import Literal

from qcbench.configs import config


@config
class D1cpsTime:
    """QSimPy's model: depth / D1CPS x shots."""

    model: Literal["d1cps"] = "d1cps"


@config
class ClopsTime:
    """CLOPS model: M K S log2(QV) / CLOPS."""

    model: Literal["clops"] = "clops"
    scale: Literal["clops_v", "clops_h"] = "clops_h"


@config
class IbmUsageTime:
    """IBM's usage rule: overhead + (repetition delay + circuit length) x shots."""

    model: Literal["ibm_usage"] = "ibm_usage"
    overhead_s: float = 2.0


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
class SuccessProbability:
    """Estimated success probability from gate counts and calibrated errors."""

    model: Literal["esp"] = "esp"


@config
class Noiseless:
    """Fidelity 1 everywhere, for workloads without circuits."""

    model: Literal["none"] = "none"


@config
class Links:
    """Connection of the parts of a split circuit: time a qubit and link, fidelity a cut."""

    time_per_qubit_s: float = 0.02
    fidelity_per_cut: float = 0.94


@config
class PhysicsConfig:
    """Time, fidelity and communication models of a scenario."""

    time: D1cpsTime | ClopsTime | IbmUsageTime | AffineTime | GivenTime = field(
        default_factory=D1cpsTime
    )
    fidelity: SuccessProbability | Noiseless = field(default_factory=SuccessProbability)
    links: Links = field(default_factory=Links)
