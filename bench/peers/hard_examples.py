"""The hard-example filters of section 5.1 of the lib reference, step by step: argument `INPUTS`, a JSON file of lists.

Says {"ready": true}; then for each line {"filter", "parameters", "inputs": name in the file} answers {"decisions": "0101…", "seconds"}.
"""

import json
import math
import sys
import time

inputs = json.load(open(sys.argv[1]))


def is_probability(value):
    return 0 <= float(value) <= 1


def have_scores(boxes):
    return all(map(lambda box: len(box) > 4, boxes))


class Threshold:
    def __init__(self, threshold=0.5):
        self.threshold = float(threshold)

    def __call__(self, boxes):
        if not (boxes and have_scores(boxes)):
            return False
        total = 0
        for box in boxes:
            total += box[4]
        return total / len(boxes) < self.threshold


class CrossEntropy:
    def __init__(self, threshold_cross_entropy=0.5):
        self.threshold = float(threshold_cross_entropy)

    def __call__(self, probabilities):
        if not probabilities:
            return False
        checked = [p for p in probabilities if is_probability(p)]
        if len(checked) != len(probabilities):
            return False
        total = 0.0
        for p in checked:
            total += p * math.log(p)
        return 1 + 1.0 * total / math.log(len(probabilities)) < self.threshold


class IBT:
    def __init__(self, threshold_img=0.5, threshold_box=0.5):
        self.of_image = float(threshold_img)
        self.of_box = float(threshold_box)

    def __call__(self, boxes):
        if not (boxes and have_scores(boxes)):
            return False
        checked = [box[4] for box in boxes if is_probability(box[4])]
        if len(checked) != len(boxes):
            return False
        low = [score for score in checked if score <= self.of_box]
        return len(low) / len(checked) >= 1 - self.of_image


FILTERS = {"Threshold": Threshold, "CrossEntropy": CrossEntropy, "IBT": IBT}

print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    question = json.loads(line)
    decide = FILTERS[question["filter"]](**question["parameters"])
    results = inputs[question["inputs"]]
    began = time.perf_counter()
    decisions = [decide(result) for result in results]
    seconds = time.perf_counter() - began
    print(json.dumps({"decisions": "".join("01"[d] for d in decisions), "seconds": seconds}), flush=True)
