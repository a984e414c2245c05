"""The registry, `load`, and what the command line lists."""

import subprocess
import sys

import pytest
import torch
from toy_model import RECORD, ToyConfig, ToyModel

import reference_models
from reference_models.errors import ConfigError, UnknownModelError
from reference_models.generator_names import stored_weights
from reference_models.listing import describe, overview, text_of


def test_a_model_is_found_by_name_and_alias():
    assert reference_models.find_model("Toy") is RECORD
    assert reference_models.find_model("plaything") is RECORD
    with pytest.raises(UnknownModelError, match="Did you mean 'toy'"):
        reference_models.find_model("toyy")


def test_two_models_cannot_share_a_name():
    other = reference_models.ModelRecord("toy", "Other", "a:b", "a:b", RECORD.card, "a:b")
    with pytest.raises(UnknownModelError, match="already"):
        reference_models.register_model(other)


def test_the_package_and_its_list_import_no_torch():
    code = "import sys, reference_models; from reference_models import cli, listing; listing.overview()"
    subprocess.run([sys.executable, "-c", f"{code}; sys.exit('torch' in sys.modules)"], check=True)


def test_every_model_is_listed_with_its_traps():
    text = text_of(overview())
    for name, record in reference_models.models().items():
        details = describe(name)
        assert record.title in text
        assert all(trap.name in str(details) for trap in details.traps)
        assert details.to_markdown().startswith(f"## {record.title}")


def test_every_model_can_be_compared_at_a_glance():
    known = reference_models.models().values()
    cards = [record.card for record in known if record.model.startswith("reference_models.")]
    assert all(card.glance.ahead and card.glance.agreement for card in cards)


def test_fresh_weights_depend_on_the_seed_only():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, same, other = (reference_models.load("toy", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.inner.weight, same.inner.weight)
    assert not torch.equal(one.inner.weight, other.inner.weight)


@pytest.mark.parametrize(
    ("config", "expected"),
    [(None, ToyConfig()), ("clean", ToyConfig()), ("published", ToyConfig.published()), ("tiny", ToyConfig.tiny()),
     ({"width": 3}, ToyConfig(width=3)), (ToyConfig(width=2), ToyConfig(width=2))],
)  # fmt: skip
def test_a_configuration_comes_in_every_form(config, expected):
    model = reference_models.load("toy", config=config)
    assert isinstance(model, ToyModel)
    assert model.config == expected
    assert not model.training


def test_a_preset_or_device_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="published, tiny, clean"):
        reference_models.load("toy", config="huge")
    with pytest.raises(ConfigError, match="auto, cpu or cuda"):
        reference_models.load("toy", device="abacus")


def test_stored_weights_are_found(tmp_path, monkeypatch):
    monkeypatch.setenv("REACT_MODELS", str(tmp_path))
    assert stored_weights("toy") is None
    reference_models.save_checkpoint(reference_models.load("toy"), tmp_path / "toy")
    assert stored_weights("toy") == tmp_path / "toy"
