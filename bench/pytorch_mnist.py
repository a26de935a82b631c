#!/usr/bin/env python3
"""The trainings of mnist_mlp and mnist_cnn in PyTorch: pytorch_mnist.py mlp|cnn [OPTION]...

Same networks, initial distributions, optimizer, rates, batches and epochs; prints the demos' result line. Images stay
in memory as bytes and a batch is one indexing, which is faster than a DataLoader. MNIST's four files are read from
--data, as mnist/*.gz below $DLENGINE_DATA_DIR.
"""
import argparse
import gzip
import os
import pathlib
import time

import torch
import torch.nn.functional as F
from torch import nn

from pytorch_train import mlp, mnist_cnn

RATES = {"mlp": 5e-3, "cnn": 4e-3}


def read_idx(path):
    data = gzip.decompress(path.read_bytes())
    sizes = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(data[3])]
    return torch.frombuffer(bytearray(data[4 + 4 * len(sizes):]), dtype=torch.uint8).reshape(sizes)


def load(folder, part, device):
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz").unsqueeze(1)
    return images.to(device), read_idx(folder / f"{part}-labels-idx1-ubyte.gz").long().to(device)


def pixels(images):
    return images.float() / 255


def one_cycle(step, total, first=0.1, peak=0.2):
    """Rises from `first` to 1 during the share `peak` of the steps, then falls to 0."""
    top = peak * total
    return first + (1 - first) * step / top if step < top else (total - step) / (total - top)


def make_network(name):
    network = nn.Sequential(nn.Flatten(), mlp(784, 512)) if name == "mlp" else mnist_cnn()
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return network


def train(network, images, labels, name, options):
    optimizer = torch.optim.Adam(network.parameters(), lr=RATES[name])
    batches = -(-len(images) // options.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: one_cycle(step, batches * options.epochs))
    network.train()
    for _ in range(options.epochs):
        for batch in torch.randperm(len(images), device=images.device).split(options.batch_size):
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(network(pixels(images[batch])), labels[batch]).backward()
            optimizer.step()
            schedule.step()


@torch.no_grad()
def accuracy(network, images, labels):
    network.eval()
    hits = sum((network(pixels(x)).argmax(1) == y).sum().item() for x, y in zip(images.split(256), labels.split(256)))
    return hits / len(images)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=RATES)
    parser.add_argument("--data", type=pathlib.Path, default=os.environ.get("DLENGINE_DATA_DIR", "."))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    device = torch.device(options.device)
    images, labels = load(options.data / "mnist", "train", device)
    test = load(options.data / "mnist", "t10k", device)
    network = make_network(options.network).to(device)
    start = time.perf_counter()
    train(network, images, labels, options.network, options)
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    print(f"result dataset=mnist model=pytorch_{options.network} epochs={options.epochs} "
          f"test_accuracy={accuracy(network, *test):.4f} train_seconds={seconds:.1f} "
          f"images_per_second={options.epochs * len(images) / seconds:.0f} seed={options.seed} "
          f"device={options.device} threads={options.threads}")


if __name__ == "__main__":
    main()
