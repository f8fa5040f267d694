"""The cloud stepped from decision to decision is the cloud that runs with a policy."""

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

from qcbench.cloud.cloud import Cloud
from qcbench.envs.defaults import default_worlds
from qcbench.envs.open_cloud import OpenCloud
from qcbench.policies import registry
from qcbench.policies.config import PolicyConfig
from qcbench.policies.protocol import PolicyContext, PolicyError

USUAL = {"placement": "random", "allocation": "best_tradeoff", "queueing": "weighted"}


@pytest.mark.parametrize("track", USUAL)
def test_stepped_and_run_are_the_same(track: Any) -> None:
    source = default_worlds(track)

    def decide() -> Any:
        context = PolicyContext(source.fleet, np.random.default_rng(0))
        return registry.make(track, PolicyConfig(name=USUAL[track]), context)

    run = Cloud(*_with(source("test", 0), decide())).run()
    stepped, chooses = OpenCloud(*source("test", 0)), decide()
    view = stepped.start()
    while view is not None:
        assert not stepped.over
        view = stepped.answer(chooses(view))
    assert stepped.over
    ours = stepped.records()
    assert ours.decisions == run.decisions > 0
    for name in ("finish_s", "start_s", "job_finish_s", "busy_s", "qpu", "status"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(run, name), err_msg=name)
    assert ours.parts == run.parts


def _with(world: Any, decide: Any) -> tuple[Any, Any, Any]:
    scenario, streams = world
    return scenario, decide, streams


def test_a_wrong_decision_comes_out_where_it_was_given() -> None:
    stepped = OpenCloud(*default_worlds("placement")("test", 0))
    stepped.start()
    with pytest.raises(PolicyError, match="the policy returned 'nowhere'"):
        stepped.answer("nowhere")
    assert stepped.over


def test_a_cloud_can_be_left_at_any_time_and_is_let_go() -> None:
    source = default_worlds("placement")
    for closes in (True, False):
        stepped = OpenCloud(*source("test", 1))
        stepped.start()
        stepped.answer(0)
        gone = weakref.ref(stepped.cloud)
        if closes:
            stepped.close()
            assert stepped.over
            assert stepped.view is None
        del stepped
        gc.collect()
        assert gone() is None


def test_records_of_a_cloud_that_is_not_at_its_end() -> None:
    stepped = OpenCloud(*default_worlds("placement")("test", 0))
    stepped.start()
    for _ in range(5):
        stepped.answer(0)
    records = stepped.records()
    assert records is stepped.records()
    assert records.decisions == 6  # one was asked for and has no answer
    assert stepped.over
    assert (records.status == 3).any()


def test_another_thread_is_refused() -> None:
    stepped = OpenCloud(*default_worlds("placement")("test", 0))
    stepped.start()
    errors: list[str] = []

    def elsewhere() -> None:
        try:
            stepped.answer(0)
        except RuntimeError as error:
            errors.append(str(error))
        stepped.close()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert errors == ["an environment is stepped in the thread that has reset it"]
