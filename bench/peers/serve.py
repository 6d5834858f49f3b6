"""Inference server of the Open Inference Protocol v2 with FastAPI, uvicorn and ONNX Runtime: arguments `MODEL THREADS`.

Says {"port": N}; ends with its standard input.
"""

import json
import os
import socket
import sys
import threading

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import JSONResponse
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(sys.argv[2])
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
TYPES = {"FP32": np.float32, "INT64": np.int64}


class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Request(BaseModel):
    id: str | None = None
    inputs: list[Tensor]


app = FastAPI()


# On the event loop: handing a call of some 50 µs to a thread costs more than it.
@app.post("/v2/models/{model}/infer")
async def infer(model: str, request: Request):
    try:
        feeds = {one.name: np.array(one.data, TYPES[one.datatype]).reshape(one.shape) for one in request.inputs}
        results = session.run(names, feeds)
    except Exception as error:
        raise HTTPException(400, str(error)) from error
    outputs = [
        {"name": name, "shape": list(result.shape), "datatype": "FP32", "data": result.ravel().tolist()}
        for name, result in zip(names, results)
    ]
    # A response of its own is not checked and encoded a second time.
    return JSONResponse({"model_name": model, "model_version": "1", "outputs": outputs})


def end_with_input():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()
listening = socket.create_server(("127.0.0.1", 0))
print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listening])
