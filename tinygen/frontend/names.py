"""Short, readable names from the long ones that converters write.

A converter names a tensor after every operation that it fused into it, for instance
``model/relu/Relu;model/bn1/FusedBatchNormV3;model/conv1/BiasAdd;model/conv2/Conv2D;model/conv1/Conv2D1``.
The layer is the scope that occurs most often among them, here ``conv1``.
"""

from __future__ import annotations

import re
from collections import Counter

MAX_LENGTH = 48
MAX_LABEL = 64

# Operations that belong to the layer in whose scope they stand. Others, say Relu, name a layer of
# their own that was fused into this one, and count half.
_COMPUTING = {
    "Add", "BiasAdd", "Conv1D", "Conv2D", "MatMul", "Mul", "Tensordot", "add", "convolution",
    "depthwise", "mul",
}  # fmt: skip
_GENERIC = re.compile(r"Identity(_\d+)?(_int8)?|(Stateful)?PartitionedCall[\w:]*|tfl\.\w+")


class Names:
    """Hands out names, each once; the second ``conv`` becomes ``conv_2``."""

    def __init__(self) -> None:
        self._uses: Counter[str] = Counter()

    def unique(self, name: str) -> str:
        """``name``, with a number behind it when it is taken."""
        candidate = name
        while candidate in self._uses:
            # Counting on from the last use keeps thousands of equal names cheap.
            self._uses[name] += 1
            candidate = f"{name}_{self._uses[name]}"
        self._uses[candidate] = 1
        return candidate


def layer_name(op: str, output: str, constants: list[str]) -> str:
    """The name of a layer, from its output tensor's name.

    Where the converter called that ``Identity`` or the like, the name comes from the constants
    (weights first), and where there are none, from the operator.
    """
    for name in [output, *constants]:
        if name and not _GENERIC.fullmatch(name):
            short = short_name(name)
            if short:
                return short
    return op.lower()


def short_name(name: str) -> str:
    """The scope that most parts of a fused name share, as an identifier; may be empty."""
    votes: Counter[str] = Counter()
    for part in name.split(";"):
        scope, operation = _scope(part)
        votes[scope] += 2 if operation in _COMPUTING else 1
    ((winner, _),) = votes.most_common(1)
    return identifier(winner) or identifier(name)


def identifier(text: str) -> str:
    """``text`` with nothing but letters, digits and underscores, cut to a readable length."""
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")[:MAX_LENGTH].rstrip("_")


def printable(text: bytes | None) -> str:
    """A name from a file as text that is safe in a message and in a C comment."""
    if not text:
        return ""
    decoded = text[:1024].decode("utf-8", "replace")
    return re.sub(r"[^\w./:;-]", "_", decoded, flags=re.ASCII)


def label(name: str) -> str:
    """A tensor's name as messages show it: its beginning, when the converter made it endless."""
    return name if len(name) <= MAX_LABEL else f"{name[: MAX_LABEL - 3]}..."


def _scope(part: str) -> tuple[str, str]:
    """Layer and operation of one part, ``model/block/conv/Conv2D1`` -> (block/conv, Conv2D)."""
    path = part.split("/")
    if "ReadVariableOp" in path:  # the variable of an operation stands for the operation
        path = path[: path.index("ReadVariableOp")]
    if len(path) < 2:
        return part, ""
    operation = path.pop()
    if operation not in _COMPUTING:
        operation = operation.rstrip("0123456789")  # the converter numbers what it duplicates
    while len(path) > 2 and path[-1] in _COMPUTING:
        path.pop()
    return "/".join(path[1:] or path), operation
