"""What one row of benchmarks/results.json is, and how it is measured.

Every figure is of the network alone, without a firmware around it: instructions of one inference,
counted while its object code is emulated and compared with the reference; bytes of the linked
image; the arena and the deepest stack; modelled cycles on a board, its memories included.
"""

import hashlib
import io
import json
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from tinygen import board_cycles, boards, compiler, cores, deps, toolchain
from tinygen.frontend import tflite
from tinygen.ops.sampling import stimuli
from tinygen.verify.target import link_bare, on_target

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
REFERENCE = {
    "kws": "kws_ref_model.tflite",
    "vww": "vww_96_int8.tflite",
    "ic": "pretrainedResnet_quant.tflite",
    "ad": "ad01_int8.tflite",
}
"""The MLPerf Tiny reference models, in TINYGEN_MODELS/models."""
OWN = ("digits_autoencoder", "digits_separable", "fashion_cnn")
"""Models in tests/models, which are always there."""
MODELS = (*REFERENCE, *OWN)
CORES = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")
KERNELS = ("auto", "tinygen", "cmsis-nn")
OBJECTIVES = ("latency", "ram", "flash")
BOARDS = {
    "cortex-m0plus": "nucleo_g0b1re",
    "cortex-m4": "nucleo_l4r5zi",
    "cortex-m7": "nucleo_f746zg",
    "cortex-m33": "nucleo_u575zi_q",
}
"""Where cycles are modelled; the other cores have no board whose memories are described."""
_SEED = 1


class Row(NamedTuple):
    """What is measured."""

    model: str
    core: str
    kernels: str
    objective: str


def model_file(name):
    """Where a model lies; None for a reference model that this machine has not."""
    if name in OWN:
        return ROOT / "tests" / "models" / f"{name}.tflite"
    path = Path(os.environ.get("TINYGEN_MODELS", "absent")) / "models" / REFERENCE[name]
    return path if path.is_file() else None


@cache
def graph(name):
    """The model as it was read."""
    return tflite.load(model_file(name))


def conditions():
    """What figures depend on beside tinygen: they are not comparable under others."""
    command = [toolchain.arm_tool("gcc"), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = deps.cmsis_nn()
    return {"compiler": said.split("\n")[0], "cmsis_nn": found.commit if found else None}


def compiled(row):
    """The network of a row."""
    return compiler.compile_graph(
        graph(row.model),
        cores.core(row.core),
        kernels=row.kernels,
        objective=row.objective,
        cmsis_nn=row.kernels != "tinygen",
    )


def instructions(network):
    """Instructions of one inference, which must give the reference's bytes, and its stack."""
    run = on_target(network, [tuple(next(stimuli(network.graph.inputs, _SEED, randoms=1)))])
    return sum(cost.instructions for cost in run.costs), run.stack_bytes


def fingerprint(network):
    """Equal for networks of which every figure is the same."""
    flags = toolchain.target_flags(network.selection.objective)
    files = repr((network.core.name, flags, sorted(network.files.items())))
    return hashlib.sha256(files.encode()).hexdigest()


class Meter:
    """Measures rows; what compiles to the same C is measured once."""

    def __init__(self):
        self._known = {}

    def figures(self, row):
        """All figures of a row."""
        network = compiled(row)
        key = fingerprint(network)
        if key not in self._known:
            self._known[key] = self._measured(network, row)
        return self._known[key]

    def _measured(self, network, row):
        counted, stack = instructions(network)
        flash, constants = _image_bytes(network)
        return {
            "instructions": counted,
            "cycles_modelled": _cycles(network, row),
            "flash_bytes": flash,
            "code_bytes": flash - constants,
            "ram_bytes": network.plan.nbytes + stack,
            "arena_bytes": network.plan.nbytes,
        }


def _cycles(network, row):
    """On the core's board, as its firmware for latency would be laid out."""
    if row.core not in BOARDS or row.objective != "latency":
        return None
    return board_cycles.measure(network, boards.load_board(BOARDS[row.core])).total


def _image_bytes(network):
    """Bytes of flash that the linked network takes, and those of them that are constants."""
    with tempfile.TemporaryDirectory() as folder:
        image = ELFFile(io.BytesIO(link_bare(network, Path(folder)).read_bytes()))
    loaded = (s for s in image.iter_sections() if s["sh_flags"] & SH_FLAGS.SHF_ALLOC)
    flash = sum(section["sh_size"] for section in loaded if section["sh_type"] != "SHT_NOBITS")
    symbols = image.get_section_by_name(".symtab").iter_symbols()
    constants = sum(s["st_size"] for s in symbols if s["st_info"]["type"] == "STT_OBJECT")
    return flash, constants


def read(path=RESULTS):
    """The stored rows, and the conditions they were measured under."""
    document = json.loads(path.read_text())
    rows = {Row(*(row[name] for name in Row._fields)): row for row in document["rows"]}
    return rows, {name: document[name] for name in ("compiler", "cmsis_nn")}


def text(rows, under):
    """The document, one row a line, so that a difference shows which rows changed."""
    order = {name: index for index, name in enumerate((*MODELS, *CORES, *KERNELS, *OBJECTIVES))}
    lines = [json.dumps(rows[row]) for row in sorted(rows, key=lambda r: [order[n] for n in r])]
    head = json.dumps({"schema_version": 1, **under}, indent=1)[:-2]
    return f'{head},\n "rows": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"
