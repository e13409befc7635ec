"""Instances for the planner, a checker that shares no code with it, and a brute force."""

import itertools

import hypothesis.strategies as st

from tinygen.memory.plan import Buffer, MayOverlap


@st.composite
def instances(draw, most=12, largest=64, alignments=(1, 4, 16)):
    """Buffers and permissions as layers produce them, and odder ones."""
    steps = draw(st.integers(1, 6))
    buffers = []
    for i in range(draw(st.integers(1, most))):
        first = draw(st.integers(0, steps - 1))
        last = draw(st.integers(first, steps - 1))
        nbytes, alignment = draw(st.integers(1, largest)), draw(st.sampled_from(alignments))
        buffers.append(Buffer(f"b{i}", nbytes, first, last, alignment))
    permissions = [
        MayOverlap(over.name, under.name, draw(st.integers(-8, 40)), draw(st.booleans()))
        for over, under in itertools.permutations(buffers, 2)
        if under.last == over.first and draw(st.booleans())
    ]
    return buffers, permissions


def permitted(over, under, offsets, permissions):
    """Whether a permission covers how ``over`` lies relative to ``under``."""
    a, b = offsets[over.name], offsets[under.name]
    return any(
        (p.over, p.under) == (over.name, under.name)
        and (a == b if p.same_start else a + p.distance <= b)
        for p in permissions
    )


def violations(buffers, permissions, offsets):
    """Sentences about everything that is wrong with these offsets."""
    found = []
    for b in buffers:
        if offsets[b.name] < 0 or offsets[b.name] % b.alignment:
            found.append(f"{b.name} starts at {offsets[b.name]}, not a multiple of {b.alignment}")
    for a, b in itertools.combinations(buffers, 2):
        if set(range(a.first, a.last + 1)).isdisjoint(range(b.first, b.last + 1)):
            continue
        cells = set(range(offsets[a.name], offsets[a.name] + a.nbytes))
        if cells.isdisjoint(range(offsets[b.name], offsets[b.name] + b.nbytes)):
            continue
        if not (permitted(a, b, offsets, permissions) or permitted(b, a, offsets, permissions)):
            found.append(f"{a.name} and {b.name} collide")
    return found


def smallest(buffers, permissions):
    """The smallest arena, by trying every offset of every buffer."""
    best = sum(b.nbytes + b.alignment for b in buffers)

    def search(index, offsets, used):
        nonlocal best
        if used >= best:
            return
        if index == len(buffers):
            best = used
            return
        b = buffers[index]
        for offset in range(0, best - b.nbytes, b.alignment):
            placed = {**offsets, b.name: offset}
            if not violations(buffers[: index + 1], permissions, placed):
                search(index + 1, placed, max(used, offset + b.nbytes))

    search(0, {}, 0)
    return best
