"""A program that runs a suite and uses Ray for something else as well."""

import pytest
import ray

from qcbench.bench.cluster import connect
from qcbench.bench.config import ClusterConfig


@pytest.mark.e2e
@pytest.mark.ray
def test_a_ray_of_ones_own_starts_after_ours() -> None:
    with connect(ClusterConfig(address="local", object_store_mb=100), 1) as cluster:
        assert cluster.cores == 1
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        assert ray.get(ray.put(3)) == 3
    finally:
        ray.shutdown()
