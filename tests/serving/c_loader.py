"""Runs one signature through TensorFlow's C++ SavedModel loader, as TensorFlow Serving does.

A program of its own: it talks to `libtensorflow_cc` through the C API and imports neither
TensorFlow's Python, nor Keras, nor sagan_tf. Its argument is a JSON file with `libraries` (paths),
`export` (directory), `inputs` (tensor name -> .npy file) and `outputs` (tensor name -> .npy file to
write). It prints nothing; it exits with 1 and TensorFlow's message if the request fails.
"""

import ctypes
import json
import sys

import numpy as np

_DTYPES = {np.dtype("float32"): 1, np.dtype("int32"): 3, np.dtype("uint8"): 4, np.dtype("int64"): 9}
_OPTIONS, _BATCH, _TAG = 0, None, b"serve"


class _Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


def _declare(library):
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    for name, result, arguments in (
        ("TF_NewStatus", pointer, []),
        ("TF_GetCode", ctypes.c_int, [pointer]),
        ("TF_Message", text, [pointer]),
        ("TF_NewGraph", pointer, []),
        ("TF_NewSessionOptions", pointer, []),
        (
            "TF_LoadSessionFromSavedModel",
            pointer,
            [pointer, pointer, text, pointer, ctypes.c_int, pointer, pointer, pointer],
        ),
        ("TF_GraphOperationByName", pointer, [pointer, text]),
        ("TF_AllocateTensor", pointer, [ctypes.c_int, pointer, ctypes.c_int, size]),
        ("TF_TensorData", pointer, [pointer]),
        ("TF_TensorType", ctypes.c_int, [pointer]),
        ("TF_NumDims", ctypes.c_int, [pointer]),
        ("TF_Dim", ctypes.c_int64, [pointer, ctypes.c_int]),
        ("TF_TensorByteSize", size, [pointer]),
        (
            "TF_SessionRun",
            None,
            [
                *(pointer, pointer, pointer, pointer, ctypes.c_int),
                *(pointer, pointer, ctypes.c_int, pointer, ctypes.c_int, pointer, pointer),
            ],
        ),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments


def _check(library, status):
    if library.TF_GetCode(status):
        sys.exit(f"code {library.TF_GetCode(status)}: {library.TF_Message(status).decode()}")


def _to_tensor(library, array):
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    tensor = library.TF_AllocateTensor(_DTYPES[array.dtype], shape, array.ndim, array.nbytes)
    ctypes.memmove(library.TF_TensorData(tensor), array.tobytes(), array.nbytes)
    return tensor


def _to_array(library, tensor):
    dtype = {code: dtype for dtype, code in _DTYPES.items()}[library.TF_TensorType(tensor)]
    shape = [library.TF_Dim(tensor, i) for i in range(library.TF_NumDims(tensor))]
    content = ctypes.string_at(library.TF_TensorData(tensor), library.TF_TensorByteSize(tensor))
    return np.frombuffer(content, dtype).reshape(shape)


def _outputs(library, graph, names):
    found = []
    for name in names:
        operation, _, index = name.partition(":")
        pointer = library.TF_GraphOperationByName(graph, operation.encode())
        assert pointer, f"the graph has no operation {operation}"
        found.append(_Output(pointer, int(index)))
    return (_Output * len(found))(*found)


def main(job):
    """Loads the export and runs the job's tensors."""
    for path in job["libraries"]:
        library = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
    _declare(library)
    status, graph = library.TF_NewStatus(), library.TF_NewGraph()
    session = library.TF_LoadSessionFromSavedModel(
        library.TF_NewSessionOptions(),
        None,
        job["export"].encode(),
        (ctypes.c_char_p * 1)(_TAG),
        1,
        graph,
        None,
        status,
    )
    _check(library, status)
    feeds = [_to_tensor(library, np.load(path)) for path in job["inputs"].values()]
    fetches = (ctypes.c_void_p * len(job["outputs"]))()
    library.TF_SessionRun(
        session,
        None,
        _outputs(library, graph, job["inputs"]),
        (ctypes.c_void_p * len(feeds))(*feeds),
        len(feeds),
        _outputs(library, graph, job["outputs"]),
        fetches,
        len(fetches),
        None,
        0,
        None,
        status,
    )
    _check(library, status)
    for tensor, path in zip(fetches, job["outputs"].values()):
        np.save(path, _to_array(library, tensor))


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        main(json.load(file))
    foreign = {"tensorflow", "keras", "sagan_tf"} & set(sys.modules)
    assert not foreign, foreign
