"""Scratch sizes computed in Python against those that CMSIS-NN itself computes."""

import subprocess

import pytest
import upstream
from batching import drawn_nodes
from row_convolutions import row_convolutions

from tinygen import cmsis_nn, cores, toolchain
from tinygen.kernels import kernels

CORES = {"plain": "cortex-m3", "dsp": "cortex-m4", "mve": "cortex-m55"}
# Each asks upstream about one node: for cores without SIMD, with DSP instructions, with Helium.
# Sizes for plain cores are those that the host compiles.
_PROGRAM = """\
#include <stdio.h>
#include "arm_nnfunctions.h"

static void print(int32_t plain, int32_t dsp, int32_t mve)
{{
    printf("%d %d %d\\n", (int)plain, (int)dsp, (int)mve);
}}

static void convolution(cmsis_nn_conv_params p, cmsis_nn_dims in, cmsis_nn_dims f,
                        cmsis_nn_dims out)
{{
    print(arm_convolve_wrapper_s8_get_buffer_size(&p, &in, &f, &out),
          arm_convolve_wrapper_s8_get_buffer_size_dsp(&p, &in, &f, &out),
          arm_convolve_wrapper_s8_get_buffer_size_mve(&p, &in, &f, &out));
    printf("%d\\n", (int)arm_convolve_s8_get_buffer_size_mve(&in, &f));
}}

static void depthwise(cmsis_nn_dw_conv_params p, cmsis_nn_dims in, cmsis_nn_dims f,
                      cmsis_nn_dims out)
{{
    print(arm_depthwise_conv_wrapper_s8_get_buffer_size(&p, &in, &f, &out),
          arm_depthwise_conv_wrapper_s8_get_buffer_size_dsp(&p, &in, &f, &out),
          arm_depthwise_conv_wrapper_s8_get_buffer_size_mve(&p, &in, &f, &out));
}}

static void average(int width, int channels)
{{
    print(arm_avgpool_s8_get_buffer_size(width, channels),
          arm_avgpool_s8_get_buffer_size_dsp(width, channels),
          arm_avgpool_s8_get_buffer_size_mve(width, channels));
}}

int main(void)
{{
{calls}
    return 0;
}}
"""


@pytest.fixture
def library(monkeypatch):
    found = upstream.use(monkeypatch)
    if not found.complete:
        pytest.skip("this copy of CMSIS-NN has no size functions for other cores")
    return found


def answers(calls, folder):
    """The numbers that the program with these calls prints, line by line."""
    source = folder / "sizes.c"
    source.write_text(_PROGRAM.format(calls="\n".join(f"    {call};" for call in calls)))
    program = folder / "sizes"
    command = [toolchain.host_compiler(), "-fsanitize=address", "-o", program, source]
    toolchain.run([*command, *cmsis_nn.link_flags(None)], "compiling the sizes")
    done = subprocess.run([program], capture_output=True, text=True, check=True)
    return [[int(word) for word in line.split()] for line in done.stdout.splitlines()]


def dims(n, h, w, c):
    return f"(cmsis_nn_dims){{.n = {n}, .h = {h}, .w = {w}, .c = {c}}}"


def geometry(params):
    window = params["window"]
    tiles = {
        "stride": (window["stride_h"], window["stride_w"]),
        "padding": (window["pad_top"], window["pad_left"]),
        "dilation": (window["dilation_h"], window["dilation_w"]),
    }
    return ", ".join(f".{name} = {{.h = {h}, .w = {w}}}" for name, (h, w) in tiles.items())


def shapes(params, filter_n):
    window = params["window"]
    depth = params["in_channels"]
    return ", ".join(
        (
            dims(1, params["in_height"], params["in_width"], depth),
            dims(filter_n, window["height"], window["width"], depth),
            dims(1, window["out_height"], window["out_width"], params["channels"]),
        )
    )


def implementations(name, seeds, more=()):
    """The nodes that the kernel accepts, implemented for the three kinds of core."""
    kernel = kernels()[name]
    nodes = [node for node, _ in drawn_nodes([kernel], seeds, cores.core("cortex-m4"))]
    return [
        {kind: kernel.implement(node, cores.core(core)) for kind, core in CORES.items()}
        for node in (*nodes, *more)
    ]


def sizes(by_core):
    return [by_core[kind].scratch_bytes for kind in CORES]


def test_convolution(library, tmp_path):
    found = implementations("conv_2d_cmsis_nn", range(200), row_convolutions())
    calls = []
    for by_core in found:
        params = by_core["dsp"].params
        calls.append(
            f"convolution((cmsis_nn_conv_params){{{geometry(params)}}}, "
            f"{shapes(params, params['channels'])})"
        )
    lines = answers(calls, tmp_path)
    routines = set()
    for by_core, wrapper, (general,) in zip(found, lines[::2], lines[1::2], strict=True):
        routine = by_core["mve"].params["routine"]
        routines.add(routine)
        plain, dsp, mve = sizes(by_core)
        assert [plain, dsp] == wrapper[:2]
        if routine == "arm_convolve_1_x_n_s8":
            assert mve == max(wrapper[2], plain)
        elif routine == "arm_convolve_s8":
            assert mve == general
        else:
            assert mve == wrapper[2] == 0
    assert len(routines) == 4


def test_depthwise_convolution(library, tmp_path):
    found = [
        by_core
        for by_core in implementations("depthwise_conv_2d_cmsis_nn", range(300))
        if by_core["dsp"].params["in_channels"] > 1
    ]
    calls = []
    for by_core in found:
        params = by_core["dsp"].params
        calls.append(
            f"depthwise((cmsis_nn_dw_conv_params){{.ch_mult = {params['multiplier']}, "
            f"{geometry(params)}}}, {shapes(params, 1)})"
        )
    assert [sizes(by_core) for by_core in found] == answers(calls, tmp_path)


def test_average_pooling(library, tmp_path):
    found = implementations("average_pool_2d_cmsis_nn", range(40))
    calls = [
        f"average({params['window']['out_width']}, {params['channels']})"
        for params in (by_core["dsp"].params for by_core in found)
    ]
    assert [sizes(by_core) for by_core in found] == answers(calls, tmp_path)


def test_an_input_of_one_channel_is_convolved_without_transposing_weights(library):
    drawn = implementations("depthwise_conv_2d_cmsis_nn", range(300))
    found = [by_core for by_core in drawn if by_core["mve"].params["in_channels"] == 1]
    assert found
    for by_core in found:
        params, weights = by_core["mve"].params, by_core["mve"].constants[0].data
        taps = params["window"]["height"] * params["window"]["width"]
        assert params["routine"].startswith("arm_convolve")
        assert weights.size == params["channels"] * taps + 16
        assert by_core["mve"].scratch_bytes <= 4 * 16 * -(-taps // 16)
