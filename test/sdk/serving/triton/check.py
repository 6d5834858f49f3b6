"""Asks a server with Triton's own clients: arguments `HTTP_PORT GRPC_PORT`. Prints one JSON object with what each client got."""

import json
import sys

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException, np_to_triton_dtype


def infer(api, client, model, array, **options):
    tensor = api.InferInput("x" if model != "net" else "input", list(array.shape), np_to_triton_dtype(array.dtype))
    tensor.set_data_from_numpy(array)
    return client.infer(model, [tensor], **options)


def battery(api, client):
    found = {}
    found["live"] = client.is_server_live()
    found["ready"] = client.is_server_ready()
    found["model ready"] = [client.is_model_ready("net"), client.is_model_ready("net", "1"), client.is_model_ready("resting")]
    as_json = {} if api is tritonclient.http else {"as_json": True}
    found["metadata"] = client.get_server_metadata(**as_json)
    found["model metadata"] = client.get_model_metadata("net", **as_json)
    config = client.get_model_config("net", **as_json)
    found["config"] = config.get("config", config)

    rows = (np.arange(3 * 16, dtype=np.float32) / 8 - 3).reshape(3, 16)
    result = infer(api, client, "net", rows, request_id="one")
    found["net"] = result.as_numpy("output").tobytes().hex()
    response = result.get_response(**as_json)
    found["id"] = response["id"]
    wanted = [api.InferRequestedOutput("output")]
    found["net, asked for"] = infer(api, client, "net", rows, outputs=wanted).as_numpy("output").tobytes().hex()

    echoes = {
        "bool": np.array([True, False]),
        "uint8": np.array([0, 255], np.uint8),
        "int16": np.array([-32768, 32767], np.int16),
        "int64": np.array([-(2**63), 2**63 - 1], np.int64),
        "uint64": np.array([0, 2**64 - 1], np.uint64),
        "float16": np.array([0.1, -65504], np.float16),
        "float64": np.array([0.1, 1e300], np.float64),
        "string": np.array(["a".encode(), "ü".encode(), b""], np.object_),
    }
    found["echoes"] = {}
    for name, array in echoes.items():
        back = infer(api, client, name, array).as_numpy("x")
        found["echoes"][name] = bool(back.dtype == array.dtype and np.array_equal(back, array))

    client.load_model("resting")
    found["loaded"] = client.is_model_ready("resting")
    index = client.get_model_repository_index(**as_json)
    index = index["models"] if isinstance(index, dict) else index
    found["index"] = next(one for one in index if one["name"] == "resting")
    client.unload_model("resting")
    found["unloaded"] = not client.is_model_ready("resting")
    statistics = client.get_inference_statistics("net", **as_json)["model_stats"][0]
    found["statistics"] = [statistics["name"], int(statistics["inference_count"]) >= 6]

    found["errors"] = []
    for model, array in [("none", rows), ("net", rows[:, :15]), ("net", rows.astype(np.float64))]:
        try:
            infer(api, client, model, array)
            found["errors"].append(None)
        except InferenceServerException as error:
            found["errors"].append(error.message())
    return found


http = tritonclient.http.InferenceServerClient(f"127.0.0.1:{sys.argv[1]}", concurrency=4)
grpc = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{sys.argv[2]}")
found = {"http": battery(tritonclient.http, http), "grpc": battery(tritonclient.grpc, grpc)}

rows = (np.arange(3 * 16, dtype=np.float32) / 8 - 3).reshape(3, 16)
compressed = infer(
    tritonclient.http, http, "net", rows, request_compression_algorithm="gzip", response_compression_algorithm="gzip"
)
found["http"]["compressed"] = compressed.as_numpy("output").tobytes().hex()
tensor = tritonclient.http.InferInput("input", [3, 16], "FP32")
tensor.set_data_from_numpy(rows, binary_data=False)
output = tritonclient.http.InferRequestedOutput("output", binary_data=False)
found["http"]["json"] = http.infer("net", [tensor], outputs=[output]).as_numpy("output").tobytes().hex()
pending = [http.async_infer("net", [tensor]) for _ in range(8)]
found["http"]["async"] = sorted({one.get_result().as_numpy("output").tobytes().hex() for one in pending})
print(json.dumps(found))
