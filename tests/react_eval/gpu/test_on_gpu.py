"""Kernels on a real GPU, against those on the CPU; these tests run by themselves wherever there is one."""

import time
from functools import partial

import numpy as np
import pytest
import torch

from react_eval.kernels import lag_correlation, spread
from react_eval.kernels.gpu.availability import cuda_problem
from react_eval.kernels.gpu.concordance import best_concordance, series_moments
from react_eval.kernels.gpu.diversity import movement, spread_of_reactions
from react_eval.kernels.gpu.synchrony import lag_correlations
from react_eval.kernels.gpu.warping import nearest_series
from react_eval.kernels.nearest_series import nearest_series as nearest_series_on_cpu

pytestmark = pytest.mark.skipif(cuda_problem() is not None, reason=str(cuda_problem()))

GROUPS_25 = (0, 15, 17), (15, 17, 25), (1 / 15, 1.0, 1 / 8)
WHOLE_58 = (0,), (58,), (1.0,)


def noise(seed, *shape):
    return torch.tensor(np.random.default_rng(seed).random(shape, dtype=np.float32))


def wandering(seed, *shape):
    steps = np.random.default_rng(seed).normal(size=shape).cumsum(axis=-2)
    return torch.tensor((steps / np.abs(steps).max(axis=-2, keepdims=True)).astype(np.float32))


@pytest.mark.parametrize("make", [noise, wandering, lambda *a: 1e20 * noise(*a), lambda *a: 1e-30 * noise(*a)])
@pytest.mark.parametrize(
    ("groups", "channels", "frames"), [(GROUPS_25, 25, 750), (WHOLE_58, 58, 751), (GROUPS_25, 25, 97)]
)
def test_the_nearest_listeners_are_those_of_the_cpu(make, groups, channels, frames):
    reactions, listeners = make(0, 2, 3, frames, channels), make(1, 5, 751, channels)
    lengths = torch.tensor([751, 750, 33, 400, 1])
    listeners[2, 33:] = torch.nan
    pair_clip, pair_listener = torch.tensor([0, 0, 0, 1, 1]), torch.tensor([0, 1, 2, 4, 3])
    there = [each.cuda() for each in (reactions, listeners, lengths, pair_clip, pair_listener)]
    distances, nearest = (each.cpu().numpy() for each in nearest_series(*there, *groups))
    bounds = [np.array(each) for each in groups]
    for clip, numbers in enumerate(([0, 1, 2], [4, 3])):
        others = [listeners[number, : lengths[number]].numpy() for number in numbers]
        expected, places = nearest_series_on_cpu(reactions[clip].numpy(), others, *bounds)
        assert distances[clip] == pytest.approx(expected, rel=1e-10, abs=0)
        assert (nearest[clip] == np.array(numbers)[places]).all()


def test_tensors_have_the_bits_that_they_have_on_the_cpu():
    reactions, speakers, listeners = wandering(0, 3, 4, 750, 25), wandering(1, 3, 750, 25), wandering(2, 6, 750, 25)
    listeners[1, :, 3], reactions[0, 0, :, 5] = 0.3, 0.7
    neighbours = torch.tensor([[0, 1, 2], [3, -1, -1], [5, 4, -1]])

    def everything(device):
        ours, theirs, beside = (each.to(device) for each in (reactions, speakers, listeners))
        best = best_concordance(ours, series_moments(beside), neighbours.to(device), 1e-8, False)
        spreads = spread_of_reactions(ours), movement(ours, 1)
        return [each.cpu().numpy() for each in (*best, lag_correlations(ours, theirs, 49), *spreads)]

    for here, there in zip(everything("cpu"), everything("cuda"), strict=True):
        np.testing.assert_array_equal(there, here)


def test_lags_and_spreads_are_those_of_the_cpu():
    reactions, speakers = wandering(0, 2, 2, 750, 25), wandering(1, 2, 750, 25)
    there = reactions.cuda(), speakers.cuda()
    correlations, between, moved = lag_correlations(*there, 49), spread_of_reactions(there[0]), movement(there[0], 1)
    for clip, each in enumerate(reactions.numpy()):
        assert between[clip].item() == pytest.approx(spread.spread_of_reactions(each), rel=1e-10)
        assert moved[clip].cpu().numpy() == pytest.approx(spread.movement(each, 1), rel=1e-10)
        for number, reaction in enumerate(each):
            expected = lag_correlation.lag_correlations(reaction, speakers[clip].numpy(), 49)
            assert correlations[clip, number].cpu().numpy() == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_speed_on_a_test_split(capsys):
    clips, count, neighbours = 128, 10, 40
    reactions, listeners = wandering(0, clips, count, 750, 25).cuda(), wandering(1, 400, 750, 25).cuda()
    numbers = torch.tensor(np.random.default_rng(0).integers(0, 400, (clips, neighbours))).cuda()
    pairs = torch.arange(clips).repeat_interleave(neighbours).cuda(), numbers.flatten()
    moments = series_moments(listeners)
    works = {
        "warping": partial(nearest_series, reactions, listeners, torch.full((400,), 750).cuda(), *pairs, *GROUPS_25),
        "concordance": partial(best_concordance, reactions, moments, numbers, 1e-8, False),
        "synchrony": partial(lag_correlations, reactions, listeners[:clips], 49),
        "diversity": lambda: (spread_of_reactions(reactions), movement(reactions, 1)),
    }
    with capsys.disabled():
        print(f"\n{torch.cuda.get_device_name()}, seconds for 1,612 clips (the first call also compiles):")
        for name, work in works.items():
            print(f"  {name}: {', '.join(f'{seconds(work) * 1612 / clips:.2f}' for _ in range(3))}")


def seconds(work):
    torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - began
