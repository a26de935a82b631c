#!/usr/bin/env python3
"""Makes numpy.safetensors and numpy_text.txt: what NumPy computes and prints, that the tests compare with.

Needs NumPy (made with 1.24, Debian 12's python3-numpy). Run it in this folder: ./make_numpy.py
"""
import numpy as np

from golden_file import save


def indexed(out, x):
    """Tensor::index() in tests/ops/numpy_test.cpp, case by case."""
    for name, value in (
            ("range", x[1:3]),
            ("position", x[1]),
            ("negative_position", x[..., -2]),
            ("mixed", x[0:2, 1, -3:]),
            ("steps", x[::2, 1::2, ::3]),
            ("negative_ends", x[:-1, -3:-1, 1:-1]),
            ("beyond", x[5:9, :100]),
            ("ellipsis", x[..., 0]),
            ("ellipsis_of_nothing", x[1, ..., 2, 3]),
            ("new_axes", x[np.newaxis, :, 2, np.newaxis, ..., np.newaxis]),
            ("number", x[2, 3, 4]),
            ("all", x[:])):
        out["index." + name] = np.asarray(value)


def reduced(out, x):
    for name, value in (
            ("cumsum", np.cumsum(x, axis=1)),
            ("cumsum_first", np.cumsum(x, axis=0)),
            ("var", np.var(x)),
            ("var_axes", np.var(x, axis=(0, 2))),
            ("var_unbiased", np.var(x, axis=-1, ddof=1, keepdims=True)),
            ("std", np.std(x, axis=1)),
            ("sort", np.sort(x, axis=1)),
            ("sort_falling", -np.sort(-x, axis=-1)),
            ("argsort", np.argsort(x, axis=0, kind="stable")),
            ("min", np.min(x, axis=(0, 1))),
            ("argmax", np.argmax(x, axis=1)),
            ("clip", np.clip(x, -0.5, 0.75)),
            ("any", np.any(x > 2, axis=0).astype(np.int64)),
            ("all", np.all(x < 1.5, axis=2).astype(np.int64))):
        out["reduce." + name] = np.asarray(value)


def products(out, rng):
    arrays = {"s": rng.normal(size=()), "v": rng.normal(size=4), "w": rng.normal(size=4),
              "m": rng.normal(size=(3, 4)), "n": rng.normal(size=(4, 2)), "t": rng.normal(size=(2, 3, 4)),
              "u": rng.normal(size=(5, 4, 3))}
    for name, value in arrays.items():
        out["product." + name] = np.asarray(value)
    for a, b in ("ss", "sm", "vs", "vw", "mv", "vn", "mn", "tv", "tn", "vu", "mu", "tu"):
        out[f"dot.{a}{b}"] = np.asarray(np.dot(arrays[a], arrays[b]))
    t, u, m, v = arrays["t"], arrays["u"], arrays["m"], arrays["v"]
    out["tensordot.two"] = np.tensordot(t, m)
    out["tensordot.none"] = np.tensordot(m, v, axes=0)
    out["tensordot.lists"] = np.tensordot(t, u, axes=([1, 2], [2, 1]))
    out["tensordot.negative"] = np.tensordot(t, u, axes=([-1], [-2]))
    out["outer"] = np.outer(m, v)


def arranged(out, x):
    for name, value in (
            ("flip", np.flip(x)),
            ("flip_axes", np.flip(x, axis=(0, 2))),
            ("pad", np.pad(x, ((1, 2), (0, 0), (0, 3)), constant_values=-1)),
            ("pad_all", np.pad(x, 1)),
            ("tile", np.tile(x, (2, 1, 3))),
            ("tile_new_axes", np.tile(x, (2, 1, 1, 2))),
            ("tile_short", np.tile(x, 2)),
            ("repeat", np.repeat(x, 3, axis=1))):
        out["arrange." + name] = value
    for i, part in enumerate(np.split(x, 2, axis=1)):
        out[f"arrange.split{i}"] = part


def made(out):
    out["linspace"] = np.linspace(-1, 2, 7)
    out["linspace_one"] = np.linspace(3, 5, 1)
    out["linspace_usual"] = np.linspace(0, 1)
    out["eye"] = np.eye(3)
    out["eye_wide"] = np.eye(2, 4)


def printed(out, rng):
    """Arrays under their type and a name, and their texts."""
    f4, f8, nan, inf = np.float32, np.float64, np.nan, np.inf
    cases = {
        "number": f4(2.5),
        "whole_number": f4(3),
        "small_number": f8(1.5e-7),
        "vector": np.array([1, 2.5, -3], f4),
        "tenths": np.arange(8, dtype=f4) / f4(10),
        "tenths_f64": np.arange(8) / 10,
        "thirds": np.arange(1, 9, dtype=f4) / f4(3),
        "thirds_f64": np.arange(1, 9) / 3,
        "halves_f16": (np.arange(-3, 3) / 3).astype(np.float16),
        "whole": np.arange(12, dtype=f4).reshape(3, 4),
        "far_apart": np.array([1e-3, 1, 1e3, -12345.678], f4),
        "huge": np.array([1e8, 2.5e9, -1], f8),
        "exponents": np.array([1e100, 1e-5, 0, 3.25], f8),
        "tiny": np.array([1e-5, 2.5e-6], f4),
        "eight_digits": np.array([99999992, 12345678, 1], f4),
        "many_digits": np.array([3.141592653589793, 0.1 + 0.2, 100.000000001], f8),
        "zeros": np.zeros((2, 2, 1), f4),
        "minus_zero": np.array([-0.0, 0.0, 1.0], f4),
        "infinities": np.array([nan, inf, -inf, 1.5], f4),
        "nan_and_whole": np.array([nan, 1], f4),
        "infinity_and_exponents": np.array([inf, 1e10, -2.5e-3], f8),
        "only_nan": np.array([nan, nan], f4),
        "only_minus_infinity": np.array([-inf], f4),
        "integers": np.array([1, -20, 3], np.int32),
        "big_integers": np.array([[2**53 + 1, 0], [-7, 12]], np.int64),
        "bytes": np.arange(6, dtype=np.uint8).reshape(2, 3),
        "bools": np.array([True, False]),
        "all_true": np.array([[True, True], [True, True]]),
        "bool": np.array(True),
        "matrix": rng.normal(size=(4, 5)).astype(f4),
        "cube": rng.normal(size=(2, 3, 2)),
        "four_axes": rng.normal(size=(2, 1, 2, 3)).astype(f4),
        "five_axes": np.arange(32, dtype=np.int64).reshape(2, 2, 2, 2, 2),
        "wrapped": np.arange(40, dtype=np.int64),
        "wrapped_rows": rng.normal(size=(2, 14)).astype(f4),
        "wrapped_to_the_edge": np.arange(100, 126, dtype=np.int64),
        "long": np.arange(1001, dtype=np.int64),
        "thousand": np.arange(1000, dtype=np.int64),
        "large_matrix": (np.arange(100 * 100, dtype=f4) / f4(8)).reshape(100, 100),
        "long_and_thin": np.arange(2004, dtype=np.int64).reshape(334, 6),
        "large_cube": np.arange(12 * 11 * 10, dtype=f4).reshape(12, 11, 10),
        "edges_only": np.where(np.arange(1200) == 600, 1e9, np.arange(1200) % 7),
    }
    types = {"float16": "f16", "float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64", "uint8": "u8",
             "bool": "bool"}
    texts = []
    for name, value in cases.items():
        value = np.asarray(value)
        whole = value.dtype.kind in "iub"
        out[f"text.{types[value.dtype.name]}.{name}"] = value.astype(np.int64 if whole else np.float64)
        texts.append(f"== {name}\n{np.array2string(value, separator=', ')}\n")
    return "".join(texts)


def main():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(3, 4, 5))
    out = {"x": x}
    indexed(out, x)
    reduced(out, x)
    products(out, rng)
    arranged(out, x)
    made(out)
    text = printed(out, rng)
    save("numpy.safetensors", {name: np.ascontiguousarray(value).reshape(value.shape) for name, value in out.items()})
    with open("numpy_text.txt", "w", encoding="utf-8") as file:
        file.write(text)


main()
