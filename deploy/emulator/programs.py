"""What a job's parameters ask for, and the result that its client decodes.

Two programs are known: `executor`, which the client-side sampler and estimator send, and `sampler`,
the older one that is deprecated in the client.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from ibm_quantum_schemas.common import CompressedTensorModel
from ibm_quantum_schemas.executor.version_2_0 import (
    ChunkPart,
    ChunkSpan,
    ItemMetadataModel,
    MetadataModel,
    ParamsModel,
    QuantumProgramResultItemModel,
    QuantumProgramResultModel,
    SchedulerTimingModel,
)
from qiskit import QuantumCircuit
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, SamplerPubResult
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit_ibm_runtime.execution_span import DoubleSliceSpan, ExecutionSpans
from qiskit_ibm_runtime.json import RuntimeDecoder, RuntimeEncoder
from qiskit_ibm_runtime.quantum_program.converters.converters_2_0 import quantum_program_from_2_0
from samplomatic.quantum_program import SamplexItem

from .randomization import sample_parameters

DATA_TYPES = {"QuantumCircuit", "ndarray", "BindingsArray", "Parameter", "complex"}
"""What the parameters of the program `sampler` may hold besides plain JSON."""


class ProgramError(ValueError):
    """Parameters that no program of the emulator takes; the message says why."""


class UnknownProgramError(ProgramError):
    """A program that the emulator does not have."""


@dataclass(frozen=True)
class Item:
    """A circuit with the parameter sets and shots that it runs with.

    Attributes:
        circuit: on the qubits of the device.
        parameters: values in the order of `circuit.parameters`, shape (*shape, parameters).
        shape: of the parameter sets.
        shots: of each of them.
        extra: arrays that go into the result as they are, by name.
    """

    circuit: QuantumCircuit
    parameters: np.ndarray[Any, np.dtype[np.float64]]
    shape: tuple[int, ...]
    shots: int
    extra: Mapping[str, np.ndarray[Any, Any]]

    @property
    def sets(self) -> int:
        """Number of parameter sets."""
        return math.prod(self.shape)

    @property
    def executions(self) -> int:
        """Shots times parameter sets."""
        return self.shots * self.sets


@dataclass(frozen=True)
class Span:
    """When an item ran, in emulated time."""

    start: datetime
    stop: datetime


Bits = Mapping[str, BitArray]
"""Measured bits of an item by classical register, of the item's shape."""


class ServiceProgram(Protocol):
    """A job's parameters, decoded."""

    @property
    def items(self) -> Sequence[Item]:
        """The circuits and how they run."""

    def encode(self, bits: Sequence[Bits], spans: Sequence[Span], durations: Sequence[int]) -> str:
        """Return the result as the service sends it.

        Args:
            bits: per item.
            spans: per item.
            durations: of each item's circuit, in steps of the device's clock.
        """


def decode(program: str, params: Mapping[str, Any], rng: np.random.Generator) -> ServiceProgram:
    """Decode a job's parameters.

    Args:
        program: `executor` or `sampler`.
        params: as they came in the request.
        rng: draws the randomisations of twirled circuits.

    Raises:
        ProgramError: an unknown program, or parameters that it does not take.
    """
    if program not in {"executor", "sampler"}:
        raise UnknownProgramError(f"program {program!r} is not emulated; known: executor, sampler")
    try:
        found: ServiceProgram = (
            _Executor.decode(params, rng) if program == "executor" else _Sampler.decode(params)
        )
    except ProgramError:
        raise
    except Exception as error:
        # Whatever the decoders of others raise on a request that they cannot read.
        reason = " ".join(str(error).split())[:300]
        raise ProgramError(f"program {program}: parameters cannot be read ({reason})") from error
    if not found.items:
        raise ProgramError(f"program {program}: no circuits")
    return found


@dataclass(frozen=True)
class _Executor:
    model: ParamsModel
    items: Sequence[Item]

    @classmethod
    def decode(cls, params: Mapping[str, Any], rng: np.random.Generator) -> "_Executor":
        version = params.get("schema_version")
        if version != "v2.0":
            raise ProgramError(f"program executor: schema {version!r} is not emulated; known: v2.0")
        model = ParamsModel.model_validate(params)
        program, _ = quantum_program_from_2_0(model)
        if program.meas_level != "classified":
            raise ProgramError(
                f"program executor: measurement level {program.meas_level!r} is not emulated; "
                "known: classified"
            )
        items = []
        for asked in program.items:
            extra: dict[str, np.ndarray[Any, Any]] = {}
            if isinstance(asked, SamplexItem):
                asked.samplex.finalize()
                extra = sample_parameters(asked, rng)
                values = extra.pop("parameter_values")
                shape = tuple(asked.shape)
            else:
                values = np.asarray(asked.circuit_arguments, dtype=np.float64)
                shape = values.shape[:-1]
            items.append(Item(asked.circuit, values, shape, int(program.shots), extra))
        return cls(model, items)

    def encode(self, bits: Sequence[Bits], spans: Sequence[Span], durations: Sequence[int]) -> str:
        data = []
        for item, found, duration in zip(self.items, bits, durations, strict=True):
            arrays = {name: bit.to_bool_array(order="little") for name, bit in found.items()}
            timing = None
            if self.model.options.scheduler_timing:
                timing = SchedulerTimingModel(timing="", circuit_duration=duration)
            data.append(
                QuantumProgramResultItemModel(
                    results={
                        name: CompressedTensorModel.from_numpy(array)
                        for name, array in {**item.extra, **arrays}.items()
                    },
                    metadata=ItemMetadataModel(scheduler_timing=timing),
                )
            )
        chunks = [
            ChunkSpan(
                start=span.start,
                stop=span.stop,
                parts=[
                    ChunkPart(
                        idx_item=place,
                        size=item.sets,
                        permutation=list(range(len(item.shape))),
                        element_range=(0, item.sets, 1),
                    )
                ],
            )
            for place, (item, span) in enumerate(zip(self.items, spans, strict=True))
        ]
        result = QuantumProgramResultModel(
            data=data,
            metadata=MetadataModel(chunk_timing=chunks),
            passthrough_data=self.model.quantum_program.passthrough_data,
            semantic_role=self.model.quantum_program.semantic_role,
        )
        return str(result.model_dump_json())


def _check_types(value: Any) -> None:
    """Refuse types that no sampler needs; the client's decoder would build whatever is named."""
    if isinstance(value, Mapping):
        named = value.get("__type__")
        if named is not None and named not in DATA_TYPES:
            raise ProgramError(f"program sampler: values of type {named!r} are not taken")
        for inner in value.values():
            _check_types(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_types(inner)


@dataclass(frozen=True)
class _Sampler:
    items: Sequence[Item]

    DEFAULT_SHOTS = 4096

    @classmethod
    def decode(cls, params: Mapping[str, Any]) -> "_Sampler":
        _check_types(params)
        decoded = json.loads(json.dumps(params), cls=RuntimeDecoder)
        options = decoded.get("options") or {}
        twirling = options.get("twirling") or {}
        if twirling.get("enable_gates") or twirling.get("enable_measure"):
            raise ProgramError(
                "program sampler: twirling is not emulated; use executor_sampler.Sampler"
            )
        shots = options.get("default_shots") or cls.DEFAULT_SHOTS
        items = []
        for asked in decoded["pubs"]:
            pub = SamplerPub.coerce(tuple(asked), shots)
            values = pub.parameter_values.as_array(pub.circuit.parameters)
            items.append(Item(pub.circuit, values, tuple(pub.shape), int(pub.shots), {}))
        return cls(items)

    def encode(self, bits: Sequence[Bits], spans: Sequence[Span], durations: Sequence[int]) -> str:
        del durations
        results = [
            SamplerPubResult(DataBin(**found, shape=item.shape), metadata={"circuit_metadata": {}})
            for item, found in zip(self.items, bits, strict=True)
        ]
        slices = [
            DoubleSliceSpan(
                span.start,
                span.stop,
                {
                    place: (
                        (*item.shape, item.shots),
                        slice(0, item.sets),
                        slice(0, item.shots),
                    )
                },
            )
            for place, (item, span) in enumerate(zip(self.items, spans, strict=True))
        ]
        result = PrimitiveResult(
            results,
            metadata={"execution": {"execution_spans": ExecutionSpans(slices)}, "version": 2},
        )
        return json.dumps(result, cls=RuntimeEncoder)
