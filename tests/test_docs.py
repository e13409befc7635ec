"""What the documents say that can be checked."""

import dataclasses
import re
from pathlib import Path

import pytest

from tinygen import boards, cli, config
from tinygen.kernels.base import Implementation

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def anchors(document):
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def fields_named_in(document):
    """What stands in the first column of the document's tables."""
    cells = re.findall(r"^\| (`.+?`) \|", (ROOT / "docs" / document).read_text(), re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_settings_in_the_readme_are_valid(tmp_path):
    (block,) = re.findall(r"```toml\n(.+?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "tinygen.toml").write_text(block)
    settings = config.load(file=tmp_path / "tinygen.toml")
    assert settings.project.name == "kws"
    assert settings.budget.accuracy == 0.9


def test_the_commands_in_the_documents_exist():
    known = set(cli.cli.list_commands(None))
    for document in DOCUMENTS:
        for line in re.findall(r"^\$ tinygen (\w+)", document.read_text(), re.MULTILINE):
            assert line in known, document.name


def test_every_key_of_a_board_is_documented():
    assert fields_named_in("adding-a-board.md") == set(boards._Block.model_fields)


def test_every_field_of_an_implementation_is_documented():
    fields = {field.name for field in dataclasses.fields(Implementation)} - {"kernel"}
    assert fields_named_in("adding-a-kernel.md") == fields
