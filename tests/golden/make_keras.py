#!/usr/bin/env python3
"""Makes keras.safetensors: Keras's own numbers for optimizers that make_golden.py and make_optim_golden.py do not
write out in NumPy, and for the losses by name. Run it in this folder: ./make_keras.py
"""
from functools import partial

import jax
import numpy as np

from keras_problem import keras, weights_of
from golden_file import save


def optimizers(out):
    """Keras's Muon decays vectors at lr, not at lr * adam_lr_ratio: hence half of the decay for half of the rate."""
    k = keras.optimizers
    for name, base, make in (
            ("sgd_decay", 0.05, lambda lr: k.SGD(lr, weight_decay=0.2)),
            ("momentum_decay", 0.02, lambda lr: k.SGD(lr, momentum=0.9, weight_decay=0.1)),
            ("nesterov_decay", 0.02, lambda lr: k.SGD(lr, momentum=0.9, nesterov=True, weight_decay=0.1)),
            ("rmsprop_decay", 0.001, lambda lr: k.RMSprop(lr, weight_decay=0.2)),
            ("rmsprop_momentum_decay", 0.01, lambda lr: k.RMSprop(lr, momentum=0.5, weight_decay=0.1)),
            ("lion", 0.001, lambda _: k.Lion()),
            ("muon", 0.001, lambda _: k.Muon()),
            ("muon_options", 0.02, lambda lr: k.Muon(lr, momentum=0.8, nesterov=False, ns_steps=4, adam_lr_ratio=0.5,
                                                    adam_beta_1=0.8, adam_beta_2=0.9, epsilon=1e-5, weight_decay=0.3,
                                                    adam_weight_decay=0.15))):
        out.update({f"{name}.{key}": value for key, value in weights_of(make, base).items()})


def losses(out):
    rng = np.random.default_rng(6)
    values, targets = 2 * rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    labels = rng.integers(0, 3, 4)
    rows = np.eye(3)[labels]
    probabilities = rng.dirichlet(np.ones(3), 4)
    ends = np.array([[0.3, 0, 1], [1, 0.6, 0], [0, 1, 0.5], [1e-9, 1 - 1e-9, 0.1]])
    yes = np.array([[0, 1, 1], [1, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=np.float64)
    soft = rng.dirichlet(np.ones(3), 4)
    soft[1] = (0, 1, 0)
    k = keras.losses
    for name, loss, output, target in (
            ("mse", k.MeanSquaredError(), values, targets),
            ("mae", k.MeanAbsoluteError(), values, targets),
            ("huber", k.Huber(), values, targets),
            ("hinge", k.Hinge(), values, 2 * yes - 1),
            ("hinge_01", k.Hinge(), values, yes),
            ("squared_hinge", k.SquaredHinge(), values, 2 * yes - 1),
            ("squared_hinge_01", k.SquaredHinge(), values, yes),
            ("kl_divergence", k.KLDivergence(), probabilities, soft),
            ("kl_divergence_ends", k.KLDivergence(), np.minimum(ends, 0.9), soft),
            ("binary_crossentropy", k.BinaryCrossentropy(), probabilities, yes),
            ("binary_crossentropy_ends", k.BinaryCrossentropy(), ends, yes),
            ("binary_crossentropy_logits", k.BinaryCrossentropy(from_logits=True), 4 * values, yes),
            ("categorical_crossentropy", k.CategoricalCrossentropy(), probabilities, soft),
            ("categorical_crossentropy_ends", k.CategoricalCrossentropy(), ends, rows),
            ("categorical_crossentropy_logits", k.CategoricalCrossentropy(from_logits=True), values, soft),
            ("sparse_categorical_crossentropy", k.SparseCategoricalCrossentropy(), probabilities, labels),
            ("sparse_categorical_crossentropy_logits", k.SparseCategoricalCrossentropy(from_logits=True), values,
             labels)):
        value, slope = jax.value_and_grad(partial(loss, target))(output)
        out.update({f"loss.{name}.output": output, f"loss.{name}.target": target,
                    f"loss.{name}.value": np.array(value), f"loss.{name}.slope": np.array(slope)})


def main():
    out = {}
    optimizers(out)
    losses(out)
    save("keras.safetensors", out)


main()
