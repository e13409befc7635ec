"""Prove a compiled network: the same bytes from every way of computing it.

The numpy reference is compared with tflite-micro on every tensor of the model as it was read; the
rewritten graph with the model; the generated C, built for the host under sanitizers, with the
reference layer by layer; and the target's object code, run under emulation, with the reference
layer by layer. The first difference ends the build and is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tinygen import reference
from tinygen.errors import ToolchainError
from tinygen.ops.sampling import stimuli
from tinygen.verify.host import on_host
from tinygen.verify.model import against_oracle, against_source
from tinygen.verify.target import TargetRun, on_target

if TYPE_CHECKING:
    from tinygen.compiler import CompiledModel
    from tinygen.verify.compare import Comparison

Extent = Literal["full", "host"]
RANDOM_INPUTS = 3
SEED = 0


@dataclass(frozen=True)
class Certificate:
    """What was proven about a compiled network. That it exists means there was no difference.

    ``oracle`` is None where tflite-micro did not take part, for the reason in ``without_oracle``;
    ``target`` is None where the proof was limited to the host.
    """

    oracle: Comparison | None
    host: Comparison
    target: TargetRun | None
    without_oracle: str | None = None


def prove(compiled: CompiledModel, model: bytes | None, extent: Extent = "full") -> Certificate:
    """Run every proof on the extreme inputs and on random ones.

    ``model`` is the .tflite file that ``compiled.source`` was read from. Raises ProofError at the
    first difference, ToolchainError when a compiler that a proof needs is missing.
    """
    inputs = [tuple(given) for given in stimuli(compiled.source.inputs, SEED, RANDOM_INPUTS)]
    source_values = reference.run_all(compiled.source, inputs)
    values = reference.run_all(compiled.graph, inputs)
    checked, reason = None, None
    if model is not None:
        # What tflite-micro cannot run, tinygen may: that is no fault of the generated code.
        try:
            checked = against_oracle(compiled.source, model, inputs, source_values)
        except ToolchainError as error:
            reason = str(error)
    against_source(compiled.source, compiled.graph, source_values, values)
    host = on_host(compiled, inputs, values)
    target = on_target(compiled, inputs, values) if extent == "full" else None
    return Certificate(checked, host, target, reason)
