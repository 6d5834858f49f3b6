"""Reference curves of PyTorch for the ONNX training tests.

    python3 -m venv ~/.cache/sedna/onnx-reference
    ~/.cache/sedna/onnx-reference/bin/pip install -r requirements.txt
    ~/.cache/sedna/onnx-reference/bin/python make_reference.py [FOLDER]

Writes, for each case, NAME.onnx (architecture and initial weights, exported in training form without constant folding, so that
every parameter keeps a tensor of its own; the transformer also by the newer exporter) and NAME.json: the training configuration, the loss of each of 200 steps, and for
batch normalisation the running statistics at the end. The data are not stored: both sides draw them from the same integer
generator (see `Draw` here and support/reference-data.ts), so that the numbers are equal bit by bit.
"""

import json
import math
import sys
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
STEPS = 200
ROWS = 256
BATCH = 16


class Draw:
    """32-bit linear congruential generator (Numerical Recipes); the high 16 bits are given out."""

    def __init__(self, seed):
        self.state = seed & 0xFFFFFFFF

    def next(self):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return self.state >> 16

    def uniform(self):
        """In [-1, 1), exact in float32."""
        return (self.next() - 32768) / 32768

    def below(self, n):
        return self.next() % n


def images(seed, shape, classes):
    """Noise with one brighter stripe that tells the class."""
    draw, size = Draw(seed), math.prod(shape)
    inputs = torch.tensor([[draw.uniform() for _ in range(size)] for _ in range(ROWS)])
    labels = torch.tensor([draw.below(classes) for _ in range(ROWS)])
    for row in range(ROWS):
        start = int(labels[row]) * (size // classes)
        inputs[row, start : start + size // classes] += 0.5
    return inputs.reshape(ROWS, *shape), labels


def tokens(seed, length, vocabulary, classes):
    """Random tokens; the class is that of the first token among the vocabulary's blocks."""
    draw = Draw(seed)
    inputs = torch.tensor([[draw.below(vocabulary) for _ in range(length)] for _ in range(ROWS)])
    return inputs, inputs[:, 0] * classes // vocabulary


class Inverted(nn.Module):
    """Inverted residual block of MobileNet v2."""

    def __init__(self, inputs, outputs, stride, activation):
        super().__init__()
        wide = 3 * inputs
        self.residual = inputs == outputs and stride == 1
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            activation(),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            activation(),
            nn.Conv2d(wide, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        rows, length, width = x.shape
        parts = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        q, k, v = (p.reshape(rows, length, self.heads, width // self.heads).transpose(1, 2) for p in parts)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(rows, length, width))
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


class Transformer(nn.Module):
    def __init__(self, vocabulary=20, length=8, width=16, classes=4):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(0.02 * torch.randn(length, width))
        self.blocks = nn.ModuleList([Block(width, 2) for _ in range(2)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x):
        h = self.embedding(x) + self.position
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h).mean(dim=1))


def mlp():
    return nn.Sequential(nn.Linear(12, 24), nn.LeakyReLU(0.1), nn.Linear(24, 16), nn.Tanh(), nn.Linear(16, 4))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(48, 4),
    )


def mobilenet(activation=nn.ReLU6):
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        activation(),
        Inverted(8, 8, 1, activation),
        Inverted(8, 12, 2, activation),
        Inverted(12, 12, 1, activation),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 4),
    )


CASES = {
    "mlp-sgd": {
        "make": mlp,
        "data": {"kind": "images", "seed": 1, "shape": [12]},
        "optimizer": {"name": "sgd", "learningRate": 0.05, "momentum": 0.9, "weightDecay": 1e-3},
        "schedule": {"name": "step", "everySteps": 80, "factor": 0.3},
    },
    "cnn-adam": {
        "make": cnn,
        "data": {"kind": "images", "seed": 2, "shape": [1, 8, 8]},
        "optimizer": {"name": "adam", "learningRate": 0.002},
        "schedule": {"name": "constant"},
    },
    "mobilenet-adamw": {
        "make": lambda: mobilenet(nn.SiLU),
        "data": {"kind": "images", "seed": 3, "shape": [3, 16, 16]},
        "optimizer": {"name": "adamw", "learningRate": 0.002, "weightDecay": 0.05},
        "schedule": {"name": "cosine", "warmupSteps": 10},
    },
    "mobilenet-relu6": {
        "make": mobilenet,
        "data": {"kind": "images", "seed": 3, "shape": [3, 16, 16]},
        "optimizer": {"name": "adamw", "learningRate": 0.002, "weightDecay": 0.05},
        "schedule": {"name": "cosine", "warmupSteps": 10},
    },
    "transformer-adamw": {
        "make": Transformer,
        "data": {"kind": "tokens", "seed": 4, "shape": [8], "vocabulary": 20},
        "optimizer": {"name": "adamw", "learningRate": 0.003, "weightDecay": 0.01},
        "schedule": {"name": "linear", "warmupSteps": 20},
        "clipNorm": 1.0,
        "labelSmoothing": 0.1,
    },
}


def optimizer_of(options, parameters):
    rate, decay = options["learningRate"], options.get("weightDecay", 0)
    if options["name"] == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=options["momentum"], weight_decay=decay)
    kind = torch.optim.Adam if options["name"] == "adam" else torch.optim.AdamW
    return kind(parameters, rate, weight_decay=decay)


def rate_at(options, step):
    """Share of the learning rate in a step, from 0."""
    warm = options.get("warmupSteps", 0)
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / (STEPS - warm)
    return {
        "constant": 1.0,
        "step": options.get("factor", 1) ** (step // options.get("everySteps", STEPS)),
        "cosine": (1 + math.cos(math.pi * done)) / 2,
        "linear": 1 - done,
    }[options["name"]]


def distinct_norms(model):
    """Exporters store equal tensors once, which would tie what is not tied; so no two norms start alike."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
                module.weight += 0.05 * torch.randn_like(module.weight)
                module.bias += 0.05 * torch.randn_like(module.bias)
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean += 0.05 * torch.randn_like(module.running_mean)
                module.running_var += 0.05 * torch.rand_like(module.running_var)


def strip_metadata(path):
    """Stack traces and file names of the exporting machine."""
    model = onnx.load(path)
    for part in [model, model.graph, *model.graph.node, *model.graph.initializer, *model.graph.value_info]:
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for part in [*model.graph.input, *model.graph.output]:
        part.ClearField("metadata_props")
    onnx.save(model, path)


def export(model, inputs, path):
    torch.onnx.export(
        model,
        (inputs[:2],),
        str(path),
        dynamo=False,
        input_names=["input"],
        output_names=["logits"],
        dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}},
        training=torch.onnx.TrainingMode.TRAINING,
        do_constant_folding=False,
        opset_version=17,
    )
    strip_metadata(path)


def export_newer(model, inputs, path):
    torch.onnx.export(
        model,
        (inputs[:2],),
        str(path),
        dynamo=True,
        verbose=False,
        input_names=["input"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("N")},),
        external_data=False,
        opset_version=18,
    )
    strip_metadata(path)


def data_of(case):
    data = case["data"]
    if data["kind"] == "tokens":
        return tokens(data["seed"], data["shape"][0], data["vocabulary"], 4)
    return images(data["seed"], data["shape"], 4)


def model_of(case):
    torch.manual_seed(7)
    model = case["make"]()
    distinct_norms(model)
    return model.train()


def train(case, perturbation=None):
    """Losses and running statistics. With a generator, the initial weights differ in about the last bit of a float32."""
    (inputs, labels), model = data_of(case), model_of(case)
    if perturbation:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter *= 1 + 1e-7 * torch.randn(parameter.shape, generator=perturbation)
    optimizer = optimizer_of(case["optimizer"], model.parameters())
    criterion = nn.CrossEntropyLoss(label_smoothing=case.get("labelSmoothing", 0))
    losses = []
    for step in range(STEPS):
        start = step * BATCH % ROWS
        for group in optimizer.param_groups:
            group["lr"] = case["optimizer"]["learningRate"] * rate_at(case["schedule"], step)
        optimizer.zero_grad()
        loss = criterion(model(inputs[start : start + BATCH]), labels[start : start + BATCH])
        loss.backward()
        if "clipNorm" in case:
            nn.utils.clip_grad_norm_(model.parameters(), case["clipNorm"])
        optimizer.step()
        losses.append(loss.item())
    running = {n: b.tolist() for n, b in model.named_buffers() if n.endswith(("running_mean", "running_var"))}
    return losses, running


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    for name, case in CASES.items():
        inputs, _ = data_of(case)
        export(model_of(case), inputs, folder / f"{name}.onnx")
        if case["data"]["kind"] == "tokens":
            export_newer(model_of(case), inputs, folder / f"{name}.dynamo.onnx")
        losses, running = train(case)
        # What the last bit of a float32 does to the curve: how far PyTorch ends up from itself.
        curves = [train(case, torch.Generator().manual_seed(seed))[0] for seed in range(1, 9)]
        drift = max(abs(a - b) / b for curve in curves for a, b in zip(curve, losses))
        config = {key: value for key, value in case.items() if key != "make"}
        record = {"torch": torch.__version__, "rows": ROWS, "batch": BATCH, **config, "ownDrift": drift}
        record |= {"losses": losses, "running": running}
        (folder / f"{name}.json").write_text(json.dumps(record) + "\n")
        print(f"{name}: loss {losses[0]:.4f} to {losses[-1]:.4f}, PyTorch against itself {drift:.1e}")


if __name__ == "__main__":
    main()
