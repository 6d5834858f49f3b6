"""Results of Flower's own strategies, for strategies.test.ts.

    python3 -m venv venv && venv/bin/pip install flwr==1.42.0
    venv/bin/python make_reference.py > flower.json
"""

import json
from importlib.metadata import version

import numpy as np
from flwr.app import Array, ArrayRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import strategy as flower
from flwr.supercore.task_identity import TaskIdentity

TaskIdentity.run_id = TaskIdentity.node_id = TaskIdentity.task_id = 1  # messages ask for them
ROUNDS, SHAPES = 3, {"bias": (4,), "weight": (3, 4)}
CASES = [
    ("FedAvg", 5, {}),
    ("FedAvgM", 5, {"server_learning_rate": 0.7, "server_momentum": 0.9}),
    ("FedAdagrad", 5, {}),
    ("FedAdam", 5, {}),
    ("FedYogi", 5, {}),
    ("FedMedian", 5, {}),
    ("FedMedian", 6, {}),
    ("FedTrimmedAvg", 10, {"beta": 0.2}),
    ("Krum", 8, {"num_malicious_nodes": 2}),
    ("MultiKrum", 8, {"num_malicious_nodes": 2, "num_nodes_to_select": 4}),
    ("Bulyan", 12, {"num_malicious_nodes": 2}),
    ("QFedAvg", 5, {"client_learning_rate": 0.1, "q": 0.5}),
]


def values(arrays):
    return {k: [float(x) for x in np.asarray(v, dtype=np.float32).ravel()] for k, v in arrays.items()}


def reply(arrays, samples, loss):
    record = ArrayRecord({k: Array(v) for k, v in arrays.items()})
    metrics = MetricRecord({"num-examples": samples, "train_loss": loss})
    return Message(RecordDict({"arrays": record, "metrics": metrics}), dst_node_id=1, message_type="train")


def begin(strategy, name, arrays):
    """What configure_train would remember, without a grid."""
    if name == "FedAvgM":
        if strategy.current_arrays is None:
            strategy.current_arrays = ArrayRecord({k: Array(v) for k, v in arrays.items()})
    elif name == "QFedAvg":
        strategy.current_arrays = ArrayRecord({k: Array(v) for k, v in arrays.items()})
    elif hasattr(strategy, "current_arrays"):
        strategy.current_arrays = {k: v.copy() for k, v in arrays.items()}


def case(name, clients, parameters):
    rng = np.random.default_rng(7)
    strategy = getattr(flower, name)(**parameters)
    arrays = {k: rng.normal(size=s).astype(np.float32) for k, s in SHAPES.items()}
    out = {"strategy": name, "parameters": parameters, "global": values(arrays), "rounds": []}
    for number in range(1, ROUNDS + 1):
        begin(strategy, name, arrays)
        updates, replies = [], []
        for client in range(clients):
            local = {k: (v + rng.normal(scale=0.3, size=v.shape)).astype(np.float32) for k, v in arrays.items()}
            samples, loss = int(rng.integers(1, 200)), float(rng.uniform(0.1, 3))
            updates.append({"samples": samples, "loss": loss, "values": values(local)})
            replies.append(reply(local, samples, loss))
        result, _ = strategy.aggregate_train(number, replies)
        arrays = {k: a.numpy().astype(np.float32) for k, a in result.items()}
        out["rounds"].append({"updates": updates, "model": values(arrays)})
    return out


print(json.dumps({"flwr": version("flwr"), "shapes": SHAPES, "cases": [case(*one) for one in CASES]}))
