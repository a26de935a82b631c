#!/usr/bin/env python3
"""Makes sequences.safetensors: PyTorch's numbers for layers on sequences.

Needs PyTorch (made with 1.13, Debian 12's python3-torch) and NumPy; all in float64. Run it in this folder:
./make_sequences.py
"""
import torch
from torch import nn

from golden_file import save

torch.set_default_dtype(torch.float64)


def store_module(out, name, module):
    for parameter in module.parameters():
        parameter.data.uniform_(-0.8, 0.8)
    for key, value in module.state_dict().items():
        out[f"{name}.state.{key}"] = value.clone()


def store_gradients(out, name, module, inputs):
    for key, value in inputs.items():
        out[f"{name}.{key}"] = value
        if value.grad is not None:
            out[f"{name}.d{key}"] = value.grad
    for key, value in module.named_parameters():
        out[f"{name}.grad.{key}"] = value.grad


# Into every result, gradient.y, gradient.h, ...; then all gradients are there.
def feed_gradients(out, name, results):
    total = 0
    for key, value in results.items():
        gradient = torch.randn(value.shape)
        out[f"{name}.{key}"] = value
        out[f"{name}.gradient.{key}"] = gradient
        total = total + (value * gradient).sum()
    total.backward()


def recurrent_case(out, name, module, samples=3, times=4, with_state=True):
    store_module(out, name, module)
    states = module.num_layers * (2 if module.bidirectional else 1)
    leaf = lambda *shape: torch.randn(shape, requires_grad=True)
    inputs = {"x": leaf(samples, times, module.input_size)}
    lstm = isinstance(module, nn.LSTM)
    if with_state:
        for key in ("h0", "c0") if lstm else ("h0",):
            inputs[key] = leaf(states, samples, module.hidden_size)
    given = tuple(inputs[key] for key in ("h0", "c0") if key in inputs)
    y, last = module(inputs["x"], (given if lstm else given[0]) if given else None)
    results = {"y": y, "h": last[0] if lstm else last}
    if lstm:
        results["c"] = last[1]
    feed_gradients(out, name, results)
    store_gradients(out, name, module, inputs)


def recurrent():
    torch.manual_seed(1)
    out = {}
    case = lambda *arguments, **options: recurrent_case(out, *arguments, **options)
    more = dict(num_layers=2, bidirectional=True, batch_first=True)
    case("rnn", nn.RNN(3, 4, batch_first=True))
    case("rnn_relu", nn.RNN(2, 3, nonlinearity="relu", batch_first=True), with_state=False)
    case("rnn_deep", nn.RNN(3, 2, **more))
    case("lstm", nn.LSTM(3, 4, batch_first=True), with_state=False)
    case("lstm_no_bias", nn.LSTM(2, 3, bias=False, batch_first=True), samples=1, times=5)
    case("lstm_deep", nn.LSTM(3, 2, **more))
    case("gru", nn.GRU(3, 4, batch_first=True), with_state=False)
    case("gru_no_bias", nn.GRU(2, 3, bias=False, batch_first=True), samples=2, times=1)
    case("gru_deep", nn.GRU(3, 2, **more))
    return out


def embedding(out):
    torch.manual_seed(2)
    module = nn.Embedding(5, 3, padding_idx=2)
    store_module(out, "embedding", module)
    x = torch.tensor([[0, 2, 4, 0], [1, 1, 2, 0]])
    y = module(x)
    dy = torch.randn(y.shape)
    y.backward(dy)
    out.update({"embedding.x": x, "embedding.y": y, "embedding.dy": dy, "embedding.grad": module.weight.grad})


# The mask is of numbers, with a fully masked key. PyTorch's bool masks say the opposite of ours.
def attention(out):
    torch.manual_seed(3)
    leaf = lambda *shape: torch.randn(shape, requires_grad=True)
    for name, inputs, mask, bias in (
            ("attention_self", {"x": leaf(2, 3, 4)}, torch.triu(torch.full((3, 3), -torch.inf), 1), True),
            ("attention", {"q": leaf(2, 3, 4), "k": leaf(2, 5, 4), "v": leaf(2, 5, 4)}, torch.randn(3, 5), False)):
        module = nn.MultiheadAttention(4, 2, bias=bias, batch_first=True)
        store_module(out, name, module)
        values = list(inputs.values())
        q, k, v = values * 3 if len(values) == 1 else values
        if len(values) == 3:
            mask[:, 1] = -torch.inf
            out[f"{name}.mask"] = mask
        y, weights = module(q, k, v, attn_mask=mask, average_attn_weights=False)
        dy = torch.randn(y.shape)
        y.backward(dy)
        out.update({f"{name}.y": y, f"{name}.weights": weights, f"{name}.dy": dy})
        store_gradients(out, name, module, inputs)


def transformer(out):
    torch.manual_seed(4)
    for name, activation, norm_first in (("transformer", "relu", False), ("transformer_norm_first", "gelu", True)):
        module = nn.TransformerEncoderLayer(4, 2, dim_feedforward=6, dropout=0, activation=activation,
                                            batch_first=True, norm_first=norm_first)
        store_module(out, name, module)
        x = torch.randn(2, 3, 4, requires_grad=True)
        y = module(x)
        dy = torch.randn(y.shape)
        y.backward(dy)
        out.update({f"{name}.y": y, f"{name}.dy": dy})
        store_gradients(out, name, module, {"x": x})


def main():
    golden = recurrent()
    embedding(golden)
    attention(golden)
    transformer(golden)
    save("sequences.safetensors", golden)


if __name__ == "__main__":
    main()
