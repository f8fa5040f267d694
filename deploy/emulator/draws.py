"""Streams of random numbers that are named, so that no use disturbs another."""

import zlib

import numpy as np


def of_day(seed: int, day: int, *names: str | int, restart: int = 0) -> np.random.Generator:
    """Return the generator of a name on a day: of what is not the same from one day to another.

    Args:
        seed: of all that is drawn.
        day: of the devices.
        names: of what is drawn.
        restart: how many emulators of this day were there before, for what each of them draws anew.
    """
    later = (*(("day", day) if day else ()), *(("restart", restart) if restart else ()))
    return stream(seed, *names, *later)


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator of a name below a seed, such as `stream(0, "drift", "ibm_perth")`."""
    words = [name if isinstance(name, int) else zlib.crc32(name.encode()) for name in names]
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))
