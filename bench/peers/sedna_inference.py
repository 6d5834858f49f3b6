"""Big-model service as in the original: FastAPI, nested lists in JSON, one blocking handler; ONNX Runtime as its estimator.

Arguments `MODEL THREADS`. Says {"port": N}; ends with its standard input.
"""

import json
import os
import socket
import sys
import threading
from typing import List, Optional

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(sys.argv[2])
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
input_name = session.get_inputs()[0].name


class Item(BaseModel):
    data: List
    callback: Optional[str] = None


class Result(BaseModel):
    result: List


def predict(item: Item):
    (output, *_) = session.run(None, {input_name: np.array(item.data, dtype=np.float32)})
    return {"result": output.tolist()}


route = APIRoute("/sedna/predict", predict, response_model=Result, response_class=JSONResponse, methods=["POST"])
app = FastAPI(routes=[route])


def end_with_input():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()
listening = socket.create_server(("127.0.0.1", 0))
print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listening])
