"""Costs."""


def convolution_cycles(f, routine, depth, pixels, channels):
    return 2.0 * depth * pixels * channels


def depthwise_cycles(f, routine, taps, outputs):
    return 8.0 * taps * outputs


def fully_connected_cycles(f, depth, outputs):
    return 2.0 * depth * outputs


def pooling_cycles(f, op, taps, outputs):
    return 8.0 * taps * outputs


def elementwise_cycles(f, op, size):
    return 80.0 * size


def softmax_cycles(f, size):
    return 300.0 * size


def copying_cycles(f, size, pieces):
    return 1.0 * size + 10 * pieces


def transposing_cycles(f, rank, size):
    return 8.0 * size
