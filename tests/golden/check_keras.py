#!/usr/bin/env python3
"""Compares the NumPy transcriptions of Keras's optimizers in optim.safetensors and optim_more.safetensors with Keras
itself. Run it in this folder: ./check_keras.py. Keras 3.15.1 agrees to 5e-16.
"""
import sys

import numpy as np

from golden_file import load
from keras_problem import keras, weights_of

ALLOWED = 1e-14
K = keras.optimizers
CASES = (
    ("keras_sgd", 0.05, lambda lr: K.SGD(lr)),
    ("keras_momentum", 0.02, lambda lr: K.SGD(lr, momentum=0.9)),
    ("keras_nesterov", 0.02, lambda lr: K.SGD(lr, momentum=0.9, nesterov=True)),
    ("keras_rmsprop", 0.001, lambda lr: K.RMSprop(lr)),
    ("keras_rmsprop_momentum", 0.01, lambda lr: K.RMSprop(lr, momentum=0.5)),
    ("keras_adam", 0.01, lambda lr: K.Adam(lr)),
    ("keras_adamw", 0.02, lambda lr: K.AdamW(lr, weight_decay=0.1)),
    ("keras_adagrad", 0.1, lambda lr: K.Adagrad(lr)),
    ("keras_adadelta", 1.0, lambda lr: K.Adadelta(lr)),
    ("keras_adamax", 0.02, lambda lr: K.Adamax(lr)),
    ("keras_adamax_decay", 0.02, lambda lr: K.Adamax(lr, weight_decay=0.1)),
    ("keras_nadam", 0.02, lambda lr: K.Nadam(lr)),
    ("lion", 0.02, lambda lr: K.Lion(lr)),
    ("lion_decay", 0.02, lambda lr: K.Lion(lr, beta_1=0.8, beta_2=0.95, weight_decay=0.3)),
)


def main():
    stored = {**load("optim.safetensors"), **load("optim_more.safetensors")}
    wrong = 0
    for name, base, make in CASES:
        worst = max(np.abs(value - stored[f"{name}.{key}"]).max() for key, value in weights_of(make, base).items())
        print(f"{name}: {worst:.1e}")
        wrong += not worst <= ALLOWED
    sys.exit(f"{wrong} differ" if wrong else 0)


main()
