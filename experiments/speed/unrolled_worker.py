"""One unrolled network in a process of its own, so that its memory can be told: ours, fastMRI's VarNet, deepinv's MoDL.

python unrolled_worker.py NETWORK forward|train OUT.npy, in an environment that has the network's package. 8 coils,
256 × 256, every fourth line, batch 1, 12 iterations, untrained weights. Saved: parameters, GFLOP of convolutions,
and MiB that the work added to the process.
"""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

N, COILS, ITERATIONS = 256, 8, 12
SHIM = "tvshim"  # a module of the peers' environment that lets torchvision be imported beside a CPU torch
Call = Callable[[], Tensor]


def data() -> tuple[Tensor, Tensor, Tensor]:
    """Samples (coil, y, x), maps (coil, y, x) and measured lines (y,); of no anatomy, on which work does not depend."""
    generator = torch.Generator().manual_seed(6)
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, N),) * 2, indexing="ij")
    angles = torch.arange(COILS) * 2 * torch.pi / COILS
    distance = (y - angles.sin()[:, None, None]) ** 2 + (x - angles.cos()[:, None, None]) ** 2
    maps = torch.polar(1 / (0.5 + distance), distance)
    maps = maps / maps.abs().square().sum(0).sqrt()
    lines = torch.arange(N) % 4 == 0
    lines[N // 2 - 12 : N // 2 + 12] = True
    noise = torch.view_as_complex(torch.randn(COILS, N, N, 2, generator=generator))
    return noise * lines[:, None], maps, lines


def ours(prior: str, options: dict[str, object], scheme: str, *, n_priors: int, refine_maps: bool, recompute: bool):
    """A network of this package."""

    def make() -> tuple[nn.Module, Call]:
        from pirecon.encoding import CartesianSense
        from pirecon.unrolled import Architecture, build_network

        architecture = Architecture(
            prior=prior,
            prior_options=options,
            scheme=scheme,
            n_iterations=ITERATIONS,
            n_priors=n_priors,
            refine_maps=refine_maps,
            recompute=recompute,
        )
        network = build_network(architecture)
        samples, maps, lines = data()
        E = CartesianSense(maps[None, :, None], lines[None, None, None, :, None].float().expand(1, 1, 1, N, N))
        return network, lambda: network(samples[None, :, None], E)

    return make


def fastmri_varnet() -> tuple[nn.Module, Call]:
    """fastMRI's end-to-end VarNet; its lines run along the last axis."""
    importlib.import_module(SHIM)
    from fastmri.models import VarNet

    network = VarNet(num_cascades=ITERATIONS, sens_chans=8, sens_pools=4, chans=18, pools=4)
    samples, _, lines = data()
    kspace = torch.view_as_real(samples.mT.contiguous())[None]
    mask = lines.reshape(1, 1, 1, N, 1)
    return network, lambda: network(kspace, mask, 24)


def deepinv_modl() -> tuple[nn.Module, Call]:
    """deepinv's MoDL with its shared DnCNN."""
    importlib.import_module(SHIM)
    import deepinv

    samples, maps, lines = data()
    mask = lines[:, None].float().expand(N, N)[None, None]
    physics = deepinv.physics.MultiCoilMRI(mask=mask, coil_maps=maps[None], img_size=(N, N))
    kspace = torch.stack([samples.real, samples.imag])[None]
    network = deepinv.models.MoDL(num_iter=ITERATIONS)
    return network, lambda: network(kspace, physics)


UNET = {"widths": [16, 40, 80, 128, 256], "blocks": [1, 1, 1, 1, 1]}
DNCNN = {"depth": 7, "width": 64}
NETWORKS = {
    "fastmri-varnet": fastmri_varnet,
    "deepinv-modl": deepinv_modl,
    "varnet": ours("unet", UNET, "proximal-gradient", n_priors=0, refine_maps=True, recompute=False),
    "varnet-recomputed": ours("unet", UNET, "proximal-gradient", n_priors=0, refine_maps=True, recompute=True),
    "modl": ours("dncnn", DNCNN, "modl", n_priors=1, refine_maps=False, recompute=False),
    "modl-recomputed": ours("dncnn", DNCNN, "modl", n_priors=1, refine_maps=False, recompute=True),
}


def main(name: str, case: str, out: str) -> None:
    """Prepare, then run for every line of standard input."""
    torch.set_num_threads(int(os.environ.get("BENCH_THREADS", "2")))
    torch.manual_seed(0)
    network, call = NETWORKS[name]()
    run = forward(network, call) if case == "forward" else training_step(network, call)
    before = _peak()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "run":
            run()
            print("done", flush=True)
        elif line.strip() == "save":
            parameters = sum(parameter.numel() for parameter in network.parameters())
            np.save(out, np.array([parameters, flops(network, call) / 1e9, _peak() - before]))
            print("saved", flush=True)
        else:
            return


def forward(network: nn.Module, call: Call) -> Call:
    """Evaluation without gradients."""
    network.eval()
    return torch.no_grad()(call)


def training_step(network: nn.Module, call: Call) -> Call:
    """Forward, L1 loss, backward, Adam."""
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = (call() - 0.1).abs().mean()
        loss.backward()
        optimizer.step()
        return loss

    return step


def flops(network: nn.Module, call: Call) -> float:
    """Floating-point operations of one forward pass that torch counts: convolutions and products, no FFTs.

    A convolution by fewer multiplications counts as the sum that it stands for.
    """
    from torch.utils.flop_counter import FlopCounterMode

    def convolution(x, weight, *_, out_shape, **__) -> int:  # type: ignore[no-untyped-def]
        return 2 * weight.numel() * out_shape[0] * out_shape[2] * out_shape[3]

    network.eval()
    mapping = {torch.ops.aten._nnpack_spatial_convolution: convolution}
    with FlopCounterMode(display=False, custom_mapping=mapping) as counter, torch.no_grad():
        call()
    return float(counter.get_total_flops())


def _peak() -> float:
    """Largest resident memory of this process so far, MiB; ``ru_maxrss`` would begin with that of the parent."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
