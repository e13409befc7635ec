"""Building the fuzz targets of tests/fuzz, for scripts/fuzz and for the tests.

A target is one C file with the functions of fuzz.h; here stands what it is linked with.
"""

from __future__ import annotations

from pathlib import Path

import loopback

from tinygen import firmware, paths, toolchain

HERE = Path(__file__).parent / "fuzz"
# Without these the two sanitizers print a finding and go on.
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_COVERAGE = "-fsanitize-coverage=trace-pc"
_FLAGS = ("-std=gnu11", "-g", "-O1", *toolchain.WARNINGS, *SANITIZERS)


def targets() -> dict[str, Path]:
    """The fuzz targets by name."""
    shared = ("driver",)
    return {path.stem: path for path in sorted(HERE.glob("*.c")) if path.stem not in shared}


def build(target: str, folder: Path, firmware_sources: Path = paths.FIRMWARE) -> Path:
    """Compile a target into ``folder`` and return the executable."""
    network = loopback.HOST / "network"
    fuzzed = firmware_sources / ("mlperf_tiny" if target.startswith("mlperf") else "protocol")
    sources = [targets()[target], *sorted(fuzzed.glob("*.c"))]
    if target == "frames":  # the others bring a network of their own
        binding = folder / "model.c"
        binding.write_text(firmware.render_binding("network", 2, 2, "host", bytes(16), bytes(32)))
        sources += [*sorted(network.glob("*.c")), binding]
    includes = [f"-I{path}" for path in (HERE, firmware_sources / "include", network, fuzzed)]
    driver, executable = folder / "driver.o", folder / target
    compiler = toolchain.host_compiler()
    # The driver is not covered by what it counts.
    toolchain.run(
        [compiler, *_FLAGS, *includes, "-c", HERE / "driver.c", "-o", driver], "the fuzz driver"
    )
    toolchain.run(
        [compiler, *_FLAGS, _COVERAGE, *includes, *sources, driver, "-o", executable],
        f"the fuzz target {target}",
    )
    return executable
