"""Points of the line y = 3 x - 1: those below 1 for one node, those from 1 on for the other."""
import os

FOLDER = "/tmp/sedna-line"
os.makedirs(FOLDER, exist_ok=True)
for node, first in (("edge-1", 0), ("edge-2", 10)):
    with open(f"{FOLDER}/{node}.txt", "w", encoding="utf-8") as lines:
        for x in range(first, first + 10):
            lines.write(f"{x / 10} {3 * x / 10 - 1:.1f}\n")
