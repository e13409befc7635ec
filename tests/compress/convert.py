"""What TFLiteConverter makes of a model: run in a process of its own, which it may take down.

python convert.py MODEL.keras SAMPLES.npy OUT writes

    calibrated.tflite   the float model with the ranges that it saw
    channels.tflite     int8 by these ranges, dense layers quantized per channel
    tensors.tflite      the same, dense layers quantized as a whole
"""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert import mlir_quantize


def main(model, samples, out):
    """Calibrate once, quantize twice."""
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.models.load_model(model))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([x[np.newaxis]] for x in np.load(samples))
    converter._experimental_calibrate_only = True
    calibrated = converter.convert()
    (out / "calibrated.tflite").write_bytes(calibrated)
    for name, whole in (("channels", False), ("tensors", True)):
        content = mlir_quantize(
            calibrated,
            input_data_type=tf.int8,
            output_data_type=tf.int8,
            disable_per_channel_for_dense_layers=whole,
        )
        (out / f"{name}.tflite").write_bytes(content)


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
