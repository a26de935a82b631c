#!/usr/bin/env python3
"""Makes loss_more.safetensors: values and gradients of losses, in float64.

Needs PyTorch (made with 1.13, Debian 12's python3-torch). Keras's formulas are written out after keras-team/keras,
keras/src/backend/torch/nn.py and keras/src/losses/losses.py, the textbook's after Saito, Deep Learning from Scratch,
chapter 4; their gradients are PyTorch's. Run it in this folder: ./make_loss_golden.py
"""
import torch
from torch.nn import functional as F

from golden_file import save

torch.set_default_dtype(torch.float64)
REDUCTIONS = ("mean", "sum", "none")


def case(out, name, x, target, loss, reductions=REDUCTIONS):
    """loss(x, target, reduction); of unreduced losses the gradient of sum(dy * loss) is kept."""
    out[f"{name}.x"], out[f"{name}.target"] = x, target
    for reduction in reductions:
        leaf = x.clone().requires_grad_()
        value = loss(leaf, target, reduction)
        dy = torch.ones_like(value) if value.ndim == 0 else torch.randn(value.shape)
        value.backward(dy)
        out[f"{name}.{reduction}"] = value
        out[f"{name}.{reduction}.dy"] = dy
        out[f"{name}.{reduction}.dx"] = leaf.grad


def reduced(losses, reduction):
    return {"mean": losses.mean, "sum": losses.sum, "none": lambda: losses}[reduction]()


def keras_crossentropy(p, t, reduction):
    p = p / p.sum(dim=1, keepdim=True)
    p = torch.clip(p, 1e-7, 1 - 1e-7)
    return reduced(-(t * torch.log(p)).sum(dim=1), reduction)


def textbook_crossentropy(p, t, reduction):
    return reduced(-(t * torch.log(p + 1e-7)).sum(dim=1), reduction)


def regression(out):
    x, target = 2 * torch.randn(4, 3), torch.randn(4, 3)
    case(out, "l1", x, target, lambda x, t, r: F.l1_loss(x, t, reduction=r))
    case(out, "huber", x, target, lambda x, t, r: F.huber_loss(x, t, reduction=r))
    case(out, "huber_delta", x, target, lambda x, t, r: F.huber_loss(x, t, reduction=r, delta=0.5))
    case(out, "smooth_l1", x, target, lambda x, t, r: F.smooth_l1_loss(x, t, reduction=r))
    case(out, "smooth_l1_beta", x, target, lambda x, t, r: F.smooth_l1_loss(x, t, reduction=r, beta=2.0))
    case(out, "smooth_l1_zero", x, target, lambda x, t, r: F.smooth_l1_loss(x, t, reduction=r, beta=0.0))
    case(out, "sum_of_squares", x, target, lambda x, t, r: 0.5 * ((x - t) ** 2).sum(), ("sum",))


def classes(out):
    logits, labels = 3 * torch.randn(4, 5), torch.tensor([0, 4, 2, 2])
    soft = torch.softmax(torch.randn(4, 5), dim=1)
    weight = torch.rand(5) + 0.5
    out["class_weight"] = weight
    for name, target in (("classes", labels), ("soft", soft)):
        case(out, f"ce_weight_{name}", logits, target,
             lambda x, t, r: F.cross_entropy(x, t, weight, reduction=r))
        case(out, f"ce_smooth_{name}", logits, target,
             lambda x, t, r: F.cross_entropy(x, t, reduction=r, label_smoothing=0.2))
        case(out, f"ce_both_{name}", logits, target,
             lambda x, t, r: F.cross_entropy(x, t, weight, reduction=r, label_smoothing=0.2))
    log_p = torch.log_softmax(logits, dim=1)
    case(out, "nll", log_p, labels, lambda x, t, r: F.nll_loss(x, t, reduction=r))
    case(out, "nll_weight", log_p, labels, lambda x, t, r: F.nll_loss(x, t, weight, reduction=r))
    target = soft.clone()
    target[1] = torch.tensor([0.0, 0.5, 0.0, 0.5, 0.0])
    for r in ("mean", "sum", "none", "batchmean"):
        case(out, "kl", log_p, target, lambda x, t, r: F.kl_div(x, t, reduction=r), (r,))
    case(out, "kl_log", log_p, soft.log(), lambda x, t, r: F.kl_div(x, t, reduction=r, log_target=True))
    p = torch.softmax(logits, dim=1)
    p[2] = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0])
    for name, t in (("onehot", F.one_hot(labels, 5).double()), ("soft", soft)):
        case(out, f"keras_ce_{name}", p, t, keras_crossentropy)
        case(out, f"textbook_ce_{name}", p, t, textbook_crossentropy)
    case(out, "multi_margin", logits, labels, lambda x, t, r: F.multi_margin_loss(x, t, reduction=r))
    case(out, "multi_margin_squared", logits, labels,
         lambda x, t, r: F.multi_margin_loss(x, t, p=2, margin=0.7, weight=weight, reduction=r))


def binary(out):
    logits = 3 * torch.randn(4, 3)
    target = torch.rand(4, 3)
    target[0] = torch.tensor([0.0, 1.0, 1.0])
    extreme = torch.tensor([[1000.0, -1000.0, 1000.0, -1000.0, 0.0]])
    yes = torch.tensor([[1.0, 0.0, 0.0, 1.0, 1.0]])
    weight = torch.tensor([0.5, 2.0, 3.0])
    out["pos_weight"] = weight
    logits_loss = lambda x, t, r: F.binary_cross_entropy_with_logits(x, t, reduction=r)
    case(out, "bce_logits", logits, target, logits_loss)
    case(out, "bce_logits_extreme", extreme, yes, logits_loss)
    case(out, "bce_logits_weight", logits, target,
         lambda x, t, r: F.binary_cross_entropy_with_logits(x, t, pos_weight=weight, reduction=r))
    p = torch.sigmoid(logits)
    p[1] = torch.tensor([0.0, 1.0, 1e-20])
    case(out, "bce", p, target, lambda x, t, r: F.binary_cross_entropy(x, t, reduction=r))
    signs = torch.tensor([[1.0, -1.0, 1.0], [-1.0, 1.0, 1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]])
    case(out, "hinge", logits, signs, lambda x, t, r: reduced(torch.relu(1 - t * x), r))
    case(out, "squared_hinge", logits, signs, lambda x, t, r: reduced(torch.relu(1 - t * x) ** 2, r))
    case(out, "hinge_embedding", logits.abs(), signs, lambda x, t, r: F.hinge_embedding_loss(x, t, reduction=r))
    case(out, "hinge_embedding_margin", logits.abs(), signs,
         lambda x, t, r: F.hinge_embedding_loss(x, t, margin=2.5, reduction=r))


def places(out):
    logits, labels = 3 * torch.randn(2, 5, 3, 2), torch.randint(0, 5, (2, 3, 2))
    soft = torch.softmax(torch.randn(2, 5, 3, 2), dim=1)
    weight = out["class_weight"]
    case(out, "ce_places_classes", logits, labels, lambda x, t, r: F.cross_entropy(x, t, reduction=r))
    case(out, "ce_places_soft", logits, soft,
         lambda x, t, r: F.cross_entropy(x, t, weight, reduction=r, label_smoothing=0.2))
    padded = labels.clone()
    padded[:, 2], padded[0, 0, 1] = -100, -100
    case(out, "ce_ignore_places", logits, padded,
         lambda x, t, r: F.cross_entropy(x, t, weight, reduction=r, label_smoothing=0.2))
    case(out, "ce_ignore", logits[0, :, :, 0].T.contiguous(), torch.tensor([3, 1, 4]),
         lambda x, t, r: F.cross_entropy(x, t, ignore_index=1, reduction=r))


def main():
    torch.manual_seed(4)
    out = {}
    regression(out)
    classes(out)
    binary(out)
    places(out)
    save("loss_more.safetensors", out)


main()
