"""Workers as the original's examples have them, each a page of an image: `python worker.py ROLE`.

The original's library is imported from PYTHONPATH as it is. Its backends for TensorFlow and Keras do nothing with TensorFlow but hold a
session, which nothing here needs: without the package an empty one stands in.
"""
import json
import os
import sys
import time
from unittest.mock import MagicMock

role = sys.argv[1]
os.environ["BACKEND_TYPE"] = "KERAS" if role == "federated" else "TENSORFLOW"
try:
    import tensorflow  # noqa: F401
except ImportError:
    sys.modules["tensorflow"] = MagicMock()

import numpy as np  # noqa: E402
from sedna.common.config import BaseConfig, Context  # noqa: E402
from sedna.datasources import TxtDataParse  # noqa: E402


def say(**told):
    print("told " + json.dumps(told), flush=True)


class Estimator:
    """One number, which training halves the way to the mean of the data: `w = (w + mean) / 2`."""

    def __init__(self):
        self.w = np.zeros((1, 1))

    def train(self, train_data, valid_data=None, **kwargs):
        base = os.path.join(Context.get_parameters("base_model_url", ""), "model_finetune_tensorflow.pb")
        if os.path.isfile(base):
            self.load(base)
        mean = np.mean([float(x) for x in train_data.x])
        self.w = (self.w + mean) / 2
        return {"error": [float(abs(self.w[0][0] - mean))]}

    def evaluate(self, data, model_path="", **kwargs):
        self.load(model_path)
        return {"error": [float(np.mean([abs(float(x) - self.w[0][0]) for x in data.x]))]}

    def predict(self, data, **kwargs):
        """Probabilities: sure of what is far from zero."""
        powers = np.exp([data[0], -data[0], 0])
        return (powers / powers.sum()).tolist()

    def save(self, model_path):
        with open(model_path, "wb") as file:
            np.save(file, self.w)

    def load(self, model_url=""):
        self.w = np.load(model_url)
        say(loaded=float(self.w[0][0]))

    load_weights = load

    def get_weights(self):
        return [self.w]

    def set_weights(self, weights):
        (self.w,) = weights


class Big:
    def load(self, model_url=""):
        say(loaded=os.path.basename(model_url))

    def predict(self, data, **kwargs):
        return [data[0], data[1], 7.0]


def data_of(kind, url):
    data = TxtDataParse(data_type=kind, func=lambda line: (line, 0))
    data.parse(url)
    return data


def main():
    if role == "federated":
        from sedna.core.federated_learning import FederatedLearning
        FederatedLearning(estimator=Estimator).train(data_of("train", BaseConfig.train_dataset_url))
    elif role == "aggregate":
        from sedna.service.server import AggregationServer
        AggregationServer(
            aggregation="FedAvg",
            exit_round=int(os.environ["exit_round"]),
            participants_count=int(Context.get_parameters("participants_count")),
        ).start()
    elif role == "cloud":
        from sedna.core.joint_inference import BigModelService
        BigModelService(estimator=Big).start()
    elif role == "edge":
        from sedna.core.joint_inference import JointInference
        joint = JointInference(estimator=Estimator)
        while True:
            for sample in [4.0, 1.0], [0.0, 2.0]:
                hard, result, edge, cloud = joint.inference(np.array(sample))
                say(hard=bool(hard), result=result, edge=edge, cloud=cloud)
            time.sleep(1)
    else:
        from sedna.core.incremental_learning import IncrementalLearning
        job = IncrementalLearning(estimator=Estimator)
        if role == "train":
            job.train(data_of("train", BaseConfig.train_dataset_url))
        elif role == "eval":
            job.evaluate(data_of("eval", BaseConfig.test_dataset_url))
        else:
            while True:
                infer, _, hard = job.inference(np.array([0.0]))
                time.sleep(1)


if __name__ == "__main__":
    main()
