"""Runs in the environment of blochsim: the task of :mod:`experiments.speed.bloch_isochromats` by its compiled EPG.

python blochsim_peer.py out.npy
"""

import json
import os
import sys

import numpy as np
import torch
from blochsim.simulators import TrueFISPSimulator


def main(out: str) -> None:
    """Prepare, then run for every line of standard input."""
    torch.set_num_threads(int(os.environ.get("BENCH_THREADS", torch.get_num_threads())))
    task = json.loads(os.environ["BENCH_TASK"])
    T1, T2 = (torch.linspace(*task[name], dtype=torch.float32) * 1e3 for name in ("T1", "T2"))  # ms
    T1, T2 = (t.ravel() for t in torch.meshgrid(T1, T2, indexing="ij"))
    simulator = TrueFISPSimulator(
        flip=task["flip_degrees"],
        TR=task["TR"] * 1e3,
        TE=task["TE"] * 1e3,
        nshots=task["n"],
        pulse_duration=0.0,
        half_alpha=False,
    )
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "run":
            found = simulator.simulate(T1=T1, T2=T2, B0=task["off_resonance"])
            print("done", flush=True)
        elif line.strip() == "save":
            np.save(out, found.numpy().reshape(len(T1), task["n"]))
            print("saved", flush=True)
        else:
            return


if __name__ == "__main__":
    main(sys.argv[1])
