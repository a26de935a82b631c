#!/usr/bin/env python3
"""Makes keras.safetensors: Keras's own numbers for optimizers that make_golden.py and make_optim_golden.py do not
write out in NumPy. Run it in this folder: ./make_keras.py
"""
from keras_problem import keras, weights_of
from golden_file import save


def optimizers(out):
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
                                                    adam_weight_decay=0.3))):
        out.update({f"{name}.{key}": value for key, value in weights_of(make, base).items()})


def main():
    out = {}
    optimizers(out)
    save("keras.safetensors", out)


main()
