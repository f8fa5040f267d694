"""The REST interface: which request does what, and how it is answered."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from .config import Request
from .devices import Device
from .jobs import ServiceJob, description, metrics
from .service import Refused, Service
from .sessions import details
from .tokens import Tokens

LONGEST_LIST = 200


@dataclass(frozen=True)
class Call:
    """A request.

    Attributes:
        query: every key with all its values.
        instance: the `Service-CRN` header.
    """

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    instance: str
    authorization: str
    body: bytes

    def first(self, key: str, default: str = "") -> str:
        """Return the first value of a key of the query."""
        return next(iter(self.query.get(key, ())), default)

    def content(self) -> dict[str, Any]:
        """Return the body, which has to be a JSON object."""
        try:
            content = json.loads(self.body or b"{}")
        except ValueError:
            raise Refused(400, 1200, "The body is not JSON") from None
        if not isinstance(content, dict):
            raise Refused(400, 1200, "The body is not a JSON object")
        return content


@dataclass(frozen=True)
class Answer:
    """A response; `text` as it is, else `content` as JSON.

    Attributes:
        retry_after_s: real seconds that the client is asked to wait.
    """

    status: int = 200
    content: Any = None
    text: str | None = None
    retry_after_s: int | None = None

    def body(self) -> bytes:
        """Return the bytes to send; none where the status allows none."""
        if self.status == 204:
            return b""
        return (self.text if self.text is not None else json.dumps(self.content)).encode()


def error(status: int, code: int, message: str) -> Answer:
    """Return an error as the service words it."""
    return Answer(status, {"errors": [{"code": code, "message": message}], "trace": "emulator"})


def kind_of(method: str, path: str) -> Request | None:
    """Return which kind of request this is to the faults; None for what is before any use."""
    if path in {"/identity/token", "/instances"}:
        return None
    if method == "POST" and path == "/jobs":
        return "submit"
    if path == "/jobs":
        return "list"
    if path.endswith("/results"):
        return "result"
    if path.endswith("/metrics"):
        return "metrics"
    if path.endswith("/cancel"):
        return "cancel"
    if method == "GET" and path.startswith("/jobs/"):
        return "status"
    if path.startswith(("/backends", "/instances")):
        return "backend"
    return "any"


def answer(service: Service, tokens: Tokens, call: Call, *, fail: bool = False) -> Answer:
    """Answer a request.

    Args:
        fail: a job that this request submits is to fail.
    """
    if (call.method, call.path) == ("POST", "/identity/token"):
        return Answer(content=tokens.issue())
    if not tokens.valid(call.authorization):
        return error(401, 1400, "The access token is missing, expired or not of this service")
    if (call.method, call.path) == ("GET", "/instances"):
        return _instances(service)
    if not call.instance:
        return error(400, 1401, "The header Service-CRN is missing")
    try:
        service.instance(call.instance)
        if (call.method, call.path) == ("POST", "/jobs"):
            return _submit(service, call, fail=fail)
        for method, pattern, act in ROUTES:
            found = re.fullmatch(pattern, call.path)
            if found and method == call.method:
                return act(service, call, *found.groups())
    except Refused as refusal:
        refused = error(refusal.status, refusal.code, str(refusal))
        return replace(refused, retry_after_s=refusal.retry_after_s)
    return error(404, 1404, f"{call.method} {call.path} is not emulated")


def _submit(service: Service, call: Call, *, fail: bool) -> Answer:
    job = service.accept(call.instance, call.content(), fail=fail)
    content: dict[str, Any] = {"id": job.job_id, "backend": job.backend}
    if job.session_id:
        content["session_id"] = job.session_id
    return Answer(content=content)


def _instances(service: Service) -> Answer:
    """The instances of the account; what IBM's cloud is asked for at other addresses."""
    content = [
        {"crn": one.crn, "name": one.name, "plan": one.plan} for one in service.config.instances
    ]
    return Answer(content={"instances": content})


def _backends(service: Service, call: Call) -> Answer:
    own = [service.devices[name] for name in service.devices_of(call.instance)]
    return Answer(content={"devices": [_device(service, device) for device in own]})


def _device(service: Service, device: Device) -> dict[str, Any]:
    length, maintenance = service.backend_state(device.name)
    configuration = device.calibration.configuration
    status = {"name": "paused" if maintenance else "online"}
    if maintenance:
        status["reason"] = "maintenance"
    return {
        "name": device.name,
        "status": status,
        "is_simulator": False,
        "qubits": device.qubits,
        "queue_length": length,
        "processor_type": configuration.get("processor_type"),
        "clops": {"type": "clops_v", "value": configuration.get("clops")},
    }


def _configuration(service: Service, call: Call, name: str) -> Answer:
    del call
    return Answer(content=service.device(name).calibration.configuration)


def _properties(service: Service, call: Call, name: str) -> Answer:
    """The calibration, or the last one before a date."""
    asked = call.first("updated_before")
    try:
        date = datetime.fromisoformat(asked) if asked else None
    except ValueError:
        return error(400, 1210, f"updated_before: {asked} is no date")
    return Answer(content=service.device(name, date).calibration.reported)


def _status(service: Service, call: Call, name: str) -> Answer:
    del call
    device = service.device(name)
    length, maintenance = service.backend_state(name)
    return Answer(
        content={
            "backend_version": device.version,
            "state": True,
            "status": "internal" if maintenance else "active",
            "message": "",
            "length_queue": length,
        }
    )


def _usage(service: Service, call: Call) -> Answer:
    used_s, quota_s = service.used_s(call.instance), service.quota_s(call.instance)
    content: dict[str, Any] = {
        "instance_id": call.instance,
        "usage_consumed_seconds": used_s,
        "usage_period": {
            "start_time": service.clock.stamp(0.0),
            "end_time": service.clock.stamp(28 * 86400.0),
        },
        "usage_limit_reached": quota_s is not None and used_s >= quota_s,
    }
    if quota_s is not None:
        content["usage_allocation_seconds"] = content["usage_limit_seconds"] = quota_s
        content["usage_remaining_seconds"] = max(quota_s - used_s, 0.0)
    return Answer(content=content)


def _instance(service: Service, call: Call) -> Answer:
    """The account's instance: its plan, its devices and its quota."""
    quota_s = service.quota_s(call.instance)
    content: dict[str, Any] = {
        "plan_id": service.instance(call.instance).plan,
        "backends": service.devices_of(call.instance),
    }
    if quota_s is not None:
        content["instance_limit_seconds"] = content["usage_allocation_seconds"] = quota_s
    return Answer(content=content)


def _job(service: Service, call: Call, job_id: str) -> Answer:
    job = service.job(call.instance, job_id)
    with_params = call.first("exclude_params") != "true"
    return Answer(content=description(job, service.clock, with_params=with_params))


def _list(service: Service, call: Call) -> Answer:
    try:
        limit = min(int(call.first("limit", "10")), LONGEST_LIST)
        offset = int(call.first("offset", "0"))
        after_s, before_s = (
            service.clock.seconds(datetime.fromisoformat(call.first(key))) if call.first(key) else d
            for key, d in (("created_after", float("-inf")), ("created_before", float("inf")))
        )
    except ValueError:
        return error(400, 1210, "limit, offset, created_after or created_before cannot be read")
    pending = call.first("pending")
    tags = set(call.query.get("tags", ()))

    def keep(job: ServiceJob) -> bool:
        wanted = (
            (call.first("backend"), job.backend),
            (call.first("program"), job.program_id),
            (call.first("session_id"), job.session_id),
        )
        return (
            all(not asked or asked == has for asked, has in wanted)
            and (not pending or (pending == "true") == (not job.final))
            and tags <= set(job.tags)
            and after_s <= job.created_s <= before_s
        )

    found = service.select(call.instance, keep)
    if call.first("sort", "DESC") != "ASC":
        found.reverse()
    return Answer(
        content={
            "jobs": [
                description(job, service.clock, with_params=False)
                for job in found[offset : offset + limit]
            ],
            "count": len(found),
            "limit": limit,
            "offset": offset,
        }
    )


def _results(service: Service, call: Call, job_id: str) -> Answer:
    job = service.job(call.instance, job_id)
    if job.status == "Completed":
        return Answer(text=job.result)
    return Answer(text=job.failure if job.final else "")


def _metrics(service: Service, call: Call, job_id: str) -> Answer:
    job = service.job(call.instance, job_id)
    return Answer(content=metrics(job, service.clock, *service.place(job)))


def _logs(service: Service, call: Call, job_id: str) -> Answer:
    job = service.job(call.instance, job_id)
    if not job.final:
        return error(404, 1295, f"Job {job_id} has no logs yet")
    return Answer(text=f"emulator: {job.status}, {job.charge_s} s charged\n{job.failure}")


def _cancel(service: Service, call: Call, job_id: str) -> Answer:
    service.cancel(call.instance, job_id)
    return Answer(204)


def _delete(service: Service, call: Call, job_id: str) -> Answer:
    service.delete(call.instance, job_id)
    return Answer(204)


def _tags(service: Service, call: Call, job_id: str) -> Answer:
    service.tag(call.instance, job_id, [str(tag) for tag in call.content().get("tags", [])])
    return Answer(204)


def _open_session(service: Service, call: Call) -> Answer:
    content = call.content()
    session = service.open_session(
        call.instance,
        str(content.get("backend")),
        str(content.get("mode", "dedicated")),
        content.get("max_ttl"),
    )
    return Answer(content=details(session, [], service.clock, session.created_s))


def _session(service: Service, call: Call, session_id: str) -> Answer:
    session = service.session(call.instance, session_id)
    jobs = service.of_session(session)
    return Answer(content=details(session, jobs, service.clock, service.clock.now_s()))


def _close_session(service: Service, call: Call, session_id: str) -> Answer:
    if call.content().get("accepting_jobs") is False:
        service.close_session(call.instance, session_id, cancel=False)
    return Answer(204)


def _cancel_session(service: Service, call: Call, session_id: str) -> Answer:
    service.close_session(call.instance, session_id, cancel=True)
    return Answer(204)


Act = Callable[..., Answer]
_NAME = r"([^/]+)"

ROUTES: tuple[tuple[str, str, Act], ...] = (
    ("GET", "/backends", _backends),
    ("GET", f"/backends/{_NAME}/configuration", _configuration),
    ("GET", f"/backends/{_NAME}/properties", _properties),
    ("GET", f"/backends/{_NAME}/status", _status),
    ("GET", "/instance", _instance),
    ("GET", "/instances/usage", _usage),
    ("GET", "/jobs", _list),
    ("GET", f"/jobs/{_NAME}", _job),
    ("DELETE", f"/jobs/{_NAME}", _delete),
    ("GET", f"/jobs/{_NAME}/results", _results),
    ("GET", f"/jobs/{_NAME}/metrics", _metrics),
    ("GET", f"/jobs/{_NAME}/logs", _logs),
    ("POST", f"/jobs/{_NAME}/cancel", _cancel),
    ("PUT", f"/jobs/{_NAME}/tags", _tags),
    ("POST", "/sessions", _open_session),
    ("GET", f"/sessions/{_NAME}", _session),
    ("PATCH", f"/sessions/{_NAME}", _close_session),
    ("DELETE", f"/sessions/{_NAME}/close", _cancel_session),
)
