"""From a compiled network to a firmware image for a board."""

from __future__ import annotations

from tinygen import __version__, codegen


def _c_bytes(data: bytes) -> str:
    return ", ".join(f"0x{byte:02x}" for byte in data)


def render_binding(
    name: str, input_count: int, output_count: int, board: str, build_id: bytes, sha256: bytes
) -> str:
    """The C file that hands the network of this name to the firmware (firmware/include/model.h)."""
    template = codegen.environment().get_template("firmware/model.c.j2")
    return template.render(
        name=name,
        prefix=name.upper(),
        input_count=input_count,
        output_count=output_count,
        board=board,
        build_id=_c_bytes(build_id),
        sha256=[_c_bytes(sha256[:16]), _c_bytes(sha256[16:])],
        version=__version__,
    )
