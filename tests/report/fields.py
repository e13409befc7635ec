"""The fields of the report, as the rows that docs/report.md must have."""

import typing

import pydantic

from tinygen.report.model import Report

_WORDS = {int: "integer", float: "number", str: "text", bool: "true or false"}


def rows(model: type[pydantic.BaseModel] = Report, prefix: str = "") -> list[str]:
    """One table row per field, the fields of sections following their section."""
    found = []
    for name, field in model.model_fields.items():
        inner, kind = _kind(field.annotation)
        path = prefix + name + ("[]" if kind == "list" else "")
        found.append(f"| `{path}` | {kind} | {field.description} |")
        if inner is not None:
            found += rows(inner, f"{path}.")
    return found


def _kind(annotation: typing.Any) -> tuple[type[pydantic.BaseModel] | None, str]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation, "object"
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is tuple:
        return arguments[0], "list"
    if origin is typing.Annotated:
        return _kind(arguments[0])
    if origin is typing.Literal:
        return None, _WORDS[type(arguments[0])]
    if type(None) in arguments:
        inner, kind = _kind(arguments[0])
        if inner is not None:
            return inner, f"{kind} or null"
        return None, f"{_WORDS[arguments[0]]} or null"
    return None, _WORDS[annotation]
