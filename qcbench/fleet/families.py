"""Transpilation families: which devices share one compiled circuit.

A family is a coupling map. Two devices are of one family when their undirected maps are the same,
or when one is the other with a few links missing and everything else in place (the first Eagle,
washington, has 142 of the later Eagles' 144 links). The entangling gate (cx, ecr or cz) is not part
of it: within a family the gates that occur differ only by one-qubit gates.
"""

from collections.abc import Mapping

Edges = tuple[tuple[int, int], ...]

FAMILIES: Mapping[str, str] = {
    "ibmq1": "armonk",
    "ibmq5_bowtie": "yorktown",
    "ibmq5_line": "athens",
    "ibmq5_t": "belem",
    "ibmq7": "perth",
    "ibmq15": "melbourne",
    "ibmq16": "guadalupe",
    "ibmq20_almaden": "almaden",
    "ibmq20_johannesburg": "johannesburg",
    "ibmq27": "kolkata",
    "ibmq28": "cambridge",
    "ibmq33": "prague",
    "ibmq53": "rochester",
    "ibmq65": "brooklyn",
    "ibmq120": "miami",
    "ibmq127": "washington",
    "ibmq133": "torino",
    "ibmq156": "fez",
}
"""Each family and the device whose coupling map stands for it.

The bare qubit count names a family where IBM built one map of that size; a second map of the same
size gets its shape or its first device as a suffix.
"""

MISSING_LINKS = 0.02
"""Largest share of links by which two maps of one family differ."""


def family_of(name: str, qubits: int, edges: Edges, maps: Mapping[str, tuple[int, Edges]]) -> str:
    """Return the family of a device; a map that nobody else has is a family of its own.

    Args:
        name: the device.
        qubits: its qubits.
        edges: its undirected links.
        maps: qubits and links of every device, by name.
    """
    own = set(edges)
    close = ""
    for family, reference in FAMILIES.items():
        if reference not in maps or maps[reference][0] != qubits:
            continue
        other = set(maps[reference][1])
        if own == other:
            return family
        nested = own <= other or other <= own
        if nested and len(own ^ other) <= MISSING_LINKS * len(own | other):
            close = family
    return close or f"ibmq{qubits}_{name}"
