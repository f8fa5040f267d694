"""What holds for all pods of all overlays: no root, little to write, to reach and to know."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from manifest_schemas import Manifest
from manifests import VARIANTS, all_pods, containers, pods, variant

WRITABLE = ("emptyDir", "persistentVolumeClaim")
BYTES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def amount(text: str) -> float:
    """A quantity of Kubernetes: cores or bytes."""
    found = re.fullmatch(r"(\d+)(m|Ki|Mi|Gi)?", text)
    assert found, text
    scale = 1e-3 if found[2] == "m" else BYTES.get(found[2] or "", 1)
    return int(found[1]) * scale


@pytest.mark.parametrize("name", VARIANTS)
def test_no_pod_runs_as_root_or_with_more_than_it_needs(name: str) -> None:
    found = all_pods(name)
    assert found
    for path, pod in found:
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, path
        assert security["runAsUser"] > 0, path
        assert security["seccompProfile"]["type"] == "RuntimeDefault", path
        assert pod["automountServiceAccountToken"] is False, path
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            assert not pod.get(key), path
        for container in containers(pod):
            limited = container["securityContext"]
            where = f"{path}: {container['name']}"
            assert limited["allowPrivilegeEscalation"] is False, where
            assert limited["readOnlyRootFilesystem"] is True, where
            assert limited["capabilities"] == {"drop": ["ALL"]}, where
            assert not limited.get("privileged"), where


@pytest.mark.parametrize("name", VARIANTS)
def test_every_container_says_what_it_uses(name: str) -> None:
    for path, pod in all_pods(name):
        for container in containers(pod):
            asked, most = (container["resources"][kind] for kind in ("requests", "limits"))
            for kind in ("cpu", "memory", "ephemeral-storage"):
                assert 0 < amount(asked[kind]) <= amount(most[kind]), (path, kind)


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_written_has_a_bound_and_fits(name: str) -> None:
    for path, pod in all_pods(name):
        sizes = []
        for volume in pod.get("volumes", []):
            assert "hostPath" not in volume, path
            if "emptyDir" in volume:
                sizes.append(amount(volume["emptyDir"]["sizeLimit"]))
        limits = [amount(c["resources"]["limits"]["ephemeral-storage"]) for c in containers(pod)]
        assert sum(sizes) <= sum(limits), path
        if "fetch" not in path:
            writable = {v["name"] for v in pod.get("volumes", []) if set(WRITABLE) & v.keys()}
            assert writable or "StatefulSet" in path, path


def strings(node: Any) -> Iterator[tuple[str, str]]:
    """Every pair of a key and a text in a manifest."""
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str):
                yield key, value
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)


@pytest.mark.parametrize("name", VARIANTS)
def test_secrets_come_by_reference_only(name: str) -> None:
    for manifest in variant(name):
        assert manifest["kind"] != "Secret", manifest["metadata"]
        if manifest["kind"] == "ConfigMap":
            for key in manifest["data"]:
                assert not re.search(r"PASSWORD|SECRET|TOKEN|KEY", key), key
    for path, pod in all_pods(name):
        for container in containers(pod):
            for entry in container.get("env", []):
                if re.search(r"PASSWORD$|SECRET|TOKEN$|KEY$", entry["name"]):
                    assert set(entry) == {"name", "valueFrom"}, path
                    assert set(entry["valueFrom"]) == {"secretKeyRef"}, path
            for word in [*container.get("command", []), *container.get("args", [])]:
                assert "PASSWORD" not in word, path


@pytest.mark.parametrize("name", VARIANTS)
def test_workers_are_given_no_secret(name: str) -> None:
    """The code of a policy runs there."""
    workers = [(path, pod) for path, pod in all_pods(name) if ".workerGroupSpecs." in path]
    for path, pod in workers:
        assert "secret" not in str([key for key, _ in strings(pod)]).lower(), path
        for container in containers(pod):
            assert "envFrom" not in container, path
            assert all("value" in entry for entry in container.get("env", [])), path
        assert [next(iter(set(v) - {"name"})) for v in pod["volumes"]] == ["emptyDir"], path


def test_only_the_autoscaler_may_ask_kubernetes() -> None:
    for path, pod in all_pods("cloud-with-components"):
        for container in containers(pod):
            for mount in container["volumeMounts"]:
                if "serviceaccount" in mount["mountPath"]:
                    assert container["name"] == "autoscaler", path


# Who talks to whom. The labels are those that KubeRay and the manifests give.
HEAD = {"ray.io/is-ray-node": "yes", "ray.io/node-type": "head", "ray.io/cluster": "qcbench"}
WORKER = {**HEAD, "ray.io/node-type": "worker"}
SUBMITTER, MLFLOW, POSTGRES, REDIS = (
    {"app.kubernetes.io/component": name} for name in ("submitter", "mlflow", "postgres", "redis")
)
OPERATOR = {"app.kubernetes.io/component": "kuberay-operator"}


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {})
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    for rule in selector.get("matchExpressions", []):
        assert rule["operator"] == "In"
        if labels.get(rule["key"]) not in rule["values"]:
            return False
    return True


def allows(
    policies: list[Manifest],
    direction: str,
    of: dict[str, str],
    other: dict[str, str] | None,
    port: int,
    namespace: str | None = None,
) -> bool:
    """Whether the policies of one pod let it talk; `other` None is the world outside."""
    key = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}[direction]
    mine = [
        policy["spec"]
        for policy in policies
        if direction in policy["spec"]["policyTypes"] and selects(policy["spec"]["podSelector"], of)
    ]
    assert mine, "default-deny selects every pod"
    for spec in mine:
        for rule in spec.get(key[0], []):
            ports = [entry["port"] for entry in rule.get("ports", [])]
            if ports and port not in ports:
                continue
            for peer in rule[key[1]]:
                if other is None:
                    if "ipBlock" in peer:
                        return True
                elif "podSelector" in peer or "namespaceSelector" in peer:
                    if not _is_there(peer, namespace):
                        continue
                    if selects(peer.get("podSelector", {}), other):
                        return True
    return False


def _is_there(peer: Manifest, namespace: str | None) -> bool:
    """Whether a peer is in a namespace; None is our own."""
    if "namespaceSelector" not in peer:
        return namespace is None
    name = namespace or "qcbench"
    return selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": name})


@pytest.fixture(scope="module")
def policies() -> list[Manifest]:
    return [one for one in variant("cloud-with-components") if one["kind"] == "NetworkPolicy"]


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "beside"])
def test_nothing_may_talk_unless_it_is_said(name: str) -> None:
    denied = [
        one["spec"]
        for one in variant(name)
        if one["kind"] == "NetworkPolicy" and one["spec"]["podSelector"] == {}
    ]
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in denied


def test_who_may_talk_to_whom(policies: list[Manifest]) -> None:
    def talk(source: dict[str, str], target: dict[str, str], port: int) -> bool:
        return allows(policies, "Egress", source, target, port) and allows(
            policies, "Ingress", target, source, port
        )

    assert talk(HEAD, WORKER, 31000)
    assert talk(WORKER, HEAD, 6379)
    assert talk(SUBMITTER, HEAD, 8265)
    assert talk(MLFLOW, POSTGRES, 5432)
    assert talk(HEAD, REDIS, 6379)
    assert allows(policies, "Egress", HEAD, None, 443)
    assert allows(policies, "Egress", MLFLOW, None, 443)
    assert allows(policies, "Ingress", HEAD, OPERATOR, 8265, "kuberay")
    assert allows(policies, "Ingress", WORKER, {}, 8080, "monitoring")
    assert allows(policies, "Ingress", MLFLOW, {}, 5000, "ingress-nginx")

    for port in (443, 6443, 80, 22):
        assert not allows(policies, "Egress", WORKER, None, port)
    for target, port in ((MLFLOW, 5000), (POSTGRES, 5432), (REDIS, 6379)):
        assert not talk(WORKER, target, port)
    assert not talk(HEAD, POSTGRES, 5432)
    assert not talk(HEAD, MLFLOW, 5000)
    assert not talk(SUBMITTER, WORKER, 31000)
    assert not allows(policies, "Egress", POSTGRES, None, 443)
    assert not allows(policies, "Egress", REDIS, None, 443)
    assert not allows(policies, "Ingress", HEAD, {}, 8265, "somebody-elses")
    assert not allows(policies, "Ingress", MLFLOW, {}, 5000, "somebody-elses")


def test_nobody_reaches_the_address_at_which_clouds_hand_out_rights(
    policies: list[Manifest],
) -> None:
    blocks = [
        peer["ipBlock"]
        for policy in policies
        for rule in policy["spec"].get("egress", [])
        for peer in rule["to"]
        if "ipBlock" in peer
    ]
    assert blocks
    assert all("169.254.0.0/16" in block["except"] for block in blocks)


def test_the_namespace_refuses_what_is_not_restricted() -> None:
    for name in VARIANTS:
        for manifest in variant(name):
            if manifest["kind"] == "Namespace":
                assert manifest["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == (
                    "restricted"
                )


def test_the_largest_cluster_fits_into_the_quota() -> None:
    manifests = variant("cloud-with-components")
    (quota,) = [one["spec"]["hard"] for one in manifests if one["kind"] == "ResourceQuota"]
    (cluster,) = [one for one in manifests if one["kind"] == "RayCluster"]
    used: dict[str, float] = {"pods": 0.0}
    for manifest in manifests:
        for path, pod in pods(manifest):
            copies = manifest["spec"].get("replicas", 1)
            if ".workerGroupSpecs." in path:
                copies = cluster["spec"]["workerGroupSpecs"][0]["maxReplicas"]
            used["pods"] += copies
            for container in containers(pod):
                for side in ("requests", "limits"):
                    for kind, text in container["resources"][side].items():
                        key = f"{side}.{kind}"
                        used[key] = used.get(key, 0.0) + copies * amount(text)
    for key, value in used.items():
        assert value <= amount(quota[key]), key


def test_what_cannot_be_lost_has_a_budget() -> None:
    budgets = [
        one["spec"]["selector"]["matchLabels"]
        for one in variant("cloud-with-components")
        if one["kind"] == "PodDisruptionBudget"
    ]
    for labels in (HEAD, MLFLOW, POSTGRES, REDIS):
        assert any(wanted.items() <= labels.items() for wanted in budgets), labels
    assert not any(wanted.items() <= WORKER.items() for wanted in budgets)
