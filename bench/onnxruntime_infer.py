#!/usr/bin/env python3
"""W5 of train_bench (inference of the MNIST CNN, random weights) in ONNX Runtime: onnxruntime_infer.py BATCH THREADS
[SECONDS]. Prints a line of train_bench's form. Needs the packages onnx, onnxruntime and numpy.
"""
import resource
import sys
import time

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper


def make_model(batch):
    """conv 1-32, relu, conv 32-64, relu, max pool, fc 9216-128, relu, fc 128-10, log-softmax."""
    random = np.random.default_rng(1)
    shapes = {"w1": (32, 1, 3, 3), "b1": (32,), "w2": (64, 32, 3, 3), "b2": (64,), "w3": (128, 9216), "b3": (128,),
              "w4": (10, 128), "b4": (10,)}
    weights = [numpy_helper.from_array(random.normal(0, 0.05, shape).astype(np.float32), name)
               for name, shape in shapes.items()]
    node = helper.make_node
    nodes = [node("Conv", ["x", "w1", "b1"], ["c1"]), node("Relu", ["c1"], ["r1"]),
             node("Conv", ["r1", "w2", "b2"], ["c2"]), node("Relu", ["c2"], ["r2"]),
             node("MaxPool", ["r2"], ["p"], kernel_shape=[2, 2], strides=[2, 2]), node("Flatten", ["p"], ["f"]),
             node("Gemm", ["f", "w3", "b3"], ["g1"], transB=1), node("Relu", ["g1"], ["r3"]),
             node("Gemm", ["r3", "w4", "b4"], ["g2"], transB=1), node("LogSoftmax", ["g2"], ["y"], axis=1)]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "w5", [value("x", onnx.TensorProto.FLOAT, [batch, 1, 28, 28])],
                              [value("y", onnx.TensorProto.FLOAT, [batch, 10])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model.SerializeToString()


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    batch, threads = int(sys.argv[1]), int(sys.argv[2])
    seconds = float(sys.argv[3]) if len(sys.argv) == 4 else 2.0
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(make_model(batch), options, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(2).normal(size=(batch, 1, 28, 28)).astype(np.float32)
    # Bound once, so that a call copies nothing.
    binding = session.io_binding()
    binding.bind_cpu_input("x", x)
    binding.bind_output("y")
    times, warm_up = [], time.perf_counter()
    while time.perf_counter() - warm_up < 0.15 * seconds:
        session.run_with_iobinding(binding)
    start = time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        session.run_with_iobinding(binding)
        times.append(1e3 * (time.perf_counter() - begin))
    times.sort()
    median, p99 = times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"onnxruntime W5 {batch} {threads} {median:.4f} {1e3 * batch / median:.1f} min={times[0]:.4f} p99={p99:.4f} "
          f"n={len(times)} block=1 rss_mb={memory:.0f} version={onnxruntime.__version__}")


if __name__ == "__main__":
    main()
