"""An aggregator that knows nothing of this project: the server's side of Sedna's aggregation over a WebSocket, with the `websockets` package alone.

As the original: an update of a client takes the place of its last one; as soon as PARTICIPANTS_COUNT clients have sent one, the mean by samples goes
to everybody. What is done with the updates is yours to change: `aggregate`.
"""
import asyncio
import json
import os

import websockets

WANTED = int(os.environ["PARTICIPANTS_COUNT"])
EXIT_ROUND = int(os.environ.get("exit_round", "1"))
clients = {}
updates = {}
rounds = 0
over = asyncio.Event()


def mean(layers, shares):
    if isinstance(layers[0], list):
        return [mean(parts, shares) for parts in zip(*layers)]
    return sum(value * share for value, share in zip(layers, shares))


def aggregate(pending):
    total = sum(update["num_samples"] for update in pending)
    shares = [update["num_samples"] / total for update in pending]
    return total, mean([update["weights"] for update in pending], shares)


async def everybody(message):
    text = json.dumps(message)
    for socket in list(clients.values()):
        await socket.send(text)


async def close_round():
    global rounds
    rounds += 1
    total, weights = aggregate(list(updates.values()))
    print(f"round {rounds}: {len(updates)} updates, {total} samples", flush=True)
    updates.clear()
    flag = "ok" if rounds >= EXIT_ROUND else "continue"
    data = {"total_sample": total, "round_number": rounds, "weights": weights, "exit_flag": flag}
    await everybody({"type": "recv_weight", "round_number": rounds, "data": data})


async def serve(socket):
    name = None
    try:
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "subscribe":
                name = message["client_id"]
                await everybody({"type": "CLIENT_JOIN", "data": name})
                clients[name] = socket
                await everybody(message)
            elif message["type"] == "update_weight":
                updates[name] = message["data"]
                if len(updates) == WANTED:
                    await close_round()
    finally:
        clients.pop(name, None)
        if not clients and rounds >= EXIT_ROUND:
            over.set()


async def main():
    host, port = os.environ.get("AGG_BIND_IP", "0.0.0.0"), int(os.environ.get("AGG_BIND_PORT", "7363"))
    async with websockets.serve(serve, host, port, max_size=20 * 2**20, ping_interval=None):
        await over.wait()


asyncio.run(main())
