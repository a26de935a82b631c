#!/usr/bin/env python3
"""Makes optim_more.safetensors: the problem of make_golden.py for AdaGrad, Adadelta, Adamax, NAdam, Lion, Muon,
clipped gradients, groups and averaged weights.

Needs PyTorch (made with 1.13, Debian 12's python3-torch) and NumPy; all in float64. Keras's optimizers are written
out here in NumPy after update_step() in keras-team/keras, keras/src/optimizers: adagrad.py, adadelta.py, adamax.py,
nadam.py, lion.py, which check_keras.py compares with Keras itself; Muon after KellerJordan/Muon, muon.py (SingleDeviceMuonWithAuxAdam), but in float64; the textbook's
after Saito, Deep Learning from Scratch, chapter 6. Run it in this folder: ./make_optim_golden.py
"""
import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from golden_file import save
from make_golden import KEPT, SHAPES, STEPS, rate


def problem():
    """As in make_golden.py: start, curvature and goal of each parameter."""
    rng = np.random.default_rng(3)
    return tuple([low + (high - low) * rng.random(shape) for shape in SHAPES]
                 for low, high in ((-1, 1), (0.1, 2), (-2, 2)))


def missing(sparse, i, step):
    return sparse and i == 1 and step % 3 == 0  # then this parameter has no gradient


def keep(out, name, step, weights):
    if step + 1 in KEPT:
        for i, w in enumerate(weights):
            out[f"{name}.{step + 1}.{i}"] = np.array(w.detach() if torch.is_tensor(w) else w)


def torch_case(out, name, make, base, sparse=False, clip=None, ema=None):
    starts, curvatures, goals = problem()
    weights = [torch.tensor(w).requires_grad_() for w in starts]
    optimizer = make(weights, base)
    factors = [group["lr"] / base for group in optimizer.param_groups]
    model = torch.nn.ParameterList([torch.nn.Parameter(w) for w in weights])
    average = AveragedModel(model, avg_fn=lambda a, w, _: ema * a + (1 - ema) * w) if ema else None
    for step in range(STEPS):
        for group, factor in zip(optimizer.param_groups, factors):
            group["lr"] = rate(base, step) * factor
        optimizer.zero_grad(set_to_none=True)
        for i, (w, c, goal) in enumerate(zip(weights, curvatures, goals)):
            if not missing(sparse, i, step):
                (torch.tensor(c) * (w - torch.tensor(goal)) ** 2).sum().backward()
        if clip:
            clip(weights)
        optimizer.step()
        keep(out, name, step, weights)
        if average:
            for mine, w in zip(model, weights):
                mine.data.copy_(w.data)
            average.update_parameters(model)
            keep(out, name + "_average", step, list(average.module))


def numpy_case(out, name, update, base, sparse=False):
    starts, curvatures, goals = problem()
    weights = [np.array(w) for w in starts]
    states = [{"updates": 0} for _ in weights]
    for step in range(STEPS):
        for i, (w, c, goal) in enumerate(zip(weights, curvatures, goals)):
            if missing(sparse, i, step):
                continue
            states[i]["updates"] += 1
            weights[i] = update(w, 2 * c * (w - goal), states[i], rate(base, step), states[i]["updates"])
        keep(out, name, step, weights)


# --- Keras ---


def decayed(update, decay):
    """base_optimizer.py, _apply_weight_decay(): before the step."""
    return lambda w, g, state, lr, step: update(w - w * decay * lr, g, state, lr, step)


def keras_adagrad(w, g, state, lr, _):
    state["a"] = state.get("a", 0.1) + g**2
    return w - lr * g / np.sqrt(state["a"] + 1e-7)


def keras_adadelta(w, g, state, lr, _, rho=0.95, eps=1e-7):
    state["g"] = rho * state.get("g", 0) + (1 - rho) * g**2
    delta = -np.sqrt(state.get("d", 0) + eps) * g / np.sqrt(state["g"] + eps)
    state["d"] = rho * state.get("d", 0) + (1 - rho) * delta**2
    return w + lr * delta


def keras_adamax(w, g, state, lr, step, beta1=0.9, beta2=0.999, eps=1e-7):
    state["m"] = state.get("m", 0) + (g - state.get("m", 0)) * (1 - beta1)
    state["u"] = np.maximum(beta2 * state.get("u", 0), np.abs(g))
    return w - lr * state["m"] / ((1 - beta1**step) * (state["u"] + eps))


def nadam(beta1, beta2, eps, momentum_decay, decay=0):
    """As in nadam.py of Keras and of PyTorch 2; PyTorch 1.13 has a momentum too many in the product of the next step."""
    def update(w, g, state, lr, step):
        g = g + decay * w
        u, u_next = (beta1 * (1 - 0.5 * 0.96**(t * momentum_decay)) for t in (step, step + 1))
        state["product"] = state.get("product", 1) * u
        state["m"] = state.get("m", 0) + (g - state.get("m", 0)) * (1 - beta1)
        state["v"] = state.get("v", 0) + (g**2 - state.get("v", 0)) * (1 - beta2)
        m_hat = u_next * state["m"] / (1 - state["product"] * u_next) + (1 - u) * g / (1 - state["product"])
        return w - m_hat * lr / (np.sqrt(state["v"] / (1 - beta2**step)) + eps)
    return update


def lion(beta1, beta2):
    def update(w, g, state, lr, _):
        m = state.get("m", 0)
        state["m"] = m * beta2 + g * (1 - beta2)
        return w - lr * np.sign(m * beta1 + g * (1 - beta1))
    return update


# --- The textbook ---


def textbook_momentum(w, g, state, lr, _):
    state["v"] = 0.9 * state.get("v", 0) - lr * g
    return w + state["v"]


def textbook_nesterov(w, g, state, lr, _):
    state["v"] = 0.9 * state.get("v", 0) - lr * g
    return w + 0.9 * state["v"] - lr * g


def textbook_adagrad(w, g, state, lr, _):
    state["h"] = state.get("h", 0) + g * g
    return w - lr * g / (np.sqrt(state["h"]) + 1e-7)


def textbook_rmsprop(w, g, state, lr, _):
    state["h"] = 0.99 * state.get("h", 0) + 0.01 * g * g
    return w - lr * g / (np.sqrt(state["h"]) + 1e-7)


def textbook_adam(w, g, state, lr, step):
    m, v = state.get("m", 0), state.get("v", 0)
    lr_t = lr * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    state["m"] = m + (1 - 0.9) * (g - m)
    state["v"] = v + (1 - 0.999) * (g**2 - v)
    return w - lr_t * state["m"] / (np.sqrt(state["v"]) + 1e-7)


# --- Muon ---


def newton_schulz(g, steps=5):
    x = g.T if g.shape[0] > g.shape[1] else g
    x = x / (np.linalg.norm(x) + 1e-7)
    for _ in range(steps):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if g.shape[0] > g.shape[1] else x


def muon(base, decay=0, adam_lr=3e-4):
    def update(w, g, state, lr, step):
        if w.ndim < 2:
            rate_now = lr * adam_lr / base
            state["m"] = state.get("m", 0) * 0.9 + g * (1 - 0.9)
            state["v"] = state.get("v", 0) * 0.95 + g**2 * (1 - 0.95)
            direction = state["m"] / (1 - 0.9**step) / (np.sqrt(state["v"] / (1 - 0.95**step)) + 1e-10)
            return w * (1 - rate_now * decay) - rate_now * direction
        state["m"] = state.get("m", 0) * 0.95 + g * (1 - 0.95)
        direction = (g * (1 - 0.95) + state["m"] * 0.95).reshape(len(g), -1)
        scale = max(1, direction.shape[0] / direction.shape[1]) ** 0.5
        return w * (1 - lr * decay) - lr * scale * newton_schulz(direction).reshape(w.shape)
    return update


def clip_norm(bound):
    return lambda weights: torch.nn.utils.clip_grad_norm_(weights, bound)


def clip_value(bound):
    return lambda weights: torch.nn.utils.clip_grad_value_(weights, bound)


def main():
    out = {}
    o = torch.optim
    for name, base, make in (
            ("adagrad", 0.1, lambda w, lr: o.Adagrad(w, lr)),
            ("adagrad_decay", 0.1, lambda w, lr: o.Adagrad(w, lr, lr_decay=0.05, weight_decay=0.1,
                                                          initial_accumulator_value=0.2)),
            ("adadelta", 1.0, lambda w, lr: o.Adadelta(w, lr)),
            ("adadelta_decay", 0.3, lambda w, lr: o.Adadelta(w, lr, rho=0.8, eps=1e-4, weight_decay=0.1)),
            ("adamax", 0.02, lambda w, lr: o.Adamax(w, lr)),
            ("adamax_decay", 0.02, lambda w, lr: o.Adamax(w, lr, betas=(0.8, 0.9), weight_decay=0.1))):
        torch_case(out, name, make, base)
        torch_case(out, name + "_sparse", make, base, sparse=True)
    for name, base, update in (
            ("keras_adagrad", 0.1, keras_adagrad),
            ("keras_adadelta", 1.0, keras_adadelta),
            ("keras_adamax", 0.02, keras_adamax),
            ("keras_adamax_decay", 0.02, decayed(keras_adamax, 0.1)),
            ("keras_nadam", 0.02, nadam(0.9, 0.999, 1e-7, 1)),
            ("nadam", 0.02, nadam(0.9, 0.999, 1e-8, 4e-3)),
            ("nadam_decay", 0.02, nadam(0.8, 0.99, 1e-8, 0.1, 0.1)),
            ("textbook_momentum", 0.02, textbook_momentum),
            ("textbook_nesterov", 0.02, textbook_nesterov),
            ("textbook_adagrad", 0.1, textbook_adagrad),
            ("textbook_rmsprop", 0.01, textbook_rmsprop),
            ("textbook_adam", 0.01, textbook_adam),
            ("lion", 0.02, lion(0.9, 0.99)),
            ("lion_decay", 0.02, decayed(lion(0.8, 0.95), 0.3)),
            ("muon", 0.02, muon(0.02)),
            ("muon_decay", 0.02, muon(0.02, 0.3, 0.02))):
        numpy_case(out, name, update, base)
        numpy_case(out, name + "_sparse", update, base, sparse=True)
    adam = lambda w, lr: o.Adam(w, lr)
    momentum = lambda w, lr: o.SGD(w, lr, momentum=0.9)
    torch_case(out, "clip_norm_sparse", momentum, 0.02, sparse=True, clip=clip_norm(1.5))
    torch_case(out, "clip_value_sparse", momentum, 0.02, sparse=True, clip=clip_value(0.4))
    torch_case(out, "ema", adam, 0.02, ema=0.8)
    torch_case(out, "groups_sparse", lambda w, lr: o.AdamW([{"params": w[:1], "weight_decay": 0.2},
                                                           {"params": w[1:], "lr": lr * 0.5, "weight_decay": 0}], lr),
               0.02, sparse=True)
    save("optim_more.safetensors", out)


main()
