"""An exported policy's network as an ONNX model, for runtimes other than NumPy.

The model takes what the network takes and gives what it gives: from the features, which
`qcbench.policies.features` defines, to the outputs of every item. Masks and actions stay outside.

- `per_item`: inputs ``shared`` (features,), ``each`` (items, features) of any number of items
  and, where the card's pool is `allowed`, ``allowed`` (items,) of booleans;
- `plain`: input ``observation`` (features,).

Both give ``outputs`` (items, outputs); of a policy whose action is `set`, a row a set.
"""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from qcbench.errors import InputError
from qcbench.extras import install
from qcbench.files import write_durable
from qcbench.policies.exported.card import CARD, Card, PerItem, Plain
from qcbench.policies.exported.folder import Exported
from qcbench.policies.exported.layers import Numbers
from qcbench.policies.exported.per_item import PerItemNetwork
from qcbench.policies.exported.plain import PlainNetwork
from qcbench.policies.exported.weights import Tensors, choices, items_of

OPSET = 18
IR_VERSION = 9
"""Old enough for every runtime that knows the opset."""

TOLERANCE = 1e-4
"""Largest difference of an output, over the largest output, in 32-bit floats."""


class Graph:
    """Nodes, constants and inputs of a model while it grows."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []

    def input(self, name: str, shape: list[Any], *, boolean: bool = False) -> str:
        """Add an input; a text in its shape is any size."""
        from onnx import TensorProto, helper  # noqa: PLC0415

        kind = TensorProto.BOOL if boolean else TensorProto.FLOAT
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def constant(self, value: Any, *, whole: bool = False) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper  # noqa: PLC0415

        name = f"c{len(self.constants)}"
        array = np.array(value, dtype=np.int64 if whole else np.float32)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        from onnx import helper  # noqa: PLC0415

        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def activate(self, name: str, x: str) -> str:
        """Apply an activation."""
        if name == "silu":
            return self.add("Mul", x, self.add("Sigmoid", x))
        return self.add("Relu" if name == "relu" else "Tanh", x)

    def dense(self, tensors: Tensors, layer: str, x: str, columns: slice | None = None) -> str:
        """Apply a layer without its bias to some of its inputs, or with it to all of them."""
        weight = tensors[f"{layer}.weight"].T
        if columns is not None:
            return self.add("MatMul", x, self.constant(weight[columns]))
        product = self.add("MatMul", x, self.constant(weight))
        return self.add("Add", product, self.constant(tensors[f"{layer}.bias"]))

    def scaled(self, card: Card, x: str, columns: list[int]) -> str:
        """Apply the card's normalisation to features."""
        given = card.observation.normalisation
        if given is None:
            return x
        mean, std = np.array(given.mean)[columns], np.array(given.std)[columns]
        x = self.add("Div", self.add("Sub", x, self.constant(mean)), self.constant(std))
        if given.clip is not None:
            x = self.add("Clip", x, self.constant(-given.clip), self.constant(given.clip))
        return x


def require_onnx() -> None:
    """Check that the package is there.

    Raises:
        InputError: it is not.
    """
    if importlib.util.find_spec("onnx") is None:
        raise InputError(f"format onnx: onnx is not installed; `{install(['onnx'])}`")


def onnx_model(exported: Exported) -> bytes:
    """Return the network of a policy as a serialised ONNX model."""
    import onnx  # noqa: PLC0415
    from onnx import TensorProto, helper  # noqa: PLC0415

    card, graph = exported.card, Graph()
    if isinstance(card.network, PerItem):
        last = _per_item(graph, card, card.network, exported.tensors)
    else:
        last = _plain(graph, card, card.network, exported.tensors)
    graph.nodes.append(helper.make_node("Identity", [last], ["outputs"]))
    items: Any = "items" if isinstance(card.network, PerItem) else choices(card)
    shape = [items, card.network.outputs]
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            f"qcbench-{card.track}",
            graph.inputs,
            [helper.make_tensor_value_info("outputs", TensorProto.FLOAT, shape)],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="qcbench",
    )
    helper.set_model_props(made, {"qcbench.sha256": exported.sha256, "qcbench.card": CARD})
    onnx.checker.check_model(made, full_check=True)
    data: bytes = made.SerializeToString()
    return data


def _per_item(graph: Graph, card: Card, network: PerItem, tensors: Tensors) -> str:
    shared, each = len(card.observation.shared), len(card.observation.each)
    raw = graph.input("each", ["items", each])
    g = graph.scaled(card, graph.input("shared", [shared]), list(range(shared)))
    x = graph.scaled(card, raw, list(range(shared, shared + each)))
    from_each = graph.dense(tensors, "encoder.0", x, slice(0, each))
    from_shared = graph.dense(tensors, "encoder.0", g, slice(each, None))
    bias = graph.constant(tensors["encoder.0.bias"])
    h = graph.add("Add", from_each, graph.add("Add", from_shared, bias))
    h = graph.activate(network.activation, h)
    for place in range(1, len(network.encoder)):
        h = graph.activate(network.activation, graph.dense(tensors, f"encoder.{place}", h))
    c = _pooled(graph, h, network)
    for place in range(len(network.context)):
        c = graph.activate(network.activation, graph.dense(tensors, f"context.{place}", c))
    width = network.encoder[-1]
    from_item = graph.dense(tensors, "head.0", h, slice(0, width))
    from_context = graph.dense(tensors, "head.0", c, slice(width, None))
    bias = graph.constant(tensors["head.0.bias"])
    out = graph.add("Add", from_item, graph.add("Add", from_context, bias))
    for place in range(1, len(network.head) + 1):
        out = graph.dense(tensors, f"head.{place}", graph.activate(network.activation, out))
    if network.offset is None:
        return out
    # A row of coefficients: the feature's column times it, on the first output.
    column = card.observation.each.index(network.offset.feature)
    weights = np.zeros((each, network.outputs))
    weights[column, 0] = network.offset.coefficient
    return graph.add("Add", out, graph.add("MatMul", raw, graph.constant(weights)))


def _pooled(graph: Graph, h: str, network: PerItem) -> str:
    """Add mean and maximum over the items."""
    first = graph.constant([0], whole=True)
    if network.pool == "all":
        mean = graph.add("ReduceMean", h, first, keepdims=0)
        most = graph.add("ReduceMax", h, first, keepdims=0)
        return graph.add("Concat", mean, most, axis=0)
    allowed = graph.input("allowed", ["items"], boolean=True)
    there = graph.add("Unsqueeze", allowed, graph.constant([1], whole=True))
    kept = graph.add("Where", there, h, graph.constant(0.0))
    count = graph.add("ReduceSum", graph.add("Cast", there, to=1), first, keepdims=0)
    mean = graph.add("Div", graph.add("ReduceSum", kept, first, keepdims=0), count)
    least = graph.constant(np.finfo(np.float32).min)
    most = graph.add("ReduceMax", graph.add("Where", there, h, least), first, keepdims=0)
    return graph.add("Concat", mean, most, axis=0)


def _plain(graph: Graph, card: Card, network: Plain, tensors: Tensors) -> str:
    shared, each, items = len(card.observation.shared), len(card.observation.each), items_of(card)
    columns = [*range(shared), *list(range(shared, shared + each)) * items]
    x = graph.scaled(card, graph.input("observation", [len(columns)]), columns)
    for place in range(len(network.torso)):
        x = graph.activate(network.activation, graph.dense(tensors, f"torso.{place}", x))
    out = _stream(graph, network, tensors, "head", x)
    shape = graph.constant([choices(card), -1], whole=True)
    out = graph.add("Reshape", out, shape)
    if network.dueling:
        first = graph.constant([0], whole=True)
        centre = graph.add("ReduceMean", out, first, keepdims=0)
        value = _stream(graph, network, tensors, "value", x)
        out = graph.add("Add", graph.add("Sub", out, centre), value)
    if network.atoms is not None:
        atoms = np.linspace(network.atoms.least, network.atoms.most, network.atoms.count)
        shares = graph.add("Softmax", out, axis=1)
        out = graph.add("MatMul", shares, graph.constant(atoms[:, np.newaxis]))
    return out


def _stream(graph: Graph, network: Plain, tensors: Tensors, name: str, x: str) -> str:
    for place in range(len(network.head)):
        x = graph.activate(network.activation, graph.dense(tensors, f"{name}.{place}", x))
    return graph.dense(tensors, f"{name}.{len(network.head)}", x)


def largest_difference(model: bytes, exported: Exported, situations: int = 50) -> float:
    """Return the largest difference of an output to the inference in NumPy, over the largest one.

    Args:
        situations: random ones, with features between -1 and 1 and various numbers of items.
    """
    import onnxruntime  # noqa: PLC0415

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    card = exported.card
    shared, each = len(card.observation.shared), len(card.observation.each)
    rng = np.random.default_rng(0)
    worst = 0.0
    for situation in range(situations):
        wide = isinstance(card.network, PerItem)
        items = 1 + situation % 12 if wide else items_of(card)
        first = rng.uniform(-1.0, 1.0, shared).astype(np.float32)
        table = rng.uniform(-1.0, 1.0, (items, each)).astype(np.float32)
        if isinstance(card.network, PerItem):
            allowed = rng.random(items) < 0.7
            allowed[situation % items] = True
            feed: dict[str, Any] = {"shared": first, "each": table}
            if card.network.pool == "allowed":
                feed["allowed"] = allowed
            known: Numbers = PerItemNetwork(card, exported.tensors).outputs(first, table, allowed)
        else:
            whole = np.concatenate([first, table.ravel()])
            feed = {"observation": whole}
            known = PlainNetwork(card, exported.tensors).outputs(whole)
        (found,) = session.run(["outputs"], feed)
        worst = max(worst, float(np.abs(found - known).max() / max(np.abs(known).max(), 1.0)))
    return worst


def write_onnx(path: Path, exported: Exported) -> float | None:
    """Write a policy's network as an ONNX model that has been compared with NumPy's inference.

    Returns:
        The largest difference of an output; None where onnxruntime is not installed, so that
        nothing was compared.

    Raises:
        InputError: onnx is not installed, or the place cannot be written.
        RuntimeError: the model gives other outputs; it is not written.
    """
    require_onnx()
    model = onnx_model(exported)
    difference = None
    if importlib.util.find_spec("onnxruntime") is not None:
        difference = largest_difference(model, exported)
        if not difference < TOLERANCE:
            raise RuntimeError(f"{path}: outputs differ by {difference:g} from NumPy's inference")
    write_durable(path, model)
    return difference
