"""Let a convolution pad its input itself, where a PAD in front of it adds what SAME would.

Exact: PAD adds the stored zero point z of its output, and leaves the rest as it is. A convolution
sums (x - z) * w, so where input and output of the PAD have the same quantization, a tap that meets
padding adds nothing, as a tap outside the input does under SAME. Output pixel (i, j) meets input
pixel (i * stride + tap * dilation - padding) in both, since the pass asks for equal padding in
front; padding behind is only read as far as the outputs reach, and their number is the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tinygen.ops import conv_2d, depthwise_conv_2d, operator
from tinygen.ops.pad import paddings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.ir import Graph, Node
    from tinygen.ops.windows import Window

NAME = "fuse_pad"

_WINDOWS: dict[str, Callable[[Node], Window]] = {
    "CONV_2D": conv_2d.window,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d.window,
}


def run(graph: Graph) -> Graph:
    """The graph with convolutions that read in front of a PAD; the PAD may be left without use."""
    pads = {node.output: node for node in graph.nodes if node.op == "PAD"}
    return graph.replace(
        nodes=tuple(
            _fused(node, pads[node.input(0)])
            if node.op in _WINDOWS and node.input(0) in pads
            else node
            for node in graph.nodes
        )
    )


def _fused(node: Node, pad: Node) -> Node:
    """The convolution with SAME padding over the PAD's input; itself where that is not the same."""
    x, (batch, rows, columns, channels) = pad.input(0), paddings(pad)
    unpadded = x.quantization == pad.output.quantization and not any((*batch, *channels))
    if node.options.padding != "VALID" or not unpadded:
        return node
    fused = node.replace(
        inputs=(x, *node.inputs[1:]), options=replace(node.options, padding="SAME")
    )
    before, after = _WINDOWS[node.op](node), _WINDOWS[node.op](fused)
    if (rows[0], columns[0]) != (after.pad_top, after.pad_left):
        return node
    if (before.out_height, before.out_width) != (after.out_height, after.out_width):
        return node
    operator(fused.op).check(fused)
    return fused
