"""A copy of CMSIS-NN to test with.

The pinned version where it is installed or named by TINYGEN_CMSIS_NN; otherwise the part of
version 4.0.0 that the bakenn wheel on PyPI carries, for a machine that reaches nothing else.
"""

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tinygen import codegen, deps

WHEEL = "bakenn==1.0.0"
_VENDORED = "bakenn/backend/cmsis_nn/vendor/"
# Version 4.0.0 had no scaled convolution: its arm_convolve_s8 takes one argument less. Seen by
# generated code alone, which includes the network's header before this one.
_ADAPTER = """
#ifdef NETWORK_H
#define arm_convolve_s8(a, b, c, d, e, f, g, h, i, upscale, j, k) \\
    arm_convolve_s8(a, b, c, d, e, f, g, h, i, j, k)
#endif
"""
# What that version's headers lack on a host, and the name that makes them leave out Arm's.
_HOST = """
#if !defined(__arm__)
#define __GNUC_PYTHON__
#define __RESTRICT __restrict
#endif
"""


@dataclass(frozen=True)
class Upstream:
    """A copy of CMSIS-NN; ``complete`` tells whether it is the whole of it."""

    root: Path
    complete: bool

    def has(self, node, kernel, core):
        """Whether it defines every routine that a kernel calls for this node."""
        mine = kernel.provider != "cmsis_nn"
        return mine or self.complete or self._routines(node, kernel, core) <= self._defined()

    def _routines(self, node, kernel, core):
        template = codegen.environment().get_template(f"kernels/{kernel.name}.c.j2")
        text = template.render(kernel.implement(node, core).params, name="kernel")
        return set(re.findall(r"\barm_\w+(?=\()", text))

    def _defined(self):
        return {path.stem for path in (self.root / "Source").rglob("*.c")}


def use(monkeypatch):
    """Make the best copy of CMSIS-NN there is the one that tinygen uses; skip without any."""
    if deps.cmsis_nn() is not None:
        return Upstream(deps.cmsis_nn().root, complete=True)
    root, reason = _from_wheel()
    if root is None:
        pytest.skip(f"CMSIS-NN is not installed, and {WHEEL} could not be had: {reason}")
    monkeypatch.setenv(deps.ENVIRONMENT, str(root))
    return Upstream(root, complete=False)


@cache
def _from_wheel():
    """The folder with the wheel's part of CMSIS-NN, or None and why not."""
    folder = Path(tempfile.mkdtemp(prefix="tinygen-upstream-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    arguments = ["download", "--quiet", "--no-deps", "--dest", folder, WHEEL]
    pips = ([sys.executable, "-m", "pip"], [shutil.which("pip3") or "pip3"])
    reason = ""
    for pip in pips:
        try:
            done = subprocess.run(
                [*pip, *arguments],
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
                env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = str(error)
            continue
        if done.returncode == 0:
            return _unpacked(next(folder.glob("*.whl")), folder / "cmsis-nn"), ""
        reason = (done.stderr.strip() or "no message").splitlines()[-1]
    return None, reason


def _unpacked(wheel, root):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            inside = name.removeprefix(_VENDORED)
            if inside == name or not name.endswith((".c", ".h")):
                continue
            # Headers of CMSIS-Core, which this version needs, go beside its own.
            target = root / inside.partition("/")[2]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))
    functions, types = (
        root / "Include" / name for name in ("arm_nnfunctions.h", "arm_nn_math_types.h")
    )
    functions.write_text(functions.read_text() + _ADAPTER)
    types.write_text(_HOST + types.read_text())
    return root
