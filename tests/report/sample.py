"""A report with every kind of figure in it."""

from tinygen.report.model import (
    Buffer,
    Dependency,
    Exact,
    Layer,
    Memory,
    ModelFacts,
    Proof,
    Report,
    Run,
)

SAMPLE = Report(
    model=ModelFacts(name="kws", sha256="ab" * 32, macs=2_656_768),
    board="nucleo_f746zg",
    target="cortex-m7",
    memory=Memory(
        flash_bytes=54_000,
        weights_bytes=24_368,
        code_bytes=29_632,
        ram_bytes=20_000,
        arena_bytes=16_000,
        arena_lower_bound=16_000,
        arena_optimal=True,
        buffers=(
            Buffer(name="input", offset=0, bytes=8_000, first=0, last=0),
            Buffer(name="conv", offset=8_000, bytes=8_000, first=0, last=1),
        ),
    ),
    exact=Exact.of("reference", (Proof(name="host", inputs=8, mismatches=0),)),
    run=Run(
        device="unicorn",
        samples=200,
        correct=183,
        accuracy=0.915,
        instructions=7_000_000,
        cycles_modelled=8_000_000,
        latency_ms=37.037,
        energy_uj=12_466.7,
        energy_method="modelled",
    ),
    layers=(
        Layer(
            name="conv",
            op="CONV_2D",
            kernel="conv_2d_portable",
            macs=2_000_000,
            instructions=5_000_000,
            cycles_modelled=6_000_000,
            flash_bytes=20_000,
        ),
        Layer(
            name="<dense> & 'co'",
            op="FULLY_CONNECTED",
            kernel="fully_connected_portable",
            macs=656_768,
            instructions=2_000_000,
            cycles_modelled=2_000_000,
            flash_bytes=4_368,
        ),
    ),
    dependencies=(Dependency(name="CMSIS-NN", version="sha256:0123", pinned=False),),
)
EMPTY = Report(
    model=ModelFacts(name="m", sha256="00", macs=0),
    target="cortex-m0",
    exact=Exact.of("reference", ()),
)
