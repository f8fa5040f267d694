"""Closed forms of queueing theory: what a simulator must agree with.

Arrivals are Poisson and waiting lines first come, first served, unless said otherwise. Rates are
per second, times in seconds. Every function gives the means of the stationary queue.

Sources: Kleinrock, *Queueing Systems I* (1975); Gross et al., *Fundamentals of Queueing Theory*.
"""

from dataclasses import dataclass
from math import isfinite
from sys import float_info

from qcbench.errors import InputError
from qcbench.sums import added


@dataclass(frozen=True)
class QueueMeans:
    """Means of a stationary queue.

    Attributes:
        wait_s: time between arrival and start of service, of those who are served [s].
        response_s: time between arrival and departure, of those who are served [s].
        waiting: number in the line.
        number: number in the system.
        wait_probability: share of those who are served that must wait.
        utilisation: share of time that a server is busy.
        blocking: share of arrivals that are turned away.
    """

    wait_s: float
    response_s: float
    waiting: float
    number: float
    wait_probability: float
    utilisation: float
    blocking: float = 0.0


def erlang_b(servers: int, offered: float) -> float:
    """Probability that all servers are busy when nobody can wait (M/G/c/c).

    Args:
        servers: number of servers, 0 or more.
        offered: arrival rate times mean service time [erlang].
    """
    blocking = 1.0
    for busy in range(1, servers + 1):
        blocking = offered * blocking / (busy + offered * blocking)
    return blocking


def erlang_c(servers: int, offered: float) -> float:
    """Probability that an arrival must wait in M/M/c; 1 where the load is 1 or more."""
    if offered >= servers:
        return 1.0
    blocking = erlang_b(servers, offered)
    return blocking / (1.0 - offered / servers * (1.0 - blocking))


def mm1(arrival_rate: float, mean_service_s: float) -> QueueMeans:
    """One server, exponential service."""
    return mmc(arrival_rate, mean_service_s, 1)


def mmc(arrival_rate: float, mean_service_s: float, servers: int) -> QueueMeans:
    """`servers` equal servers, one line, exponential service (Erlang C)."""
    load = _stable_load(arrival_rate, mean_service_s, servers)
    must_wait = erlang_c(servers, load * servers)
    wait = must_wait * mean_service_s / (servers * (1.0 - load))
    return _by_little(arrival_rate, mean_service_s, wait, must_wait, load)


def mg1(arrival_rate: float, mean_service_s: float, squared_variation: float = 1.0) -> QueueMeans:
    """One server, any service time (Pollaczek-Khinchine).

    Args:
        arrival_rate: arrivals per second.
        mean_service_s: mean service time [s].
        squared_variation: variance of the service time over its squared mean: 0 if it is fixed
            (M/D/1), 1 if exponential.
    """
    load = _stable_load(arrival_rate, mean_service_s, 1)
    if not squared_variation >= 0:
        raise InputError(f"squared_variation: {squared_variation} is not 0 or more")
    wait = load * mean_service_s * (1.0 + squared_variation) / (2.0 * (1.0 - load))
    return _by_little(arrival_rate, mean_service_s, wait, load, load)


def mg1_processor_sharing(arrival_rate: float, mean_service_s: float) -> QueueMeans:
    """One server shared equally by all who are there; only the mean of the service time matters.

    Nobody waits for a start: `wait_s` is how much longer the service takes than alone.
    """
    load = _stable_load(arrival_rate, mean_service_s, 1)
    wait = load * mean_service_s / (1.0 - load)
    return _by_little(arrival_rate, mean_service_s, wait, load, load)


def mmck(arrival_rate: float, mean_service_s: float, servers: int, capacity: int) -> QueueMeans:
    """M/M/c with room for `capacity` customers, those in service included; others are turned away.

    Any load is stable here.
    """
    _positive(arrival_rate, mean_service_s, servers)
    if capacity < servers:
        raise InputError(f"capacity: {capacity} is less than the {servers} servers")
    offered = min(max(arrival_rate * mean_service_s, float_info.min), float_info.max)
    weights = [1.0]
    for present in range(1, capacity + 1):
        ratio = offered / min(present, servers)
        if weights[-1] * ratio > 1e200:  # only the proportions matter
            weights = [weight / weights[-1] for weight in weights]
        weights.append(weights[-1] * ratio)
    total = added(weights)
    probability = [weight / total for weight in weights]
    waiting = added((n - servers) * probability[n] for n in range(servers + 1, capacity + 1))
    # Added up, since 1 less the probability that nobody is let in says nothing where that is 1.
    busy = added(min(n, servers) * probability[n] for n in range(1, capacity + 1))
    let_in = added(probability[:capacity])
    wait = waiting / busy * mean_service_s  # Little's law, for the line and for those in service
    return QueueMeans(
        wait_s=wait,
        response_s=wait + mean_service_s,
        waiting=waiting,
        number=waiting + busy,
        wait_probability=added(probability[servers:capacity]) / let_in,
        utilisation=busy / servers,
        blocking=probability[capacity],
    )


def _positive(arrival_rate: float, mean_service_s: float, servers: int) -> None:
    for name, value in (("arrival_rate", arrival_rate), ("mean_service_s", mean_service_s)):
        if not (value > 0 and isfinite(value)):
            raise InputError(f"{name}: {value} is not positive and finite")
    if servers < 1:
        raise InputError(f"servers: {servers} is not 1 or more")


def _stable_load(arrival_rate: float, mean_service_s: float, servers: int) -> float:
    _positive(arrival_rate, mean_service_s, servers)
    load = arrival_rate * mean_service_s / servers
    if load >= 1:
        raise InputError(
            f"offered load {load:g} is not below 1: without a limit the queue grows for ever"
        )
    return load


def _by_little(
    arrival_rate: float, mean_service_s: float, wait_s: float, must_wait: float, load: float
) -> QueueMeans:
    response = wait_s + mean_service_s
    return QueueMeans(
        wait_s=wait_s,
        response_s=response,
        waiting=arrival_rate * wait_s,
        number=arrival_rate * response,
        wait_probability=must_wait,
        utilisation=load,
    )
