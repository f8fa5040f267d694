"""The benchmark algorithms and the transpilation families that the packaged circuits come in."""

ALGORITHMS: dict[str, str] = {
    "ae": "ae",
    "dj": "dj",
    "ghz": "ghz",
    "qft": "qft",
    "qftentangled": "qftentangled",
    "qnn": "qnn",
    "qpeexact": "qpeexact",
    "qpeinexact": "qpeinexact",
    "random": "randomcircuit",
    "realamprandom": "vqe_real_amp",
    "su2random": "vqe_su2",
    "twolocalrandom": "vqe_two_local",
}
"""Published short name of each algorithm, and what MQT Bench 2 calls it."""

MIN_QUBITS = 2
MAX_QUBITS = 27

FAMILIES: dict[str, str] = {
    "ibmq7": "perth",
    "ibmq16": "guadalupe",
    "ibmq27": "kolkata",
    "ibmq127": "washington",
    "ibmq133": "torino",
    "ibmq156": "fez",
}
"""Each transpilation family, and the device whose coupling map and basis gates stand for it."""

PUBLISHED_FAMILIES = ("ibmq7", "ibmq16", "ibmq27", "ibmq127")
"""The families that the published CSV format has columns for."""

GRAPHS_IN_TABLE: dict[str, str] = {
    "qaoa": "qaoa",
    "adder": "cdkm_ripple_carry_adder",
    "qft_adder": "draper_qft_adder",
    "multiplier": "hrs_cumulative_multiplier",
    "qft_multiplier": "rg_qft_multiplier",
}
"""Algorithms whose interaction graphs are packaged, and what MQT Bench 2 calls them."""

GRAPH_ALGORITHMS = ("qft", "dj", "ghz", *GRAPHS_IN_TABLE)
"""Algorithms with interaction graphs; those of the first three follow from their definition."""

MAX_GRAPH_QUBITS = 1024
