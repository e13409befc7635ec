"""Recipes: what is read, and the sentence for what is wrong."""

import re
from pathlib import Path

import pytest

from tinygen.compress import recipe
from tinygen.compress.report import StepReport
from tinygen.errors import ConfigError

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples" / "recipes").glob("*.toml"))
STEPS = recipe.Step.__origin__.__args__
DOCUMENT = (ROOT / "docs" / "compression.md").read_text()


def written(folder, text):
    path = folder / "r.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_valid(path):
    assert recipe.load(path).step[-1].do in recipe.QUANTIZING


def test_there_are_examples():
    assert len(EXAMPLES) >= 5


def test_what_is_not_given_has_its_default(tmp_path):
    found = recipe.load(written(tmp_path, '[[step]]\ndo = "qat"\nepochs = 2\n'))
    assert (found.seed, found.step[0].weight_bits, found.step[0].distill) == (0, 8, None)


def test_the_original_is_what_training_has_left(tmp_path):
    text = "".join(
        f'[[step]]\ndo = "{do}"\nepochs = 1\n' for do in ("train", "train", "prune", "train", "qat")
    )
    assert recipe.load(written(tmp_path, text)).teacher_after == 2


def test_teachers_lie_beside_the_recipe(tmp_path):
    text = '[[step]]\ndo = "qat"\nepochs = 1\ndistill = { teacher = "big.keras" }\n'
    found = recipe.load(written(tmp_path, text))
    assert found.teachers == (str(tmp_path / "big.keras"),)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("seed = 1\n", r"r\.toml: step is missing"),
        ("step = []\n", r"r\.toml: step"),
        ('[[step]]\ndo = "shrink"\n', r"step 1 is wrong: .*'shrink'.*'prune'"),
        ('[[step]]\ndo = "qat"\n', r"step 1 \(qat\) epochs is missing"),
        ('[[step]]\ndo = "qat"\nepochs = 0\n', r"step 1 \(qat\) epochs is wrong: .*greater than 0"),
        ('[[step]]\ndo = "ptq"\nepochs = 1\n', r"step 1 \(ptq\) epochs is not a known setting"),
        ('[[step]]\ndo = "ptq"\nweight_bits = 3\n', r"\(ptq\) weight_bits is wrong: .*4 or 8"),
        (
            '[[step]]\ndo = "qat"\nepochs = 1\ndistill = { temperature = 0 }\n',
            r"\(qat\) distill temperature is wrong",
        ),
        ("seed = -1\n[[step]]\ndo = 'ptq'\n", r"r\.toml: seed is wrong"),
        ('[[step]]\ndo = "train"\nepochs = 1\n', r"exactly one of ptq and qat, as its last step"),
        ('[[step]]\ndo = "ptq"\n[[step]]\ndo = "ptq"\n', r"exactly one of ptq and qat"),
        ("step = [\n", r"is not valid TOML"),
    ],
)
def test_errors_are_sentences(tmp_path, text, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        recipe.load(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there():
    with pytest.raises(ConfigError, match=r"recipe none\.toml cannot be read"):
        recipe.load(Path("none.toml"))


def test_every_step_and_every_parameter_is_documented():
    for step in STEPS:
        fields = step.model_fields
        name = fields["do"].annotation.__args__[0]
        assert re.search(rf"^\| `{name}` \|", DOCUMENT, re.MULTILINE), name
        for field in set(fields) - {"do"}:
            assert f"`{field}`" in DOCUMENT, (name, field)


def test_every_field_of_the_report_is_documented():
    section = DOCUMENT.split("## The report")[1]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(StepReport.model_fields)
