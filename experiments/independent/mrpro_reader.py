"""Runs in the environment of MRpro: reads a raw file and writes what MRpro makes of it.

    python mrpro_reader.py raw.h5 cartesian|radial out.npz

``coils``: complex (coil, y, x), the least-squares image of each coil; ``combined``: (y, x), iterative SENSE (of lines:
direct reconstruction) with the sensitivity maps that MRpro finds itself.
"""

import contextlib
import sys

with contextlib.suppress(ImportError):
    import tvshim  # noqa: F401  # MRpro imports torchvision, whose wheel does not load beside every torch

import mrpro
import numpy as np

ITERATIONS = 30


def main(path: str, trajectory: str, out: str) -> None:
    """Read, reconstruct, write."""
    calculators = {
        "cartesian": mrpro.data.traj_calculators.KTrajectoryCartesian,
        "radial": mrpro.data.traj_calculators.KTrajectoryIsmrmrd,
    }
    kdata = mrpro.data.KData.from_file(path, calculators[trajectory]())
    fourier = mrpro.operators.FourierOp.from_kdata(kdata)
    (start,) = fourier.adjoint(kdata.data)
    (coils,) = mrpro.algorithms.optimizers.cg(fourier.gram, start, max_iterations=ITERATIONS)
    if trajectory == "radial":
        combine = mrpro.algorithms.reconstruction.IterativeSENSEReconstruction(kdata, n_iterations=ITERATIONS)
    else:  # exact after one step, after which the next would divide by zero
        combine = mrpro.algorithms.reconstruction.DirectReconstruction(kdata)
    np.savez(out, coils=coils.squeeze().numpy(), combined=combine(kdata).data.squeeze().numpy())


if __name__ == "__main__":
    main(*sys.argv[1:])
