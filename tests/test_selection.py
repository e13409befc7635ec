"""The choice of kernels against brute force, and what is said where nothing meets the limits."""

import itertools
import random
import time
from pathlib import Path

import numpy as np
import pytest

from tinygen import cli, passes
from tinygen.choice.problem import Problem
from tinygen.choice.search import PATIENCE, UNLIMITED, Limits, choose
from tinygen.choice.solver import solve
from tinygen.compiler import compile_graph
from tinygen.cores import core
from tinygen.errors import BudgetError
from tinygen.frontend import tflite
from tinygen.ir import Graph, Node
from tinygen.kernels.base import Constant, Implementation, Kernel, Linked, Overlap
from tinygen.memory.plan import ALIGNMENT
from tinygen.memory.planner import plan_arena
from tinygen.ops.base import quantized
from tinygen.report.model import read_report
from tinygen.selection import select

M4 = core("cortex-m4")
NEED_LAYOUT = (50, 80, 85, 384)
"""Seeds of problems in which no arena is as small as the worst step alone."""
MODEL = Path(__file__).parent / "models" / "fashion_cnn.tflite"
SEEDS = (*range(20), *NEED_LAYOUT)


class Fake(Kernel):
    """A kernel of which only the name counts."""

    provider, op = "tinygen", "ADD"

    def __init__(self, name):
        self.name = name

    def implement(self, node, core):
        raise NotImplementedError


def offer(cycles, *overlaps, scratch=0, code=100, data=(), name="kernel", linked=None):
    constants = tuple(Constant(f"c{i}", np.full(n, n, np.int8), "") for i, n in enumerate(data))
    return Implementation(
        kernel=Fake(name),
        params={},
        arguments=(),
        constants=constants,
        scratch_bytes=scratch,
        overlaps=overlaps,
        cycles=cycles,
        code_bytes=code,
        linked=linked,
    )


def drawn(seed):
    """A small graph with a skip connection now and then, and options that trade everything off."""
    rng = random.Random(seed)
    tensors = [quantized("x", (rng.randrange(1, 12) * 4,), 0.1, 0)]
    nodes, offers = [], []
    for i in range(rng.randrange(2, 5)):
        inputs = (tensors[-1],)
        if i > 1 and rng.random() < 0.5:
            inputs += (rng.choice(tensors[:-1]),)
        tensors.append(quantized(f"t{i}", (rng.randrange(1, 12) * 4,), 0.1, 0))
        nodes.append(Node("ADD", f"n{i}", inputs, (tensors[-1],)))
        offers.append(
            [
                offer(
                    rng.randrange(1, 9),
                    *(
                        Overlap(rng.randrange(len(inputs)), 0, rng.randrange(-8, 24), together)
                        for together in (False, True)
                        if rng.random() < 0.5
                    ),
                    scratch=rng.choice((0, 0, 4, 12, 30)),
                    # As real kernels do, some options share a function, and some constants.
                    code=100 * (number := rng.randrange(3)),
                    name=f"kernel{number}",
                    linked=Linked(f"routine{number % 2}", 90 * (number % 2)),
                    data=rng.sample((20, 30, 50, 70), rng.randrange(3)),
                )
                for _ in range(rng.randrange(1, 4))
            ]
        )
    return Graph("drawn", (tensors[0],), (tensors[-1],), tuple(nodes)), offers


def flash(offers):
    """Bytes of distinct constants, functions and routines of libraries."""
    functions = {offer.kernel.name: offer.code_bytes for offer in offers}
    arrays = {c.data.tobytes(): c.data.nbytes for offer in offers for c in offer.constants}
    routines = {offer.linked for offer in offers}
    return (
        sum(functions.values()) + sum(arrays.values()) + sum(routine.nbytes for routine in routines)
    )


def every_choice(problem, offers):
    """(cycles, arena, flash) of every choice there is."""
    for picks in itertools.product(*(range(len(options)) for options in offers)):
        chosen = [options[pick] for options, pick in zip(offers, picks, strict=True)]
        plan = plan_arena(*problem.buffers(picks))
        assert plan.optimal
        yield sum(o.cycles for o in chosen), plan.nbytes, flash(chosen)


def ranked(objective, figures):
    cycles, arena, size = figures
    units = -(-arena // ALIGNMENT)
    return {"latency": (cycles,), "ram": (units, cycles), "flash": (size, cycles)}[objective]


def chosen_figures(problem, choice):
    return problem.cycles(choice.picks), choice.plan.nbytes, problem.flash(choice.picks)


@pytest.mark.parametrize("seed", SEEDS)
def test_choices_are_as_good_as_brute_force_finds(seed):
    graph, offers = drawn(seed)
    problem = Problem.of(graph, offers)
    every = list(every_choice(problem, offers))
    rng = random.Random(seed)
    some = rng.choice(every)
    for objective in ("latency", "ram", "flash"):
        for limits in (
            UNLIMITED,
            Limits(ram=some[1]),
            Limits(flash=some[2]),
            Limits(some[2], some[1]),
        ):
            allowed = [
                figures
                for figures in every
                if figures[1] <= (limits.ram or figures[1])
                and figures[2] <= (limits.flash or figures[2])
            ]
            if objective == "flash":
                fewest = min(figures[0] for figures in every)
                allowed = [f for f in allowed if f[0] <= PATIENCE * fewest] or allowed
            choice = choose(problem, objective, limits)
            assert choice.optimal
            figures = chosen_figures(problem, choice)
            assert figures in allowed
            best = min(ranked(objective, each) for each in allowed)
            assert ranked(objective, figures) == best


@pytest.mark.parametrize("seed", SEEDS)
def test_the_model_with_the_layout_agrees_with_brute_force(seed):
    graph, offers = drawn(seed)
    problem = Problem.of(graph, offers)
    every = list(every_choice(problem, offers))
    solution = solve(problem, ("arena", "cycles"), {}, layout=True).solution
    assert solution.optimal
    assert (solution.arena, problem.cycles(solution.picks)) == min(e[1::-1] for e in every)
    limit = random.Random(seed).choice(every)[1]
    solution = solve(problem, ("cycles",), {"arena": limit}, layout=True).solution
    assert problem.cycles(solution.picks) == min(e[0] for e in every if e[1] <= limit)
    assert plan_arena(*problem.buffers(solution.picks)).nbytes <= limit


@pytest.mark.parametrize("seed", NEED_LAYOUT)
def test_some_choices_need_the_layout(seed):
    problem = Problem.of(*drawn(seed))
    relaxed = solve(problem, ("arena", "cycles"), {}, layout=False).solution
    assert choose(problem, "ram", UNLIMITED).plan.nbytes > relaxed.arena


@pytest.mark.parametrize("seed", range(8))
def test_what_is_out_of_reach_is_named_with_the_smallest_figure(seed):
    graph, offers = drawn(seed)
    problem = Problem.of(graph, offers)
    every = list(every_choice(problem, offers))
    arena, size = min(e[1] for e in every), min(e[2] for e in every)
    with pytest.raises(BudgetError, match=rf"--max-ram {arena - 1}: .* arena possible is {arena} "):
        choose(problem, "latency", Limits(ram=arena - 1))
    with pytest.raises(BudgetError, match=rf"--max-flash {size - 1}: .* possible is {size} "):
        choose(problem, "ram", Limits(flash=size - 1))


def test_limits_that_only_together_are_out_of_reach():
    x, y = quantized("x", (40,), 0.1, 0), quantized("y", (40,), 0.1, 0)
    graph = Graph("g", (x,), (y,), (Node("ADD", "n", (x,), (y,)),))
    small, lean = offer(1, Overlap(), code=900, name="a"), offer(1, code=100, name="b")
    problem = Problem.of(graph, [[small, lean]])
    message = r"--max-ram 40 --max-flash 500: the smallest flash possible is 900 bytes"
    with pytest.raises(BudgetError, match=message):
        choose(problem, "latency", Limits(flash=500, ram=40))


def test_the_last_bytes_of_flash_are_only_saved_where_a_limit_asks_for_them():
    x, y = quantized("x", (40,), 0.1, 0), quantized("y", (40,), 0.1, 0)
    graph = Graph("g", (x,), (y,), (Node("ADD", "n", (x,), (y,)),))
    sizes = ((100, 900), (100 * PATIENCE, 500), (100 * PATIENCE + 1, 300))
    offers = [offer(cycles, code=code, name=f"kernel{code}") for cycles, code in sizes]
    problem = Problem.of(graph, [offers])
    assert choose(problem, "flash", UNLIMITED).picks == (1,)
    assert choose(problem, "flash", Limits(flash=400)).picks == (2,)


def test_a_kernel_with_scratch_that_works_in_place_may_need_less_ram():
    x, y = quantized("x", (400,), 0.1, 0), quantized("y", (400,), 0.1, 0)
    graph = Graph("g", (x,), (y,), (Node("ADD", "n", (x,), (y,)),))
    offers = [[offer(1), offer(2, Overlap(), scratch=60)]]
    choice = choose(Problem.of(graph, offers), "ram", UNLIMITED)
    assert choice.picks == (1,)
    assert choice.plan.nbytes == 460


def test_out_of_time_is_told():
    graph, offers = drawn(3)
    answer = solve(Problem.of(graph, offers), ("arena",), {}, layout=True, seconds=0.0)
    assert answer.solution is None or not answer.solution.optimal


@pytest.mark.parametrize("objective", ["latency", "ram", "flash"])
def test_the_same_graph_gives_the_same_choice(objective):
    graph = passes.apply(tflite.load(MODEL))
    first, second = (
        select(graph, M4, "tinygen", objective, Limits(ram=100_000), cmsis_nn=False)
        for _ in range(2)
    )
    assert first.optimal
    assert first.plan == second.plan
    names = [[i.kernel.name for i in each.implementations] for each in (first, second)]
    assert names[0] == names[1]


def test_limits_hold_in_what_is_compiled():
    graph = tflite.load(MODEL)
    free = compile_graph(graph, M4, kernels="tinygen")
    least = compile_graph(graph, M4, kernels="tinygen", objective="ram")
    assert least.plan.nbytes < free.plan.nbytes
    bound = compile_graph(graph, M4, kernels="tinygen", limits=Limits(ram=free.plan.nbytes - 1))
    assert least.plan.nbytes <= bound.plan.nbytes < free.plan.nbytes
    assert bound.selection.optimal


def test_latency_without_limits_needs_no_solver():
    graph = passes.apply(tflite.load(MODEL))
    began = time.perf_counter()
    assert select(graph, M4, "tinygen", "latency", cmsis_nn=False).plan is None
    assert time.perf_counter() - began < 2.0


def test_a_limit_out_of_reach_ends_the_command_with_nothing_written(tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--core", "cortex-m4", "--kernels", "tinygen", "--max-ram", "100", "-o", str(out)]
    assert cli.run(["compile", str(MODEL), *options]) == 1
    said = capsys.readouterr().err
    assert "no choice of kernels meets --max-ram 100: the smallest arena possible is" in said
    assert not out.exists()


def test_limits_from_the_settings_are_kept_and_reported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    least = compile_graph(tflite.load(MODEL), M4, kernels="tinygen", objective="ram").plan.nbytes
    (tmp_path / "tinygen.toml").write_text(
        f'[build]\ncore = "cortex-m4"\nkernels = "tinygen"\nmax_ram = {least}\nproof = "host"\n'
    )
    assert cli.run(["compile", str(MODEL), "-o", "out"]) == 0
    report = read_report(tmp_path / "out" / "report.json")
    assert report.memory.arena_bytes == report.selection.max_ram == least
    assert report.selection.optimal
    assert report.selection.objective == "latency"
