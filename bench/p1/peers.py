"""Seconds of one mean of K updates of n singles, for each line `n k list|flower` on standard input. Peers of P1.

`list`: per client and layer from lists, weighted and summed in float64, back to lists, of which one more is kept, as
Sedna's server does it.
`flower`: Flower's own in-place mean of array records.
"""

import json
import sys
import time
from copy import deepcopy

import numpy as np
from flwr.app import Array, ArrayRecord, MetricRecord, RecordDict
from flwr.serverapp.strategy.strategy_utils import aggregate_arrayrecords


def lists(n, k):
    return [np.random.default_rng(i).random(n, dtype=np.float32).tolist() for i in range(k)]


def mean_of_lists(updates):
    total = float(len(updates))
    summed = np.zeros(np.array(updates[0]).shape)
    for one in updates:
        summed += np.array(one) * 1 / total
    result = summed.tolist()
    return result, deepcopy(result)


def records(n, k):
    made = (np.random.default_rng(i).random(n, dtype=np.float32) for i in range(k))
    return [RecordDict({"a": ArrayRecord({"w": Array(one)}), "m": MetricRecord({"num-examples": 1})}) for one in made]


KINDS = {"list": (lists, mean_of_lists), "flower": (records, lambda made: aggregate_arrayrecords(made, "num-examples"))}
kept = {}
print("ready", flush=True)
for line in sys.stdin:
    n, k, kind = line.split()
    make, mean = KINDS[kind]
    if kept.get("of") != line:
        kept = {"of": line, "updates": make(int(n), int(k))}
    started = time.perf_counter()
    mean(kept["updates"])
    print(json.dumps(time.perf_counter() - started), flush=True)
