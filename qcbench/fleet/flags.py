"""Reasons to doubt a calibration snapshot, derived from its figures alone."""

DEAD_LINKS = 0.10
"""Share of links without a working gate from which a snapshot is doubtful; typical is 0 to 0.08."""

READOUT_ERROR = 0.10
"""Median readout error from which a snapshot is doubtful; typical is 0.005 to 0.08."""

TWO_QUBIT_DURATION_S = 2e-6
READOUT_DURATION_S = 20e-6
"""Medians from which the unit of time is doubtful; typical are 0.07 to 0.9 and 0.7 to 7 us."""


def flags_of(
    *,
    backend: str,
    links: int,
    dead_links: int,
    readout_error: float,
    two_qubit_duration_s: float | None,
    readout_duration_s: float | None,
) -> list[str]:
    """Return what is doubtful about a snapshot, empty where nothing is.

    - `no_working_link`: not one two-qubit gate works.
    - `dead_links`: a tenth of the links or more has no working gate.
    - `readout_error`: half of the qubits or more are read out wrongly more than one time in ten.
    - `slow_gates`: durations many times those of every other device of the kind.
    - `not_a_device`: made up from other snapshots, never calibrated itself.
    """
    found = []
    if links and dead_links == links:
        found.append("no_working_link")
    elif dead_links >= DEAD_LINKS * links > 0:
        found.append("dead_links")
    if readout_error >= READOUT_ERROR:
        found.append("readout_error")
    slow_gate = two_qubit_duration_s is not None and two_qubit_duration_s >= TWO_QUBIT_DURATION_S
    slow_readout = readout_duration_s is not None and readout_duration_s >= READOUT_DURATION_S
    if slow_gate or slow_readout:
        found.append("slow_gates")
    if backend.startswith("fake_"):
        found.append("not_a_device")
    return found
