"""The problem of make_golden.py, solved by Keras itself: make_keras.py and check_keras.py use it.

Needs Keras 3 (made with 3.15.1) on JAX: pip install keras jax; all in float64.
"""
import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np
from keras.src.backend.common import dtypes

from golden_file import load

# But on TensorFlow, Keras computes means and norms of float64 in float32; not here.
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
jax.config.update("jax_enable_x64", True)
keras.config.set_floatx("float64")

STEPS = 50
KEPT = (1, 2, 10, 50)
PARAMETERS = range(3)


def weights_of(make, base):
    """The weights after the steps that are kept, under "step.parameter"."""
    problem = load("optim.safetensors")
    weights = [keras.Variable(problem[f"start.{i}"]) for i in PARAMETERS]
    optimizer = make(base)
    optimizer.build(weights)
    out = {}
    for step in range(STEPS):
        optimizer.learning_rate = base * (1 + 0.5 * np.sin(step))
        gradients = [2 * problem[f"curvature.{i}"] * (np.array(w) - problem[f"goal.{i}"])
                     for i, w in enumerate(weights)]
        optimizer.apply(gradients, weights)
        if step + 1 in KEPT:
            out.update({f"{step + 1}.{i}": np.array(w) for i, w in enumerate(weights)})
    return out
