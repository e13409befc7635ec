"""A trained model by TFLiteConverter and by tinygen: run in a process of its own.

python convert_trained.py OUT writes

    ours.tflite      a small network after a few steps of quantization-aware training
    theirs.tflite    the same weights and ranges as fake-quantization nodes, by the converter
"""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L

from tinygen.compress import qat
from tinygen.compress.evaluate import compute
from tinygen.compress.fold import CHANNEL_AXIS
from tinygen.tflite_format.writer import write


def network():
    """Weights of every kind, a sum and a pooling, each layer normalized."""

    def normalized(x, layer):
        return L.ReLU()(L.BatchNormalization()(layer(x)))

    image = L.Input((12, 12, 3))
    x = normalized(image, L.Conv2D(8, 3, padding="same"))
    y = normalized(x, L.DepthwiseConv2D(3, padding="same"))
    x = L.Add()([x, normalized(y, L.Conv2D(8, 1))])
    x = L.MaxPooling2D()(x)
    x = normalized(L.Flatten()(x), L.Dense(16))
    return keras.Model(image, L.Dense(5)(x))


def trained():
    """A prepared model whose weights and ranges have moved."""
    keras.utils.set_random_seed(1)
    random = np.random.default_rng(2)
    x = random.uniform(-1, 1, (128, 12, 12, 3)).astype(np.float32)
    model = qat.prepare(network(), x, "m")
    model.compile(keras.optimizers.Adam(3e-3), "mse")
    model.fit(x, random.normal(size=(128, 5)), batch_size=32, epochs=3, verbose=0)
    return model


def quantized(model, graph):
    """The int8 graph's float form as a function, its ranges in nodes that the converter knows."""
    ranges = {
        tensor: tuple(map(float, pair))
        for group, pair in zip(model.plan.groups, np.array(model.group_ranges()), strict=True)
        for tensor in group.members
    }
    constants = dict(zip(model.plan.constants, map(np.array, model.values), strict=True))
    made = dict(zip(model.plan.graph.nodes, graph.nodes, strict=True))

    def activation(tensor, value):
        return tf.quantization.fake_quant_with_min_max_args(value, *ranges[tensor])

    def weights(node):
        quantization = made[node].input(1).quant
        data = constants[node.input(1)]
        if node.op == "FULLY_CONNECTED":
            most = float(np.abs(data).max())
            return tf.quantization.fake_quant_with_min_max_args(
                data, -most, most, narrow_range=True
            )
        last = np.moveaxis(data, quantization.axis, -1)
        most = np.abs(last).reshape(-1, last.shape[-1]).max(axis=0)
        done = tf.quantization.fake_quant_with_min_max_vars_per_channel(
            last, -most, most, narrow_range=True
        )
        order = list(range(data.ndim - 1))
        order.insert(quantization.axis, data.ndim - 1)
        return tf.transpose(done, order)

    @tf.function(input_signature=[tf.TensorSpec((1, 12, 12, 3), tf.float32)])
    def run(x):
        values = {model.plan.graph.inputs[0]: activation(model.plan.graph.inputs[0], x)}
        for node in model.plan.graph.nodes:
            given = [t.data if t.is_constant else values[t] for t in node.inputs]
            if node.op in CHANNEL_AXIS:
                given[1:] = [weights(node), constants[node.input(2)]]
            if node.op == "DEPTHWISE_CONV_2D":
                # As the converter knows it, with the padding in the operator.
                kernel = tf.transpose(given[1], (1, 2, 3, 0))
                value = tf.nn.depthwise_conv2d(given[0], kernel, (1, 1, 1, 1), "SAME") + given[2]
                value = tf.nn.relu(value)
            else:
                value = compute(node, given)
            moved = node.op in ("RESHAPE", "MAX_POOL_2D")
            values[node.output] = value if moved else activation(node.output, value)
        return values[model.plan.graph.outputs[0]]

    return run


def main(out):
    """Train, export twice."""
    model = trained()
    graph = qat.export(model)
    (out / "ours.tflite").write_bytes(write(graph))
    run = quantized(model, graph)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([run.get_concrete_function()], run)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    (out / "theirs.tflite").write_bytes(converter.convert())


main(Path(sys.argv[1]))
