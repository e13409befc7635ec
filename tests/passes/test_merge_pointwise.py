import hypothesis.strategies as st
import numpy as np
from drawing import HypothesisDraw
from hypothesis import HealthCheck, assume, given, settings
from rewriting import check_rewrite, int8, node, relu, reshape

from tinygen import passes
from tinygen.errors import UnsupportedError
from tinygen.ir import Graph, Node
from tinygen.ops import operator
from tinygen.ops.base import INT8, draw_quantized, quantized
from tinygen.passes import merge_pointwise
from tinygen.passes.pointwise import POINTWISE, answers

X, A, B, Y = (int8(name, (1, 3, 100), 0.05) for name in "xaby")


def scalar(value, shape=()):
    return int8("scalar", shape, 0.01, data=np.full(shape, value, np.int8))


def drawn(draw, number, x):
    """An element-wise node on ``x``; scalars and squares where it takes two inputs."""
    op = draw.choice([op for op in POINTWISE if op not in ("TABLE", "LOGISTIC", "TANH")])
    kind = operator(op)
    y = draw_quantized(draw, f"t{number}", x.shape)
    inputs = (x,)
    if op in ("ADD", "MAXIMUM", "MINIMUM", "MUL", "SUB"):
        shape = draw.choice(((), (1,), (1,) * len(x.shape)))
        data = draw.array(shape, -128, 127, INT8)
        second = draw.choice((draw_quantized(draw, "c", shape, data), x))
        inputs = draw.choice(((x, second), (second, x)))
    options = kind.sample(draw).options
    made = Node(op, f"n{number}", inputs, (y,), options)
    try:
        kind.check(made)
    except UnsupportedError:  # the scales are too far apart
        assume(False)
    return made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.data())
def test_chains_and_branches_give_the_same_bytes(data):
    draw = HypothesisDraw(data)
    values, nodes = [X], []
    for number in range(draw.integer(2, 6)):
        # Mostly on the last value, so that chains arise, and sometimes on an earlier one.
        made = drawn(draw, number, draw.choice((values[-1], values[-1], draw.choice(values))))
        nodes.append(made)
        values.append(made.output)
    outputs = (values[-1], draw.choice(values[1:]))
    before = Graph("g", (X,), tuple(dict.fromkeys(outputs)), tuple(nodes))
    after = passes.apply(before)
    check_rewrite(before, after)


def test_a_chain_of_different_kinds_becomes_one_table():
    c = quantized("c", X.shape, 1 / 256, -128)
    before = Graph(
        "g",
        (X,),
        (Y,),
        (
            node("MUL", "double", (scalar(100, (1,)), X), (A,)),
            node("LOGISTIC", "sigmoid", (A,), (c,)),
            node("SUB", "shift", (c, scalar(3)), (B,)),
            node("MUL", "square", (B, B), (Y,)),
        ),
    )
    after = merge_pointwise.run(before)
    check_rewrite(before, after)
    assert [(n.op, n.name) for n in after.nodes] == [("TABLE", "square")]
    assert after.nodes[0].input(0) is X


def test_what_others_read_is_still_computed():
    z = int8("z", X.shape)
    nodes = (relu("one", X, A), relu("two", A, B), relu("three", B, Y), relu("side", B, z))
    before = Graph("g", (X,), (Y, z), nodes)
    after = merge_pointwise.run(before)
    check_rewrite(before, after)
    assert [n.name for n in after.nodes] == ["two", "three", "side"]
    before = Graph("g", (X,), (A, B), nodes[:2])
    assert merge_pointwise.run(before).nodes == before.nodes


def test_a_vector_or_another_shape_is_no_function_of_a_byte():
    vector = int8("vector", (100,), data=np.arange(100, dtype=np.int8))
    assert answers(node("ADD", "add", (X, vector), (Y,))) is None
    assert answers(node("ADD", "add", (X, A), (Y,))) is None
    longer = int8("longer", (1, 1, 3, 100))
    widened = node("ADD", "add", (X, scalar(1, (1, 1, 1, 1))), (longer,))
    assert answers(widened) is None
    assert answers(reshape("reshape", X, longer)) is None
