"""From Keras to an int8 graph, in the order in which the data flows.

backend     TensorFlow and Keras, imported when needed
lowering/   Keras layers -> float graph of TFLite operators
fold        batch normalization and activations into their neighbours
evaluate    values of a float graph, by TensorFlow
calibrate   ranges of activations on samples
ranges      which activations share a quantization, or have a fixed one
scales      ranges -> scales and zero points, weights -> int8
clipping    where to clip weights and activations
equalization, bias_correction
            help for weights that quantize badly
export      all of it in one call: ``quantize``

fakequant   the same roundings, in TensorFlow and with gradients
qat_graph   the float graph with these roundings
qat_model   the same as a keras.Model with variables
qat         quantization-aware training: ``prepare`` and ``export``

cost        what a model costs on a board, through the compiler
budget      what it may cost
prune       fewer channels, until it is within a budget; pruning/ is how

dataset     labelled samples; augment: what may change in them
classify    what the outputs of a classifier mean
training    the one training loop; distill: what it minimises with a teacher
low_rank, cluster
            factors for weights, and values that weights share
recipe      steps and their parameters, from a TOML file
steps       what each of them does
run         all of them, from a folder in which a killed run goes on; report: what came out

search/     many recipes, or networks of the zoo: those that no other one beats
"""
