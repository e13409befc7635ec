"""The planner: plans are valid, bounds hold, optimal means optimal, and nothing depends on luck."""

import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from memory.instances import instances, smallest, violations

from tinygen.memory.bound import lower_bound
from tinygen.memory.first_fit import first_fit
from tinygen.memory.packing import Packing
from tinygen.memory.plan import Buffer, MayOverlap
from tinygen.memory.planner import plan_arena
from tinygen.memory.solver import solve


def examples(count):
    return settings(max_examples=count, derandomize=True, deadline=None, database=None)


def checked(buffers, permissions=()):
    plan = plan_arena(buffers, permissions)
    assert not violations(buffers, permissions, plan.offsets)
    assert plan.nbytes == max((plan.offsets[b.name] + b.nbytes for b in buffers), default=0)
    assert plan.lower_bound <= plan.nbytes
    assert plan.optimal == (plan.lower_bound == plan.nbytes)
    return plan


@examples(25)
@given(instances())
def test_plans_are_valid(instance):
    assert checked(*instance).optimal


@pytest.mark.slow
@examples(150)
@given(instances(most=16))
def test_more_plans_are_valid(instance):
    checked(*instance)


@examples(150)
@given(instances())
def test_first_fit_is_valid_and_no_better_than_the_bound(instance):
    packing = Packing.of(*instance)
    starts = first_fit(packing)
    offsets = {
        b.name: start * packing.unit for b, start in zip(packing.buffers, starts, strict=True)
    }
    assert not violations(*instance, offsets)
    assert packing.nbytes(starts) >= lower_bound(packing)


@examples(60)
@given(instances(most=4, largest=9, alignments=(1, 2, 4)))
def test_optimal_plans_are_as_small_as_brute_force_finds(instance):
    best = smallest(*instance)
    assert checked(*instance).nbytes == best
    assert lower_bound(Packing.of(*instance)) <= best


@examples(20)
@given(instances())
def test_the_same_buffers_give_the_same_plan(instance):
    assert plan_arena(*instance) == plan_arena(*instance)


def wide(count, seed):
    """Many buffers of many sizes with long lives: no chain, hard to pack."""
    rng = random.Random(seed)
    buffers = []
    for i in range(count):
        first = rng.randrange(count)
        last = min(count - 1, first + rng.choice((0, 1, 3, 9)))
        buffers.append(Buffer(f"b{i}", rng.randrange(100, 5000), first, last, 16))
    return buffers


def test_the_solver_improves_on_first_fit():
    buffers = wide(30, 4)
    packing = Packing.of(buffers, [])
    greedy = first_fit(packing)
    bound = lower_bound(packing)
    assert packing.nbytes(greedy) > bound
    starts, proven, optimal = solve(packing, greedy, bound, 10.0)
    assert optimal
    assert proven <= packing.nbytes(starts) < packing.nbytes(greedy)


def test_out_of_time_leaves_a_valid_plan_and_an_honest_flag():
    buffers = wide(150, 3)
    plan = plan_arena(buffers, [], seconds=0.0)
    assert not violations(buffers, [], plan.offsets)
    assert not plan.optimal
    assert plan.lower_bound < plan.nbytes


def test_a_chain_in_place_takes_one_buffer():
    buffers = [Buffer(f"t{i}", 4096, i, i + 1) for i in range(12)]
    steps = [MayOverlap(f"t{i + 1}", f"t{i}", same_start=True) for i in range(11)]
    plan = checked(buffers, steps)
    assert plan.nbytes == 4096
    assert set(plan.offsets.values()) == {0}


def test_a_sliding_chain_pays_its_distance_once_per_step():
    buffers = [Buffer(f"t{i}", 1000, i, i + 1) for i in range(4)]
    steps = [MayOverlap(f"t{i + 1}", f"t{i}", 96) for i in range(3)]
    plan = checked(buffers, steps)
    assert plan.optimal
    assert plan.nbytes <= 1000 + 3 * 96


def test_growing_outputs_may_slide_under_their_input():
    buffers = [Buffer("x", 100, 0, 1), Buffer("y", 400, 1, 2)]
    plan = checked(buffers, [MayOverlap("y", "x", 300)])
    assert plan.nbytes == 400
    assert plan.offsets == {"x": 300, "y": 0}


def test_two_inputs_of_one_step_never_collide():
    buffers = [Buffer("a", 64, 0, 2), Buffer("b", 64, 1, 2), Buffer("sum", 64, 2, 3)]
    both = [MayOverlap("sum", "a"), MayOverlap("sum", "b")]
    assert checked(buffers, both).nbytes == 128


def test_pairs_that_want_one_start_get_it_where_it_costs_nothing():
    buffers = [
        Buffer("x", 48, 0, 1), Buffer("big", 480, 0, 0), Buffer("y", 48, 1, 3),
        Buffer("tall", 480, 2, 3),
    ]  # fmt: skip
    plan = checked(buffers, [MayOverlap("y", "x", same_start=True)])
    assert plan.nbytes == 528
    assert plan.offsets["x"] == plan.offsets["y"]


def test_alignment_larger_than_the_unit_is_kept():
    plan = checked([Buffer("a", 3, 0, 1, 1), Buffer("b", 16, 0, 1, 16), Buffer("c", 5, 0, 1, 4)])
    assert plan.nbytes == 24


def test_nothing_to_plan():
    assert plan_arena([], []).nbytes == 0


def test_contradictions_are_mistakes_of_the_caller():
    x, y = Buffer("x", 4, 0, 2), Buffer("y", 4, 1, 2)
    with pytest.raises(ValueError, match="does not die"):
        plan_arena([x, y], [MayOverlap("y", "x")])
    with pytest.raises(ValueError, match="same name"):
        plan_arena([x, x], [])
    with pytest.raises(ValueError, match="empty"):
        plan_arena([Buffer("z", 0, 0, 0)], [])
    with pytest.raises(ValueError, match="power of two"):
        plan_arena([Buffer("z", 4, 0, 0, 3)], [])


def test_plans_that_first_fit_proves_do_not_load_the_solver():
    code = (
        "import sys; from tinygen.memory.planner import plan_arena\n"
        "from tinygen.memory.plan import Buffer\n"
        "assert plan_arena([Buffer('a', 8, 0, 1), Buffer('b', 8, 1, 2)], []).optimal\n"
        "assert 'ortools' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
