#!/usr/bin/env python3
"""Makes layers.safetensors and optim.safetensors: PyTorch's numbers that the tests compare with.

Needs PyTorch (made with 1.13, Debian 12's python3-torch) and NumPy; all in float64. Keras's optimizers are
written out here in NumPy after update_step() in keras-team/keras, keras/src/optimizers: sgd.py, rmsprop.py,
adam.py and base_optimizer.py; check_keras.py compares them with Keras itself. Run it in this folder: ./make_golden.py
"""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from golden_file import save

torch.set_default_dtype(torch.float64)


# --- Layers: input, state before, output, gradient fed in, gradients, buffers after ---


def layer_case(out, name, module, shape, spread=1):
    x = (spread * torch.randn(shape)).requires_grad_()
    for parameter in module.parameters():
        parameter.data.uniform_(-1, 1)
    for key, value in module.state_dict().items():
        out[f"{name}.state.{key}"] = value.clone()
    y = module(x)
    dy = torch.randn(y.shape)
    y.backward(dy)
    out.update({f"{name}.x": x, f"{name}.y": y, f"{name}.dy": dy, f"{name}.dx": x.grad})
    for key, value in module.named_parameters():
        out[f"{name}.grad.{key}"] = value.grad
    for key, value in module.named_buffers():
        out[f"{name}.after.{key}"] = value.clone()
    module.eval()
    out[f"{name}.eval"] = module(x)


def layers():
    torch.manual_seed(1)
    out = {}
    case = lambda *arguments: layer_case(out, *arguments)
    case("linear", nn.Linear(5, 4), (3, 5))
    case("linear_no_bias", nn.Linear(5, 1, bias=False), (1, 5))
    case("linear_3d", nn.Linear(3, 2), (2, 4, 3))
    case("conv2d", nn.Conv2d(2, 3, 3, padding=1), (2, 2, 5, 4))
    case("conv2d_strided", nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2), (2, 4, 7, 5))
    case("conv2d_dilated", nn.Conv2d(1, 2, 2, dilation=(2, 3), bias=False), (1, 1, 5, 6))
    case("conv2d_depthwise", nn.Conv2d(3, 3, 3, padding=1, groups=3), (1, 3, 4, 4))
    case("conv2d_pointwise", nn.Conv2d(3, 2, 1), (2, 3, 1, 2))
    case("max_pool2d", nn.MaxPool2d(2), (2, 2, 5, 4))
    case("max_pool2d_padded", nn.MaxPool2d(3, stride=2, padding=1), (1, 2, 6, 5))
    case("avg_pool2d", nn.AvgPool2d((2, 3)), (2, 1, 5, 7))
    case("avg_pool2d_padded", nn.AvgPool2d(3, stride=2, padding=1), (1, 2, 5, 6))
    case("avg_pool2d_uncounted", nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), (1, 2, 5, 6))
    case("global_avg_pool2d", nn.AdaptiveAvgPool2d(1), (2, 3, 3, 4))
    case("batch_norm1d", nn.BatchNorm1d(3), (4, 3))
    case("batch_norm1d_length", nn.BatchNorm1d(2, eps=1e-3, momentum=0.4), (2, 2, 5))
    case("batch_norm2d", nn.BatchNorm2d(3), (2, 3, 3, 2))
    case("batch_norm2d_plain", nn.BatchNorm2d(2, affine=False), (3, 2, 2, 2))
    case("relu", nn.ReLU(), (3, 4))
    case("sigmoid", nn.Sigmoid(), (3, 4))
    case("tanh", nn.Tanh(), (3, 4))
    case("softmax", nn.Softmax(dim=-1), (3, 4))
    case("softmax_channels", nn.Softmax(dim=1), (2, 3, 2, 2))
    case("flatten", nn.Flatten(), (2, 3, 2, 2))
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 2),
        nn.Tanh(), nn.Flatten(), nn.Linear(16, 5), nn.Sigmoid(), nn.Linear(5, 3))
    case("network", network, (3, 1, 7, 6))
    return out


def losses(out):
    torch.manual_seed(2)
    logits = 3 * torch.randn(4, 5)
    classes = torch.tensor([0, 4, 2, 2])
    soft = torch.softmax(torch.randn(4, 5), dim=1)
    values, target = torch.randn(3, 2), torch.randn(3, 2)
    weight = torch.randn(4)  # the gradient fed into unreduced losses
    out.update({"loss.logits": logits, "loss.classes": classes, "loss.soft": soft, "loss.values": values,
                "loss.target": target, "loss.weight": weight})
    for reduction in ("mean", "sum", "none"):
        for name, x, t, f in (("classes", logits, classes, F.cross_entropy),
                              ("soft", logits, soft, F.cross_entropy),
                              ("mse", values, target, F.mse_loss)):
            x = x.clone().requires_grad_()
            loss = f(x, t, reduction=reduction)
            dy = torch.ones_like(loss) if name == "mse" or loss.ndim == 0 else weight
            loss.backward(dy)
            out[f"loss.{name}.{reduction}"] = loss
            out[f"loss.{name}.{reduction}.dx"] = x.grad


# --- Optimizers: 50 steps on sum(curvature * (w - goal)^2) with a changing rate; weights after some steps ---

STEPS = 50
KEPT = (1, 2, 10, 50)
SHAPES = ((3, 4), (5,), (2, 1, 3))


def rate(base, step):
    return base * (1 + 0.5 * np.sin(step))  # step counts from 0


def torch_case(out, name, make, base, problem, sparse=False):
    starts, curvatures, goals = problem
    weights = [torch.tensor(w).requires_grad_() for w in starts]
    optimizer = make(weights, base)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = rate(base, step)
        optimizer.zero_grad(set_to_none=True)
        for i, (w, c, goal) in enumerate(zip(weights, curvatures, goals)):
            if not (sparse and i == 1 and step % 3 == 0):  # then this parameter has no gradient
                (torch.tensor(c) * (w - torch.tensor(goal)) ** 2).sum().backward()
        optimizer.step()
        if step + 1 in KEPT:
            for i, w in enumerate(weights):
                out[f"{name}.{step + 1}.{i}"] = w.detach().clone()


def keras_case(out, name, update, base, problem):
    starts, curvatures, goals = problem
    weights = [np.array(w) for w in starts]
    states = [{} for _ in weights]
    for step in range(STEPS):
        for i, (w, c, goal) in enumerate(zip(weights, curvatures, goals)):
            weights[i] = update(w, 2 * c * (w - goal), states[i], rate(base, step), step + 1)
        if step + 1 in KEPT:
            for i, w in enumerate(weights):
                out[f"{name}.{step + 1}.{i}"] = w.copy()


def keras_sgd(momentum, nesterov):
    def update(w, g, state, lr, _):
        state["m"] = state.get("m", 0) * momentum - g * lr
        return w + (state["m"] * momentum - g * lr if nesterov else state["m"])
    return update


def keras_rmsprop(momentum, rho=0.9, eps=1e-7):
    def update(w, g, state, lr, _):
        state["v"] = rho * state.get("v", 0) + (1 - rho) * g**2
        increment = lr * g / np.sqrt(state["v"] + eps)
        state["m"] = momentum * state.get("m", 0) + increment
        return w - state["m"]
    return update


def keras_adam(decay, beta1=0.9, beta2=0.999, eps=1e-7):
    def update(w, g, state, lr, step):
        w = w - w * decay * lr  # base_optimizer.py, _apply_weight_decay(): before the step
        m, v = state.get("m", 0), state.get("v", 0)
        alpha = lr * np.sqrt(1 - beta2**step) / (1 - beta1**step)
        state["m"] = m + (g - m) * (1 - beta1)
        state["v"] = v + (g**2 - v) * (1 - beta2)
        return w - state["m"] * alpha / (np.sqrt(state["v"]) + eps)
    return update


def optimizers():
    rng = np.random.default_rng(3)
    problem = tuple([low + (high - low) * rng.random(shape) for shape in SHAPES]
                    for low, high in ((-1, 1), (0.1, 2), (-2, 2)))
    out = {}
    for name, tensors in zip(("start", "curvature", "goal"), problem):
        for i, value in enumerate(tensors):
            out[f"{name}.{i}"] = value
    o = torch.optim
    for name, base, make in (
            ("sgd", 0.05, lambda w, lr: o.SGD(w, lr)),
            ("sgd_momentum", 0.02, lambda w, lr: o.SGD(w, lr, momentum=0.9)),
            ("sgd_dampening", 0.02, lambda w, lr: o.SGD(w, lr, momentum=0.8, dampening=0.3)),
            ("sgd_nesterov", 0.02, lambda w, lr: o.SGD(w, lr, momentum=0.9, nesterov=True, weight_decay=0.1)),
            ("sgd_decay", 0.05, lambda w, lr: o.SGD(w, lr, weight_decay=0.2)),
            ("rmsprop", 0.01, lambda w, lr: o.RMSprop(w, lr)),
            ("rmsprop_momentum", 0.01,
             lambda w, lr: o.RMSprop(w, lr, alpha=0.9, momentum=0.5, weight_decay=0.1)),
            ("adam", 0.01, lambda w, lr: o.Adam(w, lr)),
            ("adam_decay", 0.02, lambda w, lr: o.Adam(w, lr, betas=(0.8, 0.99), weight_decay=0.1)),
            ("adamw", 0.02, lambda w, lr: o.AdamW(w, lr, weight_decay=0.1))):
        torch_case(out, name, make, base, problem)
        torch_case(out, name + "_sparse", make, base, problem, sparse=True)
    for name, base, update in (
            ("keras_sgd", 0.05, keras_sgd(0, False)),
            ("keras_momentum", 0.02, keras_sgd(0.9, False)),
            ("keras_nesterov", 0.02, keras_sgd(0.9, True)),
            ("keras_rmsprop", 0.001, keras_rmsprop(0)),
            ("keras_rmsprop_momentum", 0.01, keras_rmsprop(0.5)),
            ("keras_adam", 0.01, keras_adam(0)),
            ("keras_adamw", 0.02, keras_adam(0.1))):
        keras_case(out, name, update, base, problem)
    return out


def main():
    golden = layers()
    losses(golden)
    save("layers.safetensors", golden)
    save("optim.safetensors", optimizers())


if __name__ == "__main__":
    main()
