"""What devices were, are and will be calibrated to: the emulator's history of calibrations."""

import threading
from datetime import datetime, timedelta
from math import floor

from .calibration import PREFIX
from .clock import ServiceClock
from .config import EmulatorConfig
from .devices import Device, make_device

CALIBRATED_S = 6 * 3600.0
"""Age of the reported calibration when the emulator starts."""
DAY_S = 86_400.0
"""Between two calibrations before the start."""
EARLIEST = -30
"""Number of the oldest calibration that is kept."""


class History:
    """The devices by their calibrations; all methods may be called from any thread.

    Attributes:
        devices: by backend, as they are calibrated at the start, whose number is 0.
    """

    def __init__(self, config: EmulatorConfig, clock: ServiceClock) -> None:
        self._config = config
        self._clock = clock
        self._lock = threading.Lock()
        self._others: dict[tuple[str, int], Device] = {}
        names = list(dict.fromkeys(name.removeprefix(PREFIX) for name in config.devices))
        made = [make_device(name, config, self._date(-CALIBRATED_S)) for name in names]
        self.devices: dict[str, Device] = {device.name: device for device in made}

    def _date(self, moment_s: float) -> datetime:
        return self._clock.start + timedelta(seconds=moment_s)

    def at(self, backend: str, moment_s: float) -> Device | None:
        """Return a device as its last calibration before a moment left it; None before all."""
        every_s, number, made_s = self._config.drift.every_s, 0, 0.0
        if moment_s < -CALIBRATED_S:
            number = floor((moment_s + CALIBRATED_S) / DAY_S)
            made_s = number * DAY_S - CALIBRATED_S
        elif every_s is not None and moment_s >= every_s:
            number = floor(moment_s / every_s)
            made_s = number * every_s
        if number == 0:
            return self.devices[backend]
        if number < EARLIEST:
            return None
        with self._lock:
            if (backend, number) not in self._others:
                name, date = backend.removeprefix(PREFIX), self._date(made_s)
                self._others[backend, number] = make_device(name, self._config, date, number)
            return self._others[backend, number]
