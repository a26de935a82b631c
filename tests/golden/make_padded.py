#!/usr/bin/env python3
"""Makes padded.safetensors: PyTorch's numbers for batches of sequences of different lengths.

Needs PyTorch (made with 1.13, Debian 12's python3-torch) and NumPy; all in float64. Run it in this folder:
./make_padded.py
"""
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from golden_file import save
from make_sequences import feed_gradients, store_gradients, store_module

torch.set_default_dtype(torch.float64)


def leaf(*shape):
    return torch.randn(shape, requires_grad=True)


# The module's weights are stored, and drawn, before.
def store(out, name, module, inputs, results):
    feed_gradients(out, name, results)
    store_gradients(out, name, module, inputs)


def recurrent(out):
    torch.manual_seed(1)
    more = dict(num_layers=2, bidirectional=True, batch_first=True)
    for name, module, with_state in (
            ("rnn", nn.RNN(3, 4, batch_first=True), False),
            ("rnn_both", nn.RNN(3, 2, nonlinearity="relu", **more), True),
            ("lstm", nn.LSTM(3, 4, batch_first=True), True),
            ("lstm_both", nn.LSTM(3, 2, **more), True),
            ("gru", nn.GRU(3, 4, batch_first=True), True),
            ("gru_both", nn.GRU(3, 2, **more), False)):
        lengths = torch.tensor([2, 5, 1, 4])
        out[f"{name}.lengths"] = lengths
        lstm = isinstance(module, nn.LSTM)
        store_module(out, name, module)
        inputs = {"x": leaf(4, 5, 3)}
        states = module.num_layers * (2 if module.bidirectional else 1)
        if with_state:
            for key in ("h0", "c0") if lstm else ("h0",):
                inputs[key] = leaf(states, 4, module.hidden_size)
        given = tuple(inputs[key] for key in ("h0", "c0") if key in inputs)
        packed = pack_padded_sequence(inputs["x"], lengths, batch_first=True, enforce_sorted=False)
        y, last = module(packed, (given if lstm else given[0]) if given else None)
        results = {"y": pad_packed_sequence(y, batch_first=True)[0], "h": last[0] if lstm else last}
        if lstm:
            results["c"] = last[1]
        store(out, name, module, inputs, results)


# PyTorch's masks say where padding is, valid_keys says where it is not.
def attention(out):
    torch.manual_seed(2)
    padded = torch.tensor([[False, False, True, True, False], [False, True, False, False, False]])
    out["attention.valid"] = (~padded).long()
    module = nn.MultiheadAttention(4, 2, batch_first=True)
    store_module(out, "attention", module)
    inputs = {"q": leaf(2, 3, 4), "k": leaf(2, 5, 4), "v": leaf(2, 5, 4)}
    mask = torch.randn(3, 5)
    mask[:, 0] = -torch.inf
    out["attention.mask"] = mask
    y, weights = module(*inputs.values(), key_padding_mask=padded, attn_mask=mask, average_attn_weights=False)
    store(out, "attention", module, inputs, {"y": y, "weights": weights})


def transformer(out):
    torch.manual_seed(3)
    padded = torch.arange(4) >= torch.tensor([[4], [2], [3]])
    for name, first in (("encoder_layer", False), ("encoder_layer_first", True), ("encoder", True)):
        module = nn.TransformerEncoderLayer(4, 2, dim_feedforward=6, dropout=0, activation="gelu" if first else "relu",
                                            batch_first=True, norm_first=first)
        if name == "encoder":
            module = nn.TransformerEncoder(module, 2, norm=nn.LayerNorm(4))
        out[f"{name}.valid"] = (~padded).long()
        store_module(out, name, module)
        inputs = {"x": leaf(3, 4, 4)}
        store(out, name, module, inputs, {"y": module(inputs["x"], src_key_padding_mask=padded)})


def main():
    golden = {}
    recurrent(golden)
    attention(golden)
    transformer(golden)
    save("padded.safetensors", golden)


main()
