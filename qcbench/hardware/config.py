"""The YAML group `backend`."""

from dataclasses import field
from typing import Literal

from qcbench.configs import Count, Positive, Seed, config

Mode = Literal["job", "batch", "session"]
"""How jobs are grouped; see `IbmBackend`."""


@config
class EmulatorBackend:
    """The service emulator: a loopback service that speaks the REST API of IBM Quantum.

    Attributes:
        url: of an emulator that runs already; one is started for the replay where None.
        speed: emulated seconds in one second of the wall clock, where one is started.
            Of one that runs already, what it was started with.
        overrides: of `conf/emulator.yaml`, where one is started, such as `faults=flaky`.
        instance: CRN or name of one that it has, where it has named ones.
        mode, longest_s, repetition_delay_s, fractional_gates: as of `IbmBackend`.
        devices: name on the backend of each QPU of the fleet, where they differ.
    """

    kind: Literal["emulator"] = "emulator"
    url: str | None = None
    speed: Positive = 4.0
    overrides: list[str] = field(default_factory=list)
    instance: str | None = None
    mode: Mode = "job"
    longest_s: Count | None = None
    repetition_delay_s: Positive | None = None
    fractional_gates: bool = False
    devices: dict[str, str] = field(default_factory=dict)


@config
class IbmBackend:
    """A real account of IBM Quantum. The token comes from the environment or a private file only.

    Attributes:
        token_env: environment variable that holds the token.
        token_path: file of mode 600 that holds the token; it comes first where given.
        instance: CRN or name of the instance; `qcbench replay doctor` lists those of the account.
        instance_env: environment variable with the instance, where `instance` is None.
        region: of the instance, such as `us-east`; looked for in all where None.
        proxy: address through which the service is asked; the variable HTTPS_PROXY works as well.
        private_endpoint: ask the service by its private addresses.
        mode: each job by itself; or all jobs of a device in a batch, or in a session, which is
            charged by the clock and which not every plan has.
        longest_s: of a batch or session; what the service takes at most where None.
        repetition_delay_s: idle time between two executions; the device's own where None.
        fractional_gates: compile for the rzz and rx that newer devices have.
        pending: own jobs that may be open at a time; learnt from refusals where None.
        submits_per_minute: that the account takes; learnt from refusals where None.
        url: of another service that speaks the same API, for all regions; one on this machine is
            labelled `emulated`. Its identity service is the variable IAM_URL.
        devices: name on the backend of each QPU of the fleet, where they differ.
    """

    kind: Literal["ibm"] = "ibm"
    token_env: str = "QISKIT_IBM_TOKEN"  # noqa: S105 - the name of a variable
    token_path: str | None = None
    instance: str | None = None
    instance_env: str = "QISKIT_IBM_INSTANCE"
    region: str | None = None
    proxy: str | None = None
    private_endpoint: bool = False
    mode: Mode = "job"
    longest_s: Count | None = None
    repetition_delay_s: Positive | None = None
    fractional_gates: bool = False
    pending: Count | None = None
    submits_per_minute: Count | None = None
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


@config
class BraketLocalBackend:
    """Amazon Braket's SDK with its local simulator, and the devices and prices of its QPUs.

    The SDK's parser and Hydra want different releases of one library (antlr4), so that the SDK
    lives in an environment of its own, whose interpreter is started for the replay.

    Attributes:
        python: interpreter of an environment with the extra `braket`.
        python_env: environment variable with it, where `python` is None.
        speed: seconds of the stream in one second of the wall clock.
        devices: Braket's device that stands for each QPU of the fleet, where the names differ.
    """

    kind: Literal["braket-local"] = "braket-local"
    python: str | None = None
    python_env: str = "QCBENCH_BRAKET_PYTHON"
    speed: Positive = 20.0
    devices: dict[str, str] = field(default_factory=dict)
