"""A trial that is over is let go of at once."""

import gc
import weakref
from collections.abc import Iterator

import pytest
from tiny_clouds import FIFO, PLACEMENT, make_cloud, make_fleet, make_workload

from qcbench.cloud.rules import Dispatch


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("dispatch", [PLACEMENT, FIFO], ids=["push", "split"])
def test_executions_do_not_wait_for_the_collector(dispatch: Dispatch) -> None:
    """A worker runs trial after trial, and a collection of all objects costs a third of one."""
    decide = (lambda _view: 0) if dispatch is PLACEMENT else (lambda _view: [1])
    cloud = make_cloud(
        make_workload([0.0, 0.0, 9.0], [2.0, 2.0, 2.0]), make_fleet(1), decide, dispatch
    )
    world = weakref.ref(cloud.world)
    assert cloud.run().finish_s.tolist() == [2.0, 4.0, 11.0]
    del cloud
    assert world() is None
