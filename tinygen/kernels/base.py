"""What a kernel is: one way to compute one operator, with everything selection needs to know.

A kernel's file states when it applies, how it packs the weights, its scratch, its cost and how
its output may lie over its input. Its C is the template of the same name. Kernel selection and
the memory plan see only the facts in :class:`Implementation`, never the kernel itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

if TYPE_CHECKING:
    from tinygen.cores import Core
    from tinygen.ir import Array, Node

Provider = Literal["tinygen", "cmsis_nn"]


@dataclass(frozen=True)
class Argument:
    """One argument of a kernel's C function, in the order of the template's signature.

    ``input`` and ``output`` are pointers into the arena (a constant input is a pointer to its
    array), ``constant`` a pointer to the packed array of that ``role``, ``scratch`` a pointer to
    the kernel's scratch, ``record`` a pointer to the layer's record, or to that of the call whose
    number is ``index``, counted from 1.
    """

    kind: Literal["input", "output", "constant", "scratch", "record"]
    index: int = 0
    role: str = ""


def input_(index: int = 0) -> Argument:
    """The node's input of this index."""
    return Argument("input", index)


def output(index: int = 0) -> Argument:
    """The node's output of this index."""
    return Argument("output", index)


def constant(role: str) -> Argument:
    """The packed constant of this role."""
    return Argument("constant", role=role)


def scratch() -> Argument:
    """The kernel's scratch memory."""
    return Argument("scratch")


def record(of_call: int | None = None) -> Argument:
    """The layer's record, or that of one of the implementations that it calls, from 0."""
    return Argument("record", index=0 if of_call is None else of_call + 1)


@dataclass(frozen=True)
class Field:
    """One member of a record, the struct of what a function for all shapes must know of a layer.

    ``value`` is a number, or a ``constant`` argument for the pointer to that array; ``ctype`` is
    the member's C type, that of the elements behind a pointer. ``comment`` gives meaning and unit.
    """

    name: str
    ctype: str
    value: int | Argument
    comment: str

    @property
    def nbytes(self) -> int:
        """Size on the target, whose pointers have 4 bytes."""
        return 4 if isinstance(self.value, Argument) else _integer(self.ctype).bits // 8

    @property
    def fits(self) -> bool:
        """Whether the type can hold the value."""
        kind = _integer(self.ctype)
        return isinstance(self.value, Argument) or kind.min <= self.value <= kind.max


def _integer(ctype: str) -> np.iinfo[Any]:
    return np.iinfo(ctype.removesuffix("_t"))


@dataclass(frozen=True, eq=False)
class Constant:
    """An array in flash. Its numpy dtype decides the C type; equal arrays are stored once.

    ``counts_as`` tells the report what it is: weights of the model, or a table of the kernel.
    """

    role: str
    data: Array
    comment: str
    counts_as: Literal["weights", "table"] = "weights"


@dataclass(frozen=True)
class Linked:
    """A routine of a library, and the bytes of code that calling it brings in, once for all."""

    name: str
    nbytes: int


@dataclass(frozen=True)
class Overlap:
    """The output may lie over the input, where the kernel never reads what it has overwritten.

    Allowed are addresses with ``output + distance <= input``: a kernel that reads element i
    before it writes element i, in rising order, has distance 0. With ``same_start`` only
    ``output == input`` is allowed. The kernel's docstring carries the proof.
    """

    input: int = 0
    output: int = 0
    distance: int = 0
    same_start: bool = False


@dataclass(frozen=True, eq=False)
class Implementation:
    """One kernel, specialised for one node on one core.

    ``params`` is the template's context. It holds only plain values (numbers, strings, booleans,
    tuples), and two layers with equal ``kernel`` and ``params`` share one C function, so nothing
    that differs per layer without need belongs in it (weights and biases are constants).
    ``record`` is what the function is told of the layer beyond its pointers, as a ``static const``
    struct per layer: a kernel that has its geometry there instead of in ``params`` is one function
    for layers of all shapes. Its template defines the struct as ``{{ name }}_t``.
    ``cycles`` is an estimate for ranking; ``code_bytes`` an estimate of the function's size,
    without the routine of a library that it calls, which ``linked`` names.
    ``calls`` are implementations whose functions this one calls: their code is generated too, their
    names are handed to the template as ``calls``. This one has their constants and their scratch
    memory among its own and passes them on; their records it takes as arguments.
    ``elides`` marks a kernel that needs no code at all when its output lies exactly at its input.
    ``label`` is a short C-identifier suffix that tells a reader of the generated code which shape
    the function is for; ``includes`` are the headers its template needs, standard ones in angle
    brackets.
    """

    kernel: Kernel
    params: dict[str, Any]
    arguments: tuple[Argument, ...]
    constants: tuple[Constant, ...] = ()
    record: tuple[Field, ...] = ()
    scratch_bytes: int = 0
    overlaps: tuple[Overlap, ...] = ()
    cycles: float = 0.0
    code_bytes: int = 200
    linked: Linked | None = None
    calls: tuple[Implementation, ...] = ()
    elides: bool = False
    label: str = ""
    includes: tuple[str, ...] = ("tinygen_math.h",)

    @property
    def specialisation(self) -> tuple[str, str]:
        """What its C function depends on: implementations that agree in it share one function."""
        called = [call.specialisation for call in self.calls]
        return self.kernel.name, repr([*sorted(self.params.items()), *called])

    @property
    def flash_bytes(self) -> int:
        """Constants and the record, plus estimated code."""
        return (
            self.code_bytes
            + sum(call.code_bytes for call in self.calls)
            + (self.linked.nbytes if self.linked else 0)
            + self.record_bytes
            + sum(constant.data.nbytes for constant in self.constants)
        )

    @property
    def record_bytes(self) -> int:
        """Size of the records' structs, but for padding between members."""
        own = sum(field.nbytes for field in self.record)
        return own + sum(call.record_bytes for call in self.calls)


class Kernel(ABC):
    """One way to compute one operator.

    ``name`` is the name of the module and of the template ``templates/kernels/<name>.c.j2``.
    The template defines ``static void {{ name }}(...)``, where ``name`` is the function name that
    code generation chose, and takes the arguments in the order of ``Implementation.arguments``.
    """

    name: ClassVar[str]
    provider: ClassVar[Provider]
    op: ClassVar[str]

    def refusal(self, node: Node, core: Core) -> str | None:
        """Why this kernel cannot compute this checked node on this core; None if it can."""
        return None

    @abstractmethod
    def implement(self, node: Node, core: Core) -> Implementation:
        """The kernel specialised for a node that :meth:`refusal` has accepted."""
