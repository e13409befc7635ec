"""A report as JUnit XML (xunit1): one test case per proof, per budget, and one for the run."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from tinygen.report.budget import reason, sentence

if TYPE_CHECKING:
    from tinygen.report.model import Report


def render(report: Report) -> str:
    """The XML document, ended by a newline."""
    where = report.board or report.target
    suite = ElementTree.Element("testsuite", name=f"tinygen {report.model.name} {where}")
    group = f"tinygen.{where}.{report.model.name}"
    failures = skipped = 0

    def case(name: str, failure: str | None, skip: str | None = None) -> None:
        nonlocal failures, skipped
        element = ElementTree.SubElement(suite, "testcase", classname=group, name=name)
        if failure is not None:
            failures += 1
            ElementTree.SubElement(element, "failure", message=failure)
        elif skip is not None:
            skipped += 1
            ElementTree.SubElement(element, "skipped", message=skip)

    for proof in report.exact.proofs:
        differ = f"{proof.mismatches} of {proof.inputs} inferences differ"
        case(f"exact: {proof.name}", differ if proof.mismatches else None)
    for verdict in report.budgets:
        case(
            f"budget: {verdict.name}",
            sentence(verdict) if verdict.passed is False else None,
            f"the figure is not known: {reason(verdict)}" if verdict.passed is None else None,
        )
    figures = report.run.model_dump(exclude_none=True) | report.memory.model_dump(
        exclude_none=True, exclude={"buffers"}
    )
    properties = ElementTree.Element("properties")
    for name, value in sorted(figures.items()):
        ElementTree.SubElement(properties, "property", name=name, value=str(value))
    suite.insert(0, properties)
    counts = {"tests": len(suite) - 1, "failures": failures, "errors": 0, "skipped": skipped}
    for name, count in counts.items():
        suite.set(name, str(count))
    ElementTree.indent(suite)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, "unicode") + "\n"
    )
