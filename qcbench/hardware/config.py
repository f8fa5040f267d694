"""The YAML group `backend`."""

from dataclasses import field
from typing import Literal

from qcbench.configs import Count, Positive, Seed, config


@config
class EmulatorBackend:
    """The service emulator: a loopback service that speaks the REST API of IBM Quantum.

    Attributes:
        url: of an emulator that runs already; one is started for the replay where None.
        speed: emulated seconds in one second of the wall clock, where one is started.
            Of one that runs already, what it was started with.
        overrides: of `conf/emulator.yaml`, where one is started, such as `faults=flaky`.
        devices: name on the backend of each QPU of the fleet, where they differ.
    """

    kind: Literal["emulator"] = "emulator"
    url: str | None = None
    speed: Positive = 4.0
    overrides: list[str] = field(default_factory=list)
    devices: dict[str, str] = field(default_factory=dict)


@config
class IbmBackend:
    """A real account of IBM Quantum. The token comes from the environment or a private file only.

    Attributes:
        token_env: environment variable that holds the token.
        token_path: file of mode 600 that holds the token; it comes first where given.
        instance: CRN or name of the instance.
        instance_env: environment variable with the instance, where `instance` is None.
        url: of another service that speaks the same API, for all regions; one on this machine is
            labelled `emulated`. Its identity service is the variable IAM_URL.
        devices: name on the backend of each QPU of the fleet, where they differ.
    """

    kind: Literal["ibm"] = "ibm"
    token_env: str = "QISKIT_IBM_TOKEN"  # noqa: S105 - the name of a variable
    token_path: str | None = None
    instance: str | None = None
    instance_env: str = "QISKIT_IBM_INSTANCE"
    url: str | None = None
    devices: dict[str, str] = field(default_factory=dict)


@config
class LocalBackend:
    """Aer in this process, with the noise of the packaged calibrations.

    Attributes:
        workers: devices that execute at the same time.
        speed: seconds of the stream in one second of the wall clock.
        seed: of the measurements.
        devices: snapshot that stands for each QPU of the fleet, where the names differ.
    """

    kind: Literal["local"] = "local"
    workers: Count = 2
    speed: Positive = 20.0
    seed: Seed = 0
    devices: dict[str, str] = field(default_factory=dict)


BackendConfig = EmulatorBackend | IbmBackend | LocalBackend
