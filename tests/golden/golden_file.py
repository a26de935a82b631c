"""What the scripts of this folder share: tensors and arrays in safetensors files."""
import json
import struct

import numpy as np

NAMES = {"float64": "F64", "int64": "I64"}


def save(path, tensors):
    """The safetensors format: length of the header (u64), header (JSON), bytes."""
    header, blobs, position = {}, [], 0
    for name, value in tensors.items():
        array = np.asarray(value.detach().numpy() if hasattr(value, "detach") else value)
        data = array.astype(array.dtype.newbyteorder("<")).tobytes()
        header[name] = {
            "dtype": NAMES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [position, position + len(data)],
        }
        blobs.append(data)
        position += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def load(path):
    """The arrays by name."""
    types = {short: np.dtype(name).newbyteorder("<") for name, short in NAMES.items()}
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(length)), file.read()
    header.pop("__metadata__", None)
    return {name: np.frombuffer(data[slice(*entry["data_offsets"])], types[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in header.items()}
