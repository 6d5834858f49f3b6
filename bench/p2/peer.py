"""Rounds as Sedna's aggregation server and trainers have them: JSON frames of nested lists over WebSocket, written from the protocol's
description. One question per line {"n", "k", "rounds"}; answers the seconds of each round after the first, as the first client sees
them, and the server's memory. Clients are processes of their own and do not train.
"""

import asyncio
import json
import multiprocessing
import resource
import sys
import time

import numpy as np
import websockets

LAYERS = 10


class Server:
    """Waits for everyone, sums per layer in float64 in the order of arrival, sends the same lists to everyone."""

    def __init__(self, k, rounds):
        self.k, self.rounds, self.round = k, rounds, 0
        self.sockets, self.pending, self.kept = {}, {}, None
        self.done = asyncio.Event()

    async def handle(self, socket):
        name = json.loads(await socket.recv())["client_id"]
        self.sockets[name] = socket
        await socket.send(json.dumps({"type": "subscribe", "client_id": name}))
        async for frame in socket:
            message = json.loads(frame)
            self.pending[name] = message["data"]
            if len(self.pending) == self.k:
                await self.close_round(name, message["job_name"])

    async def close_round(self, last, job):
        self.round += 1
        total = sum(one["num_samples"] for one in self.pending.values())
        weights = []
        for layer in range(LAYERS):
            summed = 0.0
            for one in self.pending.values():
                summed = summed + np.array(one["weights"][layer]) * one["num_samples"] / total
            weights.append(summed.tolist())
        self.kept, self.pending = weights, {}
        flag = "ok" if self.round >= self.rounds else "continue"
        for socket in self.sockets.values():
            data = {"total_sample": total, "round_number": self.round, "weights": weights, "exit_flag": flag}
            reply = {"type": "recv_weight", "client": last, "job_name": job, "round_number": self.round, "data": data}
            await socket.send(json.dumps(reply))
        if flag == "ok":
            self.done.set()


async def take_part(port, name, n, ends):
    weights = [np.sin(np.arange(1, n // LAYERS + 1, dtype=np.float32)) for _ in range(LAYERS)]
    async with websockets.connect(f"ws://127.0.0.1:{port}/FedAvg", max_size=2**29, ping_interval=None) as socket:
        await socket.send(json.dumps({"type": "subscribe", "client_id": name}))
        await socket.recv()
        flag = "continue"
        while flag != "ok":
            data = {"num_samples": 1, "weights": [layer.tolist() for layer in weights]}
            await socket.send(json.dumps({"type": "update_weight", "client": name, "data": data, "job_name": "job"}))
            data = json.loads(await socket.recv())["data"]
            weights = [np.array(layer, dtype=np.float32) for layer in data["weights"]]
            flag = data["exit_flag"]
            if ends is not None:
                ends.put(time.perf_counter())


def client(port, name, n, ends):
    asyncio.run(take_part(port, name, n, ends))


async def play(n, k, rounds):
    server = Server(k, rounds)
    context = multiprocessing.get_context("spawn")
    ends = context.Queue()
    async with websockets.serve(server.handle, "127.0.0.1", 0, max_size=2**29, ping_interval=None) as listening:
        port = listening.sockets[0].getsockname()[1]
        clients = [context.Process(target=client, args=(port, str(i), n, ends if i == 0 else None)) for i in range(k)]
        for one in clients:
            one.start()
        await server.done.wait()
        times = [await asyncio.to_thread(ends.get) for _ in range(rounds)]
        for one in clients:
            await asyncio.to_thread(one.join)
    return [later - earlier for earlier, later in zip(times, times[1:])]


if __name__ == "__main__":
    print("true", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        seconds = asyncio.run(play(asked["n"], asked["k"], asked["rounds"]))
        print(json.dumps({"seconds": seconds, "memoryKiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}), flush=True)
