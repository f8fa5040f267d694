"""The instances of an account: which there are, and which one is meant by a name."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qcbench.errors import InputError
from qcbench.hardware.ibm.settings import CHANNEL, Route
from qcbench.hardware.port import Instance

REGION_OF_CRN = 5
UNNAMED_PLANS = {"", "plan", "unknown"}
"""What the client says of a plan that it does not know."""
TIMEOUT_S = 30.0


def region_of(crn: str) -> str:
    """Return the region that a CRN states; empty where it states none."""
    parts = crn.split(":")
    return parts[REGION_OF_CRN] if len(parts) > REGION_OF_CRN else ""


def from_client(entries: Iterable[Mapping[str, Any]]) -> tuple[Instance, ...]:
    """Return instances as the client lists them."""
    found = []
    for entry in entries:
        plan, crn = str(entry.get("plan") or ""), str(entry["crn"])
        plan = "" if plan in UNNAMED_PLANS else plan
        found.append(Instance(crn, str(entry.get("name") or ""), plan, region_of(crn)))
    return tuple(found)


def of_account(token: str, route: Route) -> tuple[Instance, ...]:
    """Return the instances of an account of IBM's, in all regions."""
    from qiskit_ibm_runtime.accounts import Account  # noqa: PLC0415
    from qiskit_ibm_runtime.proxies import ProxyConfiguration  # noqa: PLC0415

    told = route.for_client()
    proxies = ProxyConfiguration(**told["proxies"]) if "proxies" in told else None
    # Up to 0.50 the class itself is abstract; this makes the right one in all versions.
    account = Account.create_account(
        channel=CHANNEL, token=token, proxies=proxies, private_endpoint=route.private_endpoint
    )
    return from_client(account.list_instances())


def of_service(url: str, token: str) -> tuple[Instance, ...]:
    """Return the instances of a service with addresses of its own; none where it lists none.

    The client looks for instances in IBM's cloud, at addresses that such a service has not.
    """
    import requests  # noqa: PLC0415

    identity = f"{os.environ.get('IAM_URL', url).rstrip('/')}/identity/token"
    given = requests.post(identity, data={"apikey": token}, timeout=TIMEOUT_S)
    if not given.ok:  # the client will say why
        return ()
    bearer = {"Authorization": f"Bearer {given.json()['access_token']}"}
    listing = f"{url.rstrip('/')}/api/v1/instances"
    answer = requests.get(listing, headers=bearer, timeout=TIMEOUT_S)
    return from_client(answer.json().get("instances", ())) if answer.ok else ()


def chosen(wanted: str, known: Sequence[Instance]) -> str:
    """Return the CRN of the instance that is meant.

    Args:
        wanted: a CRN or a name.
        known: those that there are; whatever is wanted is taken where none is known.

    Raises:
        InputError: there is no such instance, with those that there are; or several have the name.
    """
    meant = [one for one in known if wanted in {one.crn, one.name}]
    if len(meant) == 1 or not known:
        return meant[0].crn if meant else wanted
    there_are = "; ".join(described(one) for one in meant or known)
    if meant:
        raise InputError(f"backend.instance: {wanted} names several; give the CRN of {there_are}")
    raise InputError(f"backend.instance: {wanted} does not exist; there are {there_are}")


def described(instance: Instance) -> str:
    """Return an instance in words: name, plan, region, CRN."""
    plan, region = instance.plan or "unknown plan", instance.region or "unknown region"
    return f"{instance.name or 'without a name'} ({plan}, {region}) {instance.crn}"
