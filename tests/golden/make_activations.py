#!/usr/bin/env python3
"""Makes activations.safetensors: PyTorch's activation layers, as make_golden.py stores layers.

Needs PyTorch (made with 1.13, Debian 12's python3-torch). Run it in this folder: ./make_activations.py
"""
import torch
from torch import nn

from golden_file import save
from make_golden import layer_case


class Hardsigmoid(nn.Module):
    """nn.Hardsigmoid; but the gradient of PyTorch 1.13's own multiplies by a sixth that was rounded to f32."""

    def forward(self, x):
        return nn.functional.relu6(x + 3) / 6


def main():
    torch.manual_seed(4)
    out = {}
    for name, module in (
            ("identity", nn.Identity()),
            ("leaky_relu", nn.LeakyReLU()),
            ("leaky_relu_steep", nn.LeakyReLU(negative_slope=0.3)),
            ("prelu", nn.PReLU()),
            ("prelu_channels", nn.PReLU(num_parameters=3)),
            ("elu", nn.ELU()),
            ("elu_half", nn.ELU(alpha=0.5)),
            ("selu", nn.SELU()),
            ("gelu", nn.GELU()),
            ("gelu_tanh", nn.GELU(approximate="tanh")),
            ("silu", nn.SiLU()),
            ("softplus", nn.Softplus()),
            ("softplus_sharp", nn.Softplus(beta=2.5)),
            ("mish", nn.Mish()),
            ("softsign", nn.Softsign()),
            ("log_sigmoid", nn.LogSigmoid()),
            ("hardtanh", nn.Hardtanh()),
            ("hardtanh_wide", nn.Hardtanh(min_val=-0.5, max_val=2)),
            ("relu6", nn.ReLU6()),
            ("hardsigmoid", Hardsigmoid()),
            ("hardswish", nn.Hardswish()),
            ("log_softmax", nn.LogSoftmax(dim=-1)),
            ("log_softmax_channels", nn.LogSoftmax(dim=1))):
        layer_case(out, name, module, (4, 3, 5), spread=2.5)
    save("activations.safetensors", out)


main()
