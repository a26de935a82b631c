#!/usr/bin/env python3
"""Makes schedules.safetensors: the learning rates of PyTorch's schedulers on a base rate of 1, in float64.

Needs PyTorch (made with 1.13, Debian 12's python3-torch) and NumPy. Run it in this folder: ./make_schedules.py
"""
import warnings

import numpy as np
import torch
from torch.optim import lr_scheduler as s

from golden_file import save

warnings.simplefilter("ignore")  # PyTorch's own about SequentialLR
STEPS = 24
WARMUP = 6


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)


def rates(make, steps=STEPS):
    sgd = optimizer()
    scheduler = make(sgd)
    out = []
    for _ in range(steps):
        out.append(sgd.param_groups[0]["lr"])
        sgd.step()
        scheduler.step()
    return np.array(out, dtype=np.float64)


def warmup(sgd):
    return s.LinearLR(sgd, start_factor=1 / WARMUP, total_iters=WARMUP - 1)


def one_cycle(first, peak, last):
    """PyTorch's cycle ends with its last step, ours one step later: hence a step more, which is not kept."""
    return lambda sgd: s.OneCycleLR(sgd, max_lr=1, total_steps=STEPS + 1, pct_start=(peak * STEPS + 1) / (STEPS + 1),
                                    anneal_strategy="linear", cycle_momentum=False, div_factor=1 / first,
                                    final_div_factor=first / last)


def plateau(losses, **options):
    sgd = optimizer()
    scheduler = s.ReduceLROnPlateau(sgd, eps=0, **options)
    out = []
    for loss in losses:
        scheduler.step(loss)
        out.append(sgd.param_groups[0]["lr"])
    return np.array(out, dtype=np.float64)


def main():
    out = {
        "step": rates(lambda o: s.StepLR(o, step_size=STEPS // 4, gamma=0.3)),
        "exponential": rates(lambda o: s.ExponentialLR(o, gamma=0.05 ** (1 / STEPS))),
        "linear": rates(lambda o: s.LinearLR(o, start_factor=1, end_factor=0.1, total_iters=STEPS)),
        "polynomial": rates(lambda o: s.PolynomialLR(o, total_iters=STEPS, power=2)),
        "cosine": rates(lambda o: s.CosineAnnealingLR(o, T_max=STEPS, eta_min=0.1)),
        "warmup": rates(warmup),
        "warmup_cosine": rates(lambda o: s.SequentialLR(o, [warmup(o), s.CosineAnnealingLR(o, STEPS - WARMUP)],
                                                        milestones=[WARMUP])),
        "one_cycle": rates(one_cycle(0.1, 0.25, 0.02)),
    }
    rng = np.random.default_rng(5)
    losses = 0.5 + 2 * 0.8 ** np.arange(40) * rng.random(40) + 0.01 * rng.random(40)
    out["plateau.losses"] = losses
    out["plateau.patient"] = plateau(losses, patience=4)
    out["plateau.impatient"] = plateau(losses, factor=0.5, patience=1)
    out["plateau.threshold"] = plateau(losses, factor=0.7, patience=2, threshold=0.2)
    out["plateau.cooldown"] = plateau(losses, factor=0.5, patience=1, cooldown=4, min_lr=0.1)
    save("schedules.safetensors", out)


main()
