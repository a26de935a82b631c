"""What the scripts of this folder share: writing tensors and arrays as a safetensors file."""
import json
import struct

import numpy as np
import torch


def save(path, tensors):
    """The safetensors format: length of the header (u64), header (JSON), bytes."""
    names = {"float64": "F64", "int64": "I64"}
    header, blobs, position = {}, [], 0
    for name, value in tensors.items():
        array = np.asarray(value.detach().numpy() if torch.is_tensor(value) else value)
        data = array.astype(array.dtype.newbyteorder("<")).tobytes()
        header[name] = {
            "dtype": names[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [position, position + len(data)],
        }
        blobs.append(data)
        position += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
