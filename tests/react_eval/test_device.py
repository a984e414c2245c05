"""Which device is chosen, and what a GPU scores."""

import pytest

from react_eval import score_arrays
from react_eval.errors import InputError
from tests.oracles.examples import example

torch = pytest.importorskip("torch")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_cuda_is_refused_and_auto_takes_the_cpu():
    data = example(0, clips=2)
    with pytest.raises(InputError, match=r"device 'cuda' cannot be used: .* Use device='cpu'"):
        score_arrays(data["predictions"], device="cuda")
    assert score_arrays(data["predictions"], device="auto").run["device"] == "cpu"


def test_an_unknown_device_is_refused():
    with pytest.raises(InputError, match="device 'tpu' is not known, expected one of auto, cpu, cuda"):
        score_arrays(example(0, clips=2)["predictions"], device="tpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
def test_a_gpu_scores_as_the_cpu_does():
    data = example(1, clips=12, reactions=4, frames=750)
    given = {name: data[name] for name in ("listener", "speaker", "neighbours")}
    protocols = ["react2024", "corrected"]
    on_cpu, on_gpu = (
        score_arrays(data["predictions"], protocol=protocols, device=device, **given) for device in ("cpu", "cuda")
    )
    assert dict(on_gpu) == pytest.approx(dict(on_cpu), rel=1e-6)
