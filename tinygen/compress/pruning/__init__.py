"""Which channels a Keras model has, which of them matter, and the model without the others.

channels    channel ids, united where they can only go together
rules       what each kind of layer does to them
structure   a model's channels: its weights and activations with an id per slice
bundles     groups of channels, and what a model costs as a function of how many are left
criteria    how much a channel matters
order       which channels go first
surgery     the smaller model
magnitude   single weights set to zero instead
"""
