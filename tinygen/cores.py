"""The processor cores tinygen generates code for: what they can do and how the compiler is told."""

from __future__ import annotations

from dataclasses import dataclass

from tinygen.errors import InputError


@dataclass(frozen=True)
class Core:
    """A Cortex-M core as kernels and the compiler see it.

    ``dsp`` is the Armv7E-M SIMD extension (SMLAD and friends), ``mve`` Helium. ``flags`` are the
    compiler flags that select it, ``unicorn`` the name of the emulator's model for it, if any.
    """

    name: str
    arch: str
    dsp: bool
    mve: bool
    fpu: bool
    flags: tuple[str, ...]
    unicorn: str | None

    @property
    def mainline(self) -> bool:
        """Whether the core has what Armv6-M lacks: a fault status and a cycle counter."""
        return self.arch != "armv6-m"


def _core(
    name: str, arch: str, unicorn: str | None, *, dsp: bool, mve: bool = False, fpu: str = ""
) -> Core:
    flags = [f"-mcpu={name}", "-mthumb"]
    flags += [f"-mfpu={fpu}", "-mfloat-abi=hard"] if fpu else ["-mfloat-abi=soft"]
    return Core(name, arch, dsp, mve, bool(fpu), tuple(flags), unicorn)


CORES = {
    core.name: core
    for core in (
        _core("cortex-m0", "armv6-m", "CORTEX_M0", dsp=False),
        _core("cortex-m0plus", "armv6-m", "CORTEX_M0", dsp=False),
        _core("cortex-m3", "armv7-m", "CORTEX_M3", dsp=False),
        _core("cortex-m4", "armv7e-m", "CORTEX_M4", dsp=True, fpu="fpv4-sp-d16"),
        _core("cortex-m7", "armv7e-m", "CORTEX_M7", dsp=True, fpu="fpv5-sp-d16"),
        _core("cortex-m33", "armv8-m.main", "CORTEX_M33", dsp=True, fpu="fpv5-sp-d16"),
        _core("cortex-m55", "armv8.1-m.main", None, dsp=True, mve=True, fpu="auto"),
    )
}


def core(name: str) -> Core:
    """The core of this name.

    Raises InputError, with the known names, when there is none.
    """
    try:
        return CORES[name]
    except KeyError:
        raise InputError(f"core {name!r} is not known; use one of {', '.join(CORES)}") from None
