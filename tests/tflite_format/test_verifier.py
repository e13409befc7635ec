"""The structure check: what it accepts, what it refuses, and that its work is bounded."""

import time

import flatbuffers
import numpy as np
import pytest
import tflite
from tiny_models import operator_samples, splice, two_convs

from tinygen.errors import ModelError
from tinygen.ops import operators
from tinygen.tflite_format.schema import MAX_OPTION_ELEMENTS, TABLES, option_fields
from tinygen.tflite_format.verifier import MAX_FILE_BYTES, MAX_STRUCTURE_BYTES, verify
from tinygen.tflite_format.writer import write


def refused(data, *words):
    with pytest.raises(ModelError) as caught:
        verify(data)
    for word in words:
        assert word in str(caught.value)


@pytest.fixture
def model():
    return write(two_convs())


@pytest.mark.parametrize("name", operators())
def test_what_the_writer_writes_is_accepted(name):
    verify(operator_samples()[name])


def test_files_that_are_no_models_are_refused(model):
    refused(b"", "TFL3")
    refused(b"\x89HDF\r\n\x1a\n" * 4, "TFL3", ".keras")
    refused(model[:4] + b"TFL2" + model[8:], "TFL3")
    refused(bytes(MAX_FILE_BYTES + 1), str(MAX_FILE_BYTES))


def test_the_message_says_where_the_damage_is(model):
    inputs = tflite.Model.GetRootAsModel(model, 0).Subgraphs(0).Operators(1)._tab
    length_at = inputs.Vector(inputs.Offset(6)) - 4
    refused(splice(model, length_at, "<I", 1 << 20), "Model.subgraphs[0].operators[1].inputs")


def test_offsets_may_not_lead_nowhere(model):
    refused(splice(model, 0, "<I", 0), "offset of zero")
    refused(splice(model, 0, "<I", len(model)), "outside")
    refused(splice(model, 0, "<I", 0xFFFFFFFF), "outside")


def test_misaligned_tables_are_refused(model):
    root = int.from_bytes(model[:4], "little")
    refused(splice(model, 0, "<I", root + 1), "aligned")


def test_impossible_vtables_are_refused(model):
    root = int.from_bytes(model[:4], "little")
    vtable = root - int.from_bytes(model[root : root + 4], "little", signed=True)
    refused(splice(model, vtable, "<H", 3), "vtable")
    refused(splice(model, vtable, "<H", 0xFFFE), "outside")
    refused(splice(model, vtable + 2, "<H", 2), "vtable")
    refused(splice(model, vtable + 4, "<H", 0xFFF0), "Model.version lies outside its table")


def test_text_must_end_inside_the_file():
    builder = flatbuffers.Builder(64)
    description = builder.CreateString("last")
    tflite.ModelStart(builder)
    tflite.ModelAddDescription(builder, description)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    data = bytes(builder.Output())
    verify(data)
    refused(data[: data.rindex(b"last") + 4], "Model.description")


def test_option_vectors_are_limited():
    data = operator_samples()["SQUEEZE"]
    operator = tflite.Model.GetRootAsModel(data, 0).Subgraphs(0).Operators(0)
    options = tflite.SqueezeOptions()
    options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
    length_at = options._tab.Vector(options._tab.Offset(4)) - 4
    grown = splice(data, length_at, "<I", MAX_OPTION_ELEMENTS + 1) + bytes(1024)
    refused(grown, "builtin_options.SqueezeDims", str(MAX_OPTION_ELEMENTS))


def test_the_options_of_every_operator_have_a_description():
    for operator in operators().values():
        if operator.table is not None:
            number = getattr(tflite.BuiltinOptions, operator.table)
            fields = option_fields(number)
            assert fields is not None
            names = {field.name.lower() for field in fields}
            for field in getattr(operator.options_type, "__dataclass_fields__", {}):
                assert field.replace("_", "") in names


class Recorder:
    """Notes which slots a FlatBuffers builder is asked to fill."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, method):
        return lambda slot, *_: self.calls.append((method, slot))


def test_descriptions_have_the_slots_of_the_format():
    for name, fields in TABLES.items():
        for slot, field in enumerate(fields):
            accessor = "".join(part.capitalize() for part in field.name.split("_"))
            recorder = Recorder()
            getattr(tflite, f"{name}Add{accessor}")(recorder, 0)
            ((method, recorded_slot),) = recorder.calls
            assert recorded_slot == slot
            assert (method == "PrependUOffsetTRelativeSlot") == (field.kind != "scalar")


def shared_model(tensors, operators_, inputs, name=b"x"):
    """A file whose vectors all name the same tensor and the same operator, over and over."""
    builder = flatbuffers.Builder(1024)

    def offsets(targets):
        builder.StartVector(4, len(targets), 4)
        for target in targets:
            builder.PrependUOffsetTRelative(target)
        return builder.EndVector()

    operands = builder.CreateNumpyVector(np.zeros(inputs, np.int32))
    one = builder.CreateNumpyVector(np.ones(1, np.int32))
    text = builder.CreateString(name)
    tflite.TensorStart(builder)
    tflite.TensorAddName(builder, text)
    tensor = tflite.TensorEnd(builder)
    tflite.OperatorStart(builder)
    tflite.OperatorAddInputs(builder, operands)
    tflite.OperatorAddOutputs(builder, one)
    operator = tflite.OperatorEnd(builder)
    tensors_at, operators_at = offsets([tensor] * tensors), offsets([operator] * operators_)
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensors_at)
    tflite.SubGraphAddOperators(builder, operators_at)
    subgraphs = offsets([tflite.SubGraphEnd(builder)])
    tflite.ModelStart(builder)
    tflite.ModelAddSubgraphs(builder, subgraphs)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    "shape",
    [(60_000, 1, 1, b"x" * 200), (2, 2_000, 6_000), (2, 60_000, 60_000), (60_000, 60_000, 1)],
)
def test_sharing_does_not_multiply_the_work(shape):
    data = shared_model(*shape)
    started = time.process_time()
    refused(data, str(MAX_STRUCTURE_BYTES))
    assert time.process_time() - started < 5
