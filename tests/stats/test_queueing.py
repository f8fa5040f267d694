"""Closed forms against the balance equations of a birth-death chain and known values."""

import numpy as np
import pytest

from qcbench.errors import InputError
from qcbench.stats import queueing


def chain(arrival_rate, service_s, servers, capacity):
    """Stationary probabilities from the generator matrix."""
    generator = np.zeros((capacity + 1, capacity + 1))
    for n in range(capacity):
        generator[n, n + 1] = arrival_rate
        generator[n + 1, n] = min(n + 1, servers) / service_s
    generator -= np.diag(generator.sum(axis=1))
    system = np.vstack([generator.T, np.ones(capacity + 1)])
    return np.linalg.lstsq(system, np.append(np.zeros(capacity + 1), 1.0), rcond=None)[0]


@pytest.mark.parametrize(("servers", "capacity", "load"), [(1, 1, 2.0), (1, 6, 0.8), (3, 9, 1.4)])
def test_finite_queue_solves_the_balance_equations(servers, capacity, load):
    service = 2.5
    rate = load * servers / service
    probability = chain(rate, service, servers, capacity)
    numbers = np.arange(capacity + 1)
    found = queueing.mmck(rate, service, servers, capacity)
    waiting = np.maximum(numbers - servers, 0) @ probability
    accepted = rate * (1 - probability[-1])
    assert found.blocking == pytest.approx(probability[-1])
    assert found.number == pytest.approx(numbers @ probability)
    assert found.waiting == pytest.approx(waiting)
    assert found.wait_s == pytest.approx(waiting / accepted)
    assert found.utilisation == pytest.approx(np.minimum(numbers, servers) @ probability / servers)
    assert found.wait_probability == pytest.approx(
        probability[servers:-1].sum() / (1 - probability[-1])
    )


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (2, 0.9), (5, 0.7), (50, 0.95)])
def test_unlimited_queue_is_the_limit_of_a_large_room(servers, load):
    rate = load * servers / 3.0
    unlimited, large = queueing.mmc(rate, 3.0, servers), queueing.mmck(rate, 3.0, servers, 2000)
    for name in ("wait_s", "response_s", "waiting", "number", "wait_probability", "utilisation"):
        assert getattr(unlimited, name) == pytest.approx(getattr(large, name), rel=1e-6)


def test_known_values():
    assert queueing.mm1(0.5, 1.0).response_s == pytest.approx(2.0)
    assert queueing.erlang_b(5, 3.0) == pytest.approx(0.11005, abs=1e-5)
    assert queueing.erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert queueing.mg1(0.5, 1.0, 0.0).wait_s == pytest.approx(0.5)  # M/D/1 waits half as long
    assert queueing.mg1(0.5, 1.0, 1.0) == queueing.mm1(0.5, 1.0)
    assert queueing.mg1_processor_sharing(0.5, 1.0).response_s == pytest.approx(2.0)
    assert queueing.erlang_c(2, 2.0) == 1.0


def test_huge_rooms_do_not_overflow():
    assert queueing.mmck(100.0, 1.0, 1, 5000).blocking == pytest.approx(0.99)


@pytest.mark.parametrize(("rate", "service"), [(1e20, 1.0), (1e300, 1e300), (1e-5, 1e300)])
def test_a_finite_queue_is_stable_under_any_load(rate, service):
    full = queueing.mmck(rate, service, 2, 5)
    assert full.waiting == pytest.approx(3.0)
    assert full.number == pytest.approx(5.0)
    assert full.utilisation == full.blocking == full.wait_probability == pytest.approx(1.0)
    assert full.wait_s == pytest.approx(3.0 / 2.0 * service)
    assert queueing.mmck(rate, service, 1, 1).wait_s == 0.0
    idle = queueing.mmck(1e-300, 1e-300, 2, 5)
    assert (idle.wait_s, idle.wait_probability, idle.blocking) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: queueing.mm1(1.0, 1.0), "offered load 1 is not below 1"),
        (lambda: queueing.mmc(1.0, 1.0, 0), "servers"),
        (lambda: queueing.mmc(-1.0, 1.0, 1), "arrival_rate"),
        (lambda: queueing.mg1(0.1, 1.0, -0.5), "squared_variation"),
        (lambda: queueing.mg1(0.1, float("inf")), "mean_service_s"),
        (lambda: queueing.mmck(1.0, 1.0, 3, 2), "capacity"),
    ],
)
def test_impossible_queues_are_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()
