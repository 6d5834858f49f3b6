"""Training steps of PyTorch (eager) on the CPU: arguments `mlp|cnn THREADS`.

Says {"parameters": N}, then for each line with a number of steps the seconds that they took: gathering the batch, forward,
backward, update, as bench/training.ts does them.
"""

import json
import sys
import time

import torch
from torch import nn

kind, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
STEPS_PER_EPOCH, CLASSES = 50, 10
shape, batch = ((784,), 64) if kind == "mlp" else ((1, 28, 28), 32)
model = (
    nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, CLASSES))
    if kind == "mlp"
    else nn.Sequential(nn.Conv2d(1, 16, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 12 * 12, CLASSES))
)
rows = batch * STEPS_PER_EPOCH
inputs, labels = torch.rand(rows, *shape), torch.arange(rows) % CLASSES
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss()


def train(steps):
    for step in range(steps):
        if step % STEPS_PER_EPOCH == 0:
            order = torch.randperm(rows)
        start = step % STEPS_PER_EPOCH * batch
        chosen = order[start : start + batch]
        optimizer.zero_grad()
        criterion(model(inputs[chosen]), labels[chosen]).backward()
        optimizer.step()


print(json.dumps({"parameters": sum(p.numel() for p in model.parameters())}), flush=True)
for line in sys.stdin:
    began = time.perf_counter()
    train(int(line))
    print(time.perf_counter() - began, flush=True)
