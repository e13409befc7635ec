"""Spaces are read with one sentence for what is wrong, and become recipes."""

from pathlib import Path

import pytest

from tinygen.compress.search.candidate import candidate
from tinygen.compress.search.space import Range, Space, load
from tinygen.errors import ConfigError
from tinygen.zoo.families import Architecture

EXAMPLES = sorted((Path(__file__).parents[3] / "examples" / "search").glob("*.toml"))
MODEL = Path("model.keras")


class Drawing:
    """Draws what it is told, the first of a choice or the low end of a range otherwise."""

    def __init__(self, **told):
        self.told = {name.replace("__", "."): value for name, value in told.items()}
        self.asked = []

    def __call__(self, name, among):
        self.asked.append(name)
        if name in self.told:
            return self.told[name]
        return among.low if isinstance(among, Range) else among[0]


def read(tmp_path, text, model=MODEL):
    path = tmp_path / "space.toml"
    path.write_text(text)
    return load(path, model)


SPACE = Space.model_validate(
    {
        "batch": 16,
        "augment": ["shift"],
        "prune": {"to": [1.0, 0.5], "criterion": ["l2", "taylor"], "epochs": 4},
        "distill": {"weight": [0.0, 0.7], "temperature": {"from": 2, "to": 8}},
        "quantize": {
            "do": ["ptq", "qat"],
            "calibrator": ["minmax", "mse"],
            "epochs": {"from": 1, "to": 9},
        },
    }
)


def test_what_is_chosen_becomes_a_recipe():
    draw = Drawing(
        prune__to=0.5, prune__criterion="taylor", quantize__do="qat", distill__weight=0.7
    )
    made = candidate(SPACE, draw, 5)
    assert made.architecture is None
    assert made.pruned_to == ("cycles_modelled", 0.5)
    assert made.recipe.seed == 5
    prune, qat = made.recipe.step
    assert (prune.do, prune.to, prune.criterion, prune.epochs) == ("prune", 0.5, "taylor", 4)
    assert (qat.do, qat.epochs, qat.batch, qat.augment) == ("qat", 1, 16, ("shift",))
    assert [step.distill.weight for step in (prune, qat)] == [0.7, 0.7]
    assert prune.distill.temperature == 2


def test_what_would_have_no_effect_is_not_drawn():
    draw = Drawing()
    made = candidate(SPACE, draw, 0)
    assert [step.do for step in made.recipe.step] == ["ptq"]
    assert made.pruned_to is None
    assert draw.asked == [
        "prune.to",
        "quantize.do",
        "quantize.weight_bits",
        "quantize.calibrator",
        "quantize.equalize",
        "quantize.correct_bias",
    ]


def test_a_network_is_trained_first_and_then_teaches():
    network = {"family": ["resnet"], "width": [0.5], "depth": 2, "kernel": [3, 5], "epochs": 3}
    table = {**SPACE.model_dump(by_alias=True), "network": network}
    draw = Drawing(network__kernel=5, quantize__do="qat", distill__weight=0.7)
    made = candidate(Space.model_validate(table), draw, 0)
    assert made.architecture == Architecture("resnet", 0.5, 2, 5)
    train, qat = made.recipe.step
    assert (train.do, train.distill) == ("train", None)
    assert qat.distill.weight == 0.7
    table["distill"]["teacher"] = "large.keras"
    train, _ = candidate(Space.model_validate(table), draw, 0).recipe.step
    assert train.distill.teacher == "large.keras"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_spaces(path):
    has_network = "[network]" in path.read_text()
    space = load(path, None if has_network else MODEL)
    assert candidate(space, Drawing(), 0).recipe.step


def test_a_teacher_lies_beside_the_space(tmp_path):
    text = '[distill]\nweight = 0.5\nteacher = "large.keras"\n'
    assert read(tmp_path, text).distill.teacher == str(tmp_path / "large.keras")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[prune]\nto = [1.5]",
            r"\[prune\] to is 1.5, but input should be less than or equal to 1",
        ),
        ("[prune]\nto = []", r"\[prune\] to is \[\], but .* at least 1 item"),
        ("[prune]\nto = {from = 0.5, to = 0.2}", r"\[prune\] to .* from 0.5 is not below to 0.2"),
        ("[prune]\nto = {from = 0.5}", r"\[prune\] to to is missing"),
        ("[prune]\nepochs = 2", r"\[prune\] to is missing; add it"),
        ("[quantize]\nbits = 8", r"\[quantize\] bits is not a known setting"),
        ("[quantize]\nweight_bits = [8, 5]", r"\[quantize\] weight_bits is 5, but"),
        ("speed = 1", r"space.toml: speed is not a known setting"),
        ("[budget]\nram_bytes = 0", r"\[budget\] ram_bytes is 0, but input should be greater"),
        ("[quantize", "is not valid TOML"),
        (
            '[network]\nfamily = "resnet"\nepochs = 1',
            r"has \[network\], and the command names model",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, text)


def test_a_space_without_networks_needs_a_model(tmp_path):
    with pytest.raises(ConfigError, match=r"lacks \[network\], and the command names no model"):
        read(tmp_path, "seed = 1", None)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml", None)
