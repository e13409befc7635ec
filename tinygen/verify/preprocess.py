"""Is the generated preprocessing right? Every integer raw value on the host, some on the target."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinygen import codegen, toolchain
from tinygen.device.emulators.bare import open_bare
from tinygen.errors import ProofError
from tinygen.preprocess.samples import windows
from tinygen.verify.compare import Comparison

if TYPE_CHECKING:
    from tinygen.compiler import CompiledModel
    from tinygen.cores import Core
    from tinygen.ir import Array
    from tinygen.preprocess.conversion import Conversion
    from tinygen.preprocess.generate import Preprocessing

_SEED = 20240229
_TIMEOUT_S = 600
_FLOATS = 4096
_ON_TARGET = 2  # inputs
_WINDOWS = 3


def prove(
    compiled: CompiledModel, preprocessing: Preprocessing, *, target: bool
) -> tuple[Comparison, ...]:
    """Compare the generated C with :class:`Conversion`, on the host and on request on the target.

    Raises ProofError at the first difference, ToolchainError when a compiler is missing.
    """
    files = {n: t for n, t in compiled.files.items() if n.startswith(f"{compiled.name}_preprocess")}
    with tempfile.TemporaryDirectory(prefix="tinygen-proof-") as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text)
        proofs = [_on_host(compiled.name, preprocessing, Path(folder))]
        if target:
            proofs.append(_on_target(compiled, preprocessing, Path(folder)))
    return tuple(proofs)


def stimuli(preprocessing: Preprocessing) -> Array:
    """Whole inputs of raw values, (inputs, count), that show every channel what matters to it.

    Of integers that is every value there is; of floats random ones about the range of the input,
    the ends of that range, ties, and what is not a finite number.
    """
    conversion = preprocessing.conversion
    if conversion.raw == "float32":
        values = _floats(conversion)
    else:
        limits = np.iinfo(conversion.raw)
        every = np.arange(limits.min, limits.max + 1).astype(conversion.raw)
        values = np.repeat(every, conversion.channels)
    inputs = -(-len(values) // preprocessing.count)
    return np.resize(values, (inputs, preprocessing.count))


def _floats(conversion: Conversion) -> Array:
    rng = np.random.default_rng(_SEED)
    zero = conversion.input.zero_point
    steps = np.concatenate(
        [
            rng.uniform(-160 - zero, 160 - zero, _FLOATS),
            np.arange(-130 - zero, 130 - zero, 0.5),
            [0.0, -0.0, 1e-42, -1e-42, 3e38, -3e38, np.inf, -np.inf, np.nan],
        ]
    )
    with np.errstate(over="ignore", invalid="ignore"):
        real = steps[:, np.newaxis] * conversion.input.scale
        raw = real / np.array(conversion.scales) + np.array(conversion.offsets)
        return np.asarray(raw.astype(np.float32).reshape(-1))


def _on_host(name: str, preprocessing: Preprocessing, folder: Path) -> Comparison:
    main = codegen.environment().get_template("proof/preprocess_main.c.j2")
    raw = preprocessing.conversion.raw
    (folder / "main.c").write_text(
        main.render(
            name=name,
            prefix=name.upper(),
            ctype=codegen.CTYPES[raw],
            window=preprocessing.window is not None,
        )
    )
    toolchain.run(
        [
            toolchain.host_compiler(),
            "-std=c11",
            "-O1",
            *toolchain.WARNINGS,
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all",
            "-o",
            "preprocess",
            "main.c",
            f"{name}_preprocess.c",
        ],
        "compiling the generated preprocessing for this machine",
        cwd=folder,
    )
    what = "the preprocessing on the host"
    given = stimuli(preprocessing)
    got = _piped([folder / "preprocess"], given)
    _same(what, preprocessing, got, _expected(preprocessing, given))
    values = given.size
    if preprocessing.window is not None:
        frames, expected = _series(preprocessing)
        got = _piped([folder / "preprocess", "window"], frames)
        _same(f"{what}, in windows,", preprocessing, got, expected)
        values += frames.size
    return Comparison(what, len(given), values)


def _on_target(compiled: CompiledModel, preprocessing: Preprocessing, folder: Path) -> Comparison:
    name, core = compiled.name, compiled.core
    image = _linked(name, core, preprocessing, folder)
    what = f"the preprocessing for {core.name}"
    given = stimuli(preprocessing)
    order = np.random.default_rng(_SEED).permutation(given.size)
    given = np.resize(given.reshape(-1)[_by_channel(order, preprocessing)], given.shape)
    given = given[:_ON_TARGET]
    with open_bare(image, core) as target:
        to = target.allocate(preprocessing.count)
        at = target.allocate(given[0].nbytes)
        found = b""
        for raw in given:
            target.write(at, raw.tobytes())
            target.call(target.symbol(f"{name}_preprocess"), at, to)
            found += target.read(to, preprocessing.count)
        _same(what, preprocessing, found, _expected(preprocessing, given))
        values = given.size
        if preprocessing.window is not None:
            frames, expected = _series(preprocessing)
            state = target.allocate(8 + -(-preprocessing.count // 4) * 4)
            frame = target.allocate(frames[0].nbytes)
            target.call(target.symbol(f"{name}_window_init"), state)
            found = b""
            for raw in frames:
                target.write(frame, raw.tobytes())
                if target.call(target.symbol(f"{name}_window_push"), state, frame).value & 0xFF:
                    target.call(target.symbol(f"{name}_window_copy"), state, to)
                    found += target.read(to, preprocessing.count)
            _same(f"{what}, in windows,", preprocessing, found, expected)
            values += frames.size
    return Comparison(what, len(given), values)


def _linked(name: str, core: Core, preprocessing: Preprocessing, folder: Path) -> Path:
    functions = [f"{name}_preprocess"]
    if preprocessing.window is not None:
        functions += [f"{name}_window_{what}" for what in ("init", "push", "copy")]
    toolchain.run(
        [
            toolchain.arm_tool("gcc"),
            *core.flags,
            *toolchain.target_flags("latency"),
            *toolchain.WARNINGS,
            "-nostartfiles",
            "--specs=nano.specs",
            "-Wl,--gc-sections",
            f"-Wl,--entry={functions[0]}",
            *(f"-Wl,--undefined={function}" for function in functions),
            "-o",
            "preprocess.elf",
            f"{name}_preprocess.c",
        ],
        f"compiling the generated preprocessing for {core.name}",
        cwd=folder,
    )
    return folder / "preprocess.elf"


def _by_channel(order: Array, preprocessing: Preprocessing) -> Array:
    """A random order of values in which each keeps its channel."""
    channels = preprocessing.conversion.channels
    rows = order[order < order.size // channels]
    return np.asarray((rows[:, np.newaxis] * channels + np.arange(channels)).reshape(-1))


def _expected(preprocessing: Preprocessing, given: Array) -> Array:
    conversion = preprocessing.conversion
    return conversion.stored(given.reshape(-1, conversion.channels)).reshape(given.shape)


def _series(preprocessing: Preprocessing) -> tuple[Array, Array]:
    """Raw frames of a series that has several windows, and the inputs that these make."""
    window = preprocessing.window
    assert window is not None
    conversion = preprocessing.conversion
    frames = window.length + _WINDOWS * window.hop + window.hop // 2
    raw = np.resize(stimuli(preprocessing), (frames, window.frame))
    # The values of an input come in order, so that only an order of frames has to be drawn.
    raw = raw[np.random.default_rng(_SEED).permutation(frames)]
    stored = conversion.stored(raw.reshape(frames, -1, conversion.channels))
    return raw, windows(stored, window.length, window.hop)


def _piped(command: list[Path | str], given: Array) -> bytes:
    try:
        done = subprocess.run(
            command,
            input=given.tobytes(),
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
            env={"ASAN_OPTIONS": "detect_leaks=0"},
        )
    except subprocess.TimeoutExpired:
        raise ProofError(
            f"the generated preprocessing did not finish within {_TIMEOUT_S} s; please report it "
            "with [preprocess]"
        ) from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise ProofError(
            f"the generated preprocessing failed on this machine: "
            f"{(lines or ['no message'])[0]}; please report it with [preprocess]"
        )
    return done.stdout


def _same(what: str, preprocessing: Preprocessing, got: bytes, expected: Array) -> None:
    found = np.frombuffer(got, np.int8)
    expected = expected.reshape(-1)
    if len(found) != len(expected):
        raise ProofError(
            f"{what} gives {len(found)} values instead of {len(expected)}; please report it with "
            "[preprocess]"
        )
    wrong = np.flatnonzero(found != expected)
    if wrong.size:
        first = int(wrong[0])
        raise ProofError(
            f"{what} differs from its definition first in value {first % preprocessing.count} of "
            f"input {first // preprocessing.count}: {found[first]} instead of {expected[first]} "
            f"({wrong.size} of {found.size} differ); please report it with [preprocess]"
        )
