"""The PlatformIO project of a firmware: every file of it, as text.

It holds the sources of firmware/ that the board's SoC takes, the network as a library, a linker
script for the board's memory and our own development platform, so that it depends on nothing else.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tinygen import __version__, cmsis_nn, codegen, paths, toolchain
from tinygen.boards import pin_position
from tinygen.firmware.copies import NONE
from tinygen.firmware.personality import TINYGEN
from tinygen.firmware.placement import HANDLER_STACK_BYTES, place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tinygen.boards import Board
    from tinygen.compiler import CompiledModel
    from tinygen.firmware.copies import Copies
    from tinygen.firmware.personality import Personality

CMSIS_NN = "cmsis_nn"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion")


def render_binding(
    name: str,
    input_count: int,
    output_count: int,
    board: str,
    build_id: bytes,
    sha256: bytes,
    *,
    early_exit: bool = False,
) -> str:
    """The C file that hands the network of this name to the firmware (firmware/include/model.h).

    With ``early_exit`` inferences may stop at the exit that the network has.
    """
    return _render(
        "model.c.j2",
        name=name,
        prefix=name.upper(),
        input_count=input_count,
        output_count=output_count,
        board=board,
        early_exit=early_exit,
        build_id=_c_bytes(build_id),
        sha256=[_c_bytes(sha256[:16]), _c_bytes(sha256[16:])],
    )


def files(
    compiled: CompiledModel,
    board: Board,
    stack_bytes: int,
    personality: Personality = TINYGEN,
    copies: Copies = NONE,
) -> dict[str, bytes]:
    """Every file of the project but the binding of the network, which carries the build id.

    Raises BudgetError when the board has too little RAM, ToolchainError when the network needs
    CMSIS-NN and it is not installed.
    """
    board = _at_baud(board, personality.baud)
    texts = {name: path.read_text("utf-8") for name, path in _sources(board, personality.folder)}
    texts["include/board.h"] = _board_header(board)
    texts["ld/firmware.ld"] = _render(
        "linker.ld.j2",
        board=board,
        flash=board.flash.name,
        place=place(board, compiled.plan.nbytes, stack_bytes, personality.static_bytes),
        copies=copies,
        stack_bytes=stack_bytes,
        handler_stack_bytes=HANDLER_STACK_BYTES,
    )
    texts[f"boards/{board.name}.json"] = board.path.read_text("utf-8")
    texts["platformio.ini"] = _render(
        "platformio.ini.j2",
        board=board,
        name=compiled.name,
        core_flags=board.cpu.flags,
        build_flags=toolchain.target_flags(compiled.selection.objective),
        warnings=WARNINGS,
        cmsis_nn=CMSIS_NN if compiled.uses_cmsis_nn else None,
    )
    texts |= {f"lib/{compiled.name}/{name}": text for name, text in compiled.files.items()}
    texts |= personality.files
    contents = {name: text.encode() for name, text in texts.items()}
    return contents | (_cmsis_nn(board) if compiled.uses_cmsis_nn else {})


def _cmsis_nn(board: Board) -> dict[str, bytes]:
    """CMSIS-NN as the network was proven with: the compiled library, its headers, its licence."""
    include = cmsis_nn.recipe(board.cpu).include
    parts = {f"Include/{p.relative_to(include)}": p for p in sorted(include.rglob("*.h"))}
    parts |= {path.name: path for path in include.parent.glob("LICENSE*")}
    parts[cmsis_nn.LIBRARY] = cmsis_nn.library(board.cpu)
    return {f"{CMSIS_NN}/{name}": path.read_bytes() for name, path in parts.items()}


def _at_baud(board: Board, baud: int | None) -> Board:
    """The board with a console of another speed, where one is given."""
    if baud is None:
        return board
    return board.model_copy(update={"console": board.console.model_copy(update={"baud": baud})})


def _sources(board: Board, personality: str) -> Iterator[tuple[str, Path]]:
    """Files of firmware/ and the names they get: what is general, and what the SoC names."""
    root = paths.FIRMWARE
    soc = root / "soc" / board.soc
    parts = json.loads((soc / "soc.json").read_text("utf-8"))
    drivers = {"console.c", parts["clock"], parts["uart"], f"counter_{board.counter}.c"}
    drivers.add(parts["trigger"] if board.trigger else "trigger_none.c")
    if parts["pins"]:
        drivers.add(parts["pins"])
    yield "include/soc.h", soc / "soc.h"
    yield "src/main.c", root / "main.c"
    for folder in ("include", "cortex_m", "drivers", personality):
        for path in sorted((root / folder).glob("*.h")):
            yield f"include/{path.name}", path
    for folder in (personality, "cortex_m"):
        for path in sorted((root / folder).glob("*.c")):
            yield f"src/{path.name}", path
    yield "src/crc32.c", root / "protocol" / "crc32.c"  # seals what survives a reset
    for driver in sorted(drivers):
        yield f"src/{driver}", root / "drivers" / driver
    yield "platform/platform.json", root / "platform" / "platform.json"
    for path in sorted((root / "platform" / "builder").glob("*.py")):
        yield f"platform/builder/{path.name}", path


def _board_header(board: Board) -> str:
    console = board.console
    return _render(
        "board.h.j2",
        board=board,
        core=board.cpu,
        caches=board.core == "cortex-m7",
        fault_status=board.cpu.mainline,
        stack_limits=board.cpu.arch in ("armv8-m.main", "armv8.1-m.main"),
        console=console.peripheral.upper(),
        pins={
            "tx": _pin(console.tx),
            "rx": _pin(console.rx),
            "trigger": _pin(board.trigger.pin if board.trigger else None),
        },
    )


def _pin(pin: str | None) -> dict[str, int] | None:
    return None if pin is None else dict(zip(("port", "number"), pin_position(pin), strict=True))


def _c_bytes(data: bytes) -> str:
    return ", ".join(f"0x{byte:02x}" for byte in data)


def _render(template: str, **context: object) -> str:
    found = codegen.environment().get_template(f"firmware/{template}")
    return found.render(context, version=__version__)
