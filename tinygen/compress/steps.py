"""What the steps of a recipe do: one function each, in a table found by name."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygen import data
from tinygen.compress import augment, classify, early_exit, export, qat
from tinygen.compress.backend import keras
from tinygen.compress.cluster import Clusters, cluster
from tinygen.compress.distill import Distillation
from tinygen.compress.low_rank import factorise
from tinygen.compress.prune import Budget, prune
from tinygen.compress.recipe import ORIGINAL
from tinygen.compress.training import Plan, fit, hard_loss
from tinygen.frontend import keras as files
from tinygen.verify.batch import run_batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinygen.boards import Board
    from tinygen.compress import recipe
    from tinygen.compress.dataset import Dataset, Labelled
    from tinygen.compress.training import Objective
    from tinygen.ir import Array, Graph
    from tinygen.progress import Progress

_GRADIENT_SAMPLES = 512


@dataclass(frozen=True, eq=False)
class State:
    """What a recipe has made so far: a keras.Model, and its int8 graph once it is quantized."""

    model: Any
    graph: Graph | None = None


@dataclass(frozen=True, eq=False)
class Work:
    """What every step needs besides the model.

    ``original`` gives the model that teaches where no other is named; ``folder`` is where training
    saves what it has after every epoch, and goes on from; with None it does not.
    """

    name: str
    dataset: Dataset
    board: Board
    seed: int
    original: Callable[[], Any]
    folder: Path | None
    progress: Progress


def trained(step: recipe.Training, state: State, work: Work) -> State:
    """``train``, ``finetune`` and ``distill``: the same loop, with or without a teacher."""
    _fit(state.model, step, work, objective=_joint(state.model))
    return state


def pruned(step: recipe.Prune, state: State, work: Work) -> State:
    """``prune``: fewer channels, and training of those that are left."""
    rounds = itertools.count(1)
    end = classify.ending(state.model)
    few = work.dataset.train.x[:_GRADIENT_SAMPLES], work.dataset.train.y[:_GRADIENT_SAMPLES]

    def fine_tune(model: Any) -> None:
        _fit(model, step, work, part=next(rounds))

    result = prune(
        state.model,
        Budget(step.of, limit=step.limit, fraction=step.to),
        work.board,
        criterion=step.criterion,
        samples=few,
        loss=lambda y, outputs: hard_loss(classify.log_probabilities(outputs, end), y),
        seed=work.seed,
        iterations=step.iterations,
        fine_tune=fine_tune if step.epochs else None,
    )
    work.progress.step(
        f"prune: {step.of} from {result.before:,.0f} to {result.after:,.0f}, "
        f"{sum(result.removed.values())} channels less"
    )
    return State(result.model)


def factorised(step: recipe.LowRank, state: State, work: Work) -> State:
    """``low_rank``: two thin layers for one."""
    made = factorise(state.model, energy=step.energy, parameters=step.parameters)
    listing = ", ".join(f"{name} to rank {rank}" for name, rank in made.ranks.items())
    work.progress.step(f"low_rank: {listing or 'nothing that would get smaller'}")
    return State(made.model)


def clustered(step: recipe.Cluster, state: State, work: Work) -> State:
    """``cluster``: weights that share values, kept through the training that follows."""
    clusters = cluster(state.model, step.values)
    if step.epochs:
        _fit(state.model, step, work, clusters=clusters)
    return state


def exiting(step: recipe.EarlyExit, state: State, work: Work) -> State:
    """``early_exit``: a second output that may end an inference, and its training."""
    model = early_exit.attach(state.model, step.at)
    if step.train == "head":
        _fit(model, step, work, train=early_exit.train_head)
    else:
        _fit(model, step, work, objective=early_exit.Joint(step.weight))
    return State(model)


def calibrated(step: recipe.Ptq, state: State, work: Work) -> State:
    """``ptq``: int8 without training."""
    samples = work.dataset.train.x[: step.samples]
    graph = export.quantize(
        state.model,
        samples,
        work.name,
        weight_bits=step.weight_bits,
        calibrator=step.calibrator,
        equalize=step.equalize,
        correct_bias=step.correct_bias,
    )
    return replace(state, graph=graph)


def quantized(step: recipe.Qat, state: State, work: Work) -> State:
    """``qat``: int8 that training has seen."""
    model = qat.prepare(
        state.model,
        work.dataset.train.x[: step.samples],
        work.name,
        weight_bits=step.weight_bits,
        ranges=step.ranges,
    )
    _fit(model, step, work, objective=_joint(state.model))
    return replace(state, graph=qat.export(model))


STEPS: dict[str, Callable[[Any, State, Work], State]] = {
    "train": trained,
    "finetune": trained,
    "distill": trained,
    "prune": pruned,
    "low_rank": factorised,
    "cluster": clustered,
    "early_exit": exiting,
    "ptq": calibrated,
    "qat": quantized,
}


def apply(step: recipe.Step, state: State, work: Work) -> State:
    """Do one step. Raises what the module that does it raises."""
    return STEPS[step.do](step, state, work)


def accuracy(state: State, samples: Labelled) -> float:
    """Share of the samples that the network gets right: the int8 one, once there is one.

    That is run as generated C, and so exactly as on the device.
    """
    if state.graph is None:
        return classify.accuracy(classify.predict(state.model, samples.x), samples.y)
    (real,) = _int8_outputs(state.graph, samples)
    return classify.accuracy(real, samples.y)


def has_exit(state: State) -> bool:
    """Whether the network has two outputs, the exit's first."""
    return len(state.model.outputs) > 1


def with_exit(
    state: State, validation: Labelled, test: Labelled, loss: float
) -> tuple[early_exit.Choice, float, float]:
    """The threshold that ``validation`` allows; of ``test``, how many leave and how many are right.

    Of the int8 network, once there is one.
    """
    at_exit, final = _both_outputs(state, validation)
    choice = early_exit.choose(at_exit, final, validation.y, loss)
    at_exit, final = _both_outputs(state, test)
    leaving = np.zeros(len(test), bool)
    if choice.threshold is not None:
        leaving = at_exit.max(axis=1) >= choice.threshold
    answers = np.where(leaving[:, np.newaxis], at_exit, final)
    return choice, float(leaving.mean()), classify.accuracy(answers, test.y)


def _both_outputs(state: State, samples: Labelled) -> list[Array]:
    if state.graph is not None:
        return _int8_outputs(state.graph, samples)
    outputs = (
        keras().Model(early_exit.inputs(state.model), output) for output in state.model.outputs
    )
    return [classify.predict(model, samples.x) for model in outputs]


def _int8_outputs(graph: Graph, samples: Labelled) -> list[Array]:
    """Real values of all outputs."""
    stored = run_batch(graph, [data.quantize(samples.x, graph.inputs[0])])
    return [
        (values.astype(float) - tensor.quant.zero_point) * tensor.quant.scale
        for values, tensor in zip(stored, graph.outputs, strict=True)
    ]


def _joint(model: Any) -> early_exit.Joint | None:
    return early_exit.Joint() if len(model.outputs) > 1 else None


def _fit(
    model: Any,
    step: recipe.Training,
    work: Work,
    *,
    clusters: Clusters | None = None,
    part: int = 0,
    objective: Objective | None = None,
    train: Callable[..., list[float]] = fit,
) -> None:
    """Train as the step says; ``part`` tells trainings of one step apart."""
    file = f"training-{part}.npz"
    if step.distill:
        objective = _taught(step.distill, model, work)
    options = {} if objective is None else {"objective": objective}
    train(
        model,
        work.dataset.train,
        Plan(step.epochs, step.learning_rate, step.batch, work.seed, step.weight_decay),
        **options,
        augment=augment.chain(step.augment),
        after_step=clusters.project if clusters else None,
        checkpoint=work.folder / file if work.folder else None,
        progress=work.progress,
        title=step.do,
    )


def _taught(teaching: recipe.Teaching, student: Any, work: Work) -> Distillation:
    if teaching.teacher == ORIGINAL:
        teacher = work.original()
    else:
        teacher = files.load(Path(teaching.teacher))
    return Distillation(
        teacher,
        student,
        temperature=teaching.temperature,
        weight=teaching.weight,
        features=teaching.features,
        feature_weight=teaching.feature_weight,
        seed=work.seed,
    )
