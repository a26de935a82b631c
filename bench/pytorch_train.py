#!/usr/bin/env python3
"""The steps of train_bench in PyTorch, timed in the same way: pytorch_train.py WORKLOAD BATCH [OPTION]...

Prints a line of train_bench's form for each mode:
  eager          as one writes it, with fused or multi-tensor optimizers, cuDNN choosing its algorithms by timing
  channels_last  the same with images in NHWC order; left out where there are none
  graph          the whole step captured as a CUDA graph and replayed on a batch copied to where it reads, as train_bench
  graph_channels_last   both
  compile        torch.compile (mode max-autotune-no-cudagraphs) of network and loss
All in true f32, as dlengine computes; with --tf32 matrix products and convolutions may round to TF32.
"""
import argparse
import inspect
import os
import resource
import sys
import time

import torch
from torch import nn
import torch.nn.functional as F

BATCHES = 4  # drawn once and used in turn
BLOCK_MS = 20  # on a GPU a sample is the mean of a block of steps of about this length
UPDATED = 25_000_000  # parameters of W6


def mlp(inputs, hidden):
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 10))


def mnist_cnn():
    return nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Dropout(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5),
                         nn.Linear(128, 10))


def lenet():
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                         nn.Linear(84, 10))


def conv_bn_stack():
    layers, channels = [], 3
    for wider in (64, 128, 256):
        for _ in range(2):
            layers += [nn.Conv2d(channels, wider, 3, padding=1, bias=False), nn.BatchNorm2d(wider), nn.ReLU()]
            channels = wider
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4096, 10))


NETWORKS = {
    "W0": (lambda: mlp(16, 16), (16,)),
    "W1": (lambda: mlp(784, 512), (784,)),
    "W2": (mnist_cnn, (1, 28, 28)),
    "W3": (lenet, (1, 28, 28)),
    "W4": (conv_bn_stack, (3, 32, 32)),
    "W5": (mnist_cnn, (1, 28, 28)),
}
IMAGES = [name for name, (_, shape) in NETWORKS.items() if len(shape) == 3]


def make_optimizer(workload, parameters, device, captured):
    """The optimizer of the workload in its fastest form that this PyTorch has."""
    kind, options = {
        "W0": (torch.optim.RMSprop, {"lr": 1e-3, "alpha": 0.9, "eps": 1e-7}),
        "W1": (torch.optim.RMSprop, {"lr": 1e-3, "alpha": 0.9, "eps": 1e-7}),
        "W2": (torch.optim.Adam, {"lr": 1e-3}),
        "W6": (torch.optim.Adam, {"lr": 1e-3}),
    }.get(workload, (torch.optim.SGD, {"lr": 0.01, "momentum": 0.9}))
    known = inspect.signature(kind).parameters
    if device.type == "cuda" and "fused" in known:
        options["fused"] = True
    if captured and "capturable" in known:
        options["capturable"] = True
    return kind(parameters, **options)


class Workload:
    """One step of training, of inference (W5) or of updating alone (W6), on data that lie on the device."""

    def __init__(self, name, batch, device, mode):
        self.loss = None  # of the latest step
        captured = mode.startswith("graph")
        if name == "W6":
            parameter = torch.randn(UPDATED, device=device).requires_grad_()
            parameter.grad = torch.randn_like(parameter)
            optimizer = make_optimizer(name, [parameter], device, captured)
            self.batches, self.step = [()], optimizer.step
            return
        make_network, shape = NETWORKS[name]
        layout = torch.channels_last if mode.endswith("channels_last") else torch.contiguous_format
        network = make_network().to(device).to(memory_format=layout)
        self.batches = [(torch.randn(batch, *shape, device=device).to(memory_format=layout),
                         torch.randint(0, 10, (batch,), device=device)) for _ in range(BATCHES)]
        if name == "W5":
            network.eval()
            self.batches = [self.batches[0][:1]]
            self.step = torch.inference_mode()(self.compiled(lambda x: F.log_softmax(network(x), 1), mode))
            return
        optimizer = make_optimizer(name, network.parameters(), device, captured)
        loss_of = self.compiled(lambda x, y: F.cross_entropy(network(x), y), mode)

        def train(x, y):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(x, y)
            loss.backward()
            optimizer.step()
            self.loss = loss.detach()

        self.step = train

    def batch(self, i):
        return self.batches[i % len(self.batches)]

    def run(self, i):
        self.step(*self.batch(i))

    @staticmethod
    def compiled(function, mode):
        return torch.compile(function, mode="max-autotune-no-cudagraphs") if mode == "compile" else function


def as_graph(workload):
    """The step as a graph on inputs of its own, into which each batch is copied."""
    inputs = [tensor.clone() for tensor in workload.batch(0)]
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(2 * BATCHES):
            workload.step(*inputs)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        workload.step(*inputs)

    def replay(i):
        for to, tensor in zip(inputs, workload.batch(i)):
            to.copy_(tensor)
        graph.replay()

    return replay


def time_steps(step, seconds, device):
    """Sorted times of a step in milliseconds, and how many steps each is the mean of; as in bench/timing.cpp."""
    count = 0

    def time_block(steps):
        nonlocal count
        start = time.perf_counter()
        for _ in range(steps):
            step(count)
            count += 1
        if device.type == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - start) * 1e3 / steps

    warm_up = time.perf_counter()
    while count < 3 or (time.perf_counter() - warm_up < 0.15 * seconds and count < 50):
        time_block(1)
    block = max(1, int(BLOCK_MS / time_block(10))) if device.type == "cuda" else 1
    times, start = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < seconds:
        times.append(time_block(block))
    return sorted(times), block


def measure(name, batch, mode, seconds, device):
    torch.manual_seed(1)
    workload = Workload(name, batch, device, mode)
    step = as_graph(workload) if mode.startswith("graph") else workload.run
    step(0)
    first = None if workload.loss is None else float(workload.loss)
    times, block = time_steps(step, seconds, device)
    median, p99 = times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]
    loss = "" if first is None else f"loss={first:.3f}->{float(workload.loss):.3f} "
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    items = UPDATED if name == "W6" else batch
    print(f"pytorch_{mode} {name} {items} {torch.get_num_threads()} {median:.4f} {1e3 * items / median:.1f} "
          f"min={times[0]:.4f} p99={p99:.4f} n={len(times)} block={block} rss_mb={memory:.0f} {loss}device={device}",
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workload", choices=[*NETWORKS, "W6"])
    parser.add_argument("batch", type=int)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--modes", default="eager", help="separated by commas")
    parser.add_argument("--seconds", type=float, default=2.0, help="of timing for each mode")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of the CPU")
    parser.add_argument("--tf32", action="store_true")
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit(f"pytorch_train.py: PyTorch {torch.__version__} sees no GPU")
    torch.set_num_threads(options.threads)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = options.tf32
    modes = options.modes.split(",")
    if options.workload not in IMAGES:
        modes = [mode for mode in modes if not mode.endswith("channels_last")]
    failed = False
    for mode in modes:
        try:
            measure(options.workload, options.batch, mode, options.seconds, device)
        except Exception as error:  # the other modes still count
            failed = True
            print(f"pytorch_{mode} {options.workload}: {type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(failed)


if __name__ == "__main__":
    main()
