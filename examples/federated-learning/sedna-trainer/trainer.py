"""A trainer that knows nothing of this project: the wire protocol of Sedna's FederatedLearning (aggregation over a WebSocket), with the
`websockets` package alone. It fits y = a x + b to the "x y" lines of its dataset.

As the original, it trains before it listens, receives at most 16 MiB at once, hears nothing while it trains, and never reconnects.
"""
import asyncio
import json
import os
import urllib.request

import websockets

NAME = os.environ["WORKER_NAME"]
JOB = os.environ["JOB_NAME"]
URL = "ws://{AGG_IP}:{AGG_PORT}/FedAvg".format(**os.environ)
EPOCHS = int(os.environ.get("EPOCHS", "20"))
LEARNING_RATE = float(os.environ.get("LEARNING_RATE", "0.1"))


def dataset():
    with open(os.environ["TRAIN_DATASET_URL"], encoding="utf-8") as lines:
        return [tuple(float(value) for value in line.split()) for line in lines if line.strip()]


def train(weights, data):
    """Full-batch gradient descent on the squared error. Layers as a framework would have them: a 1x1 kernel and a bias."""
    [[[a]], [b]] = weights
    for _ in range(EPOCHS):
        errors = [(a * x + b - y, x) for x, y in data]
        a -= LEARNING_RATE * 2 * sum(error * x for error, x in errors) / len(data)
        b -= LEARNING_RATE * 2 * sum(error for error, _ in errors) / len(data)
    return [[[a]], [b]]


def report(round_number, samples, status):
    body = {
        "name": NAME,
        "namespace": os.environ["NAMESPACE"],
        "ownerName": JOB,
        "ownerKind": "default",
        "ownerInfo": {"currentRound": round_number, "sampleCount": samples},
        "kind": "train",
        "status": status,
        "results": [],
    }
    request = urllib.request.Request(
        f"{os.environ['LC_SERVER']}/sedna/workers/{NAME}/info",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


async def main():
    data = dataset()
    weights = [[[0.0]], [0.0]]
    async with websockets.connect(URL, max_size=16 * 2**20, ping_interval=5, ping_timeout=300) as server:
        await server.send(json.dumps({"type": "subscribe", "client_id": NAME}))
        await server.recv()
        number = 0
        while True:
            number += 1
            weights = train(weights, data)
            update = {"num_samples": len(data), "weights": weights}
            await server.send(json.dumps({"type": "update_weight", "client": NAME, "data": update, "job_name": JOB}))
            reply = json.loads(await server.recv())
            while reply.get("type") != "recv_weight":
                reply = json.loads(await server.recv())
            weights = reply["data"]["weights"]
            last = reply["data"]["exit_flag"] == "ok"
            print(f"{number}: a = {weights[0][0][0]:.6f}, b = {weights[1][0]:.6f}", flush=True)
            report(number, int(reply["data"]["total_sample"]), "completed" if last else "running")
            if last:
                return


asyncio.run(main())
