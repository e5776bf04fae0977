"""Every preset builds, takes a step, and has the parameters it should have."""

import numpy as np
import pytest

from sagan_tf import config
from sagan_tf.config import presets
from sagan_tf.evaluation.metrics import REGISTRY
from sagan_tf.models import factory
from sagan_tf.models.architecture import count_parameters
from tests import parameter_counts

# Parameters of G and D at full width, added up by hand from the paper's layers; those of
# `sagan_feat64` are the ones that two public implementations have.
PARAMETERS = {
    "fashion_mnist_32": (1_171_586, 594_786),
    "cifar10_32": (4_386_308, 1_092_098),
    "celeb_a_64": (12_241_156, 9_583_810),
    "imagenet_128": (42_078_852, 39_463_618),
    "sngan_projection_128": (41_996_931, 39_443_137),
    "sagan_no_attention": (41_996_931, 39_443_137),
    "sagan_no_ttur": (41_996_931, 39_443_137),
    "sagan_sn_d_only": (41_996_931, 39_443_137),
    "sagan_feat8": (43_307_652, 39_770_818),
    "sagan_feat16": (42_324_612, 39_525_058),
    "sagan_feat32": (42_078_852, 39_463_618),
    "sagan_feat64": (42_017_412, 39_448_258),
    "residual_feat8": (43_306_698, 39_775_461),
    "residual_feat16": (42_329_255, 39_526_355),
    "residual_feat32": (42_080_149, 39_464_010),
    "residual_feat64": (42_017_804, 39_447_813),
}


@pytest.mark.parametrize("name", config.names())
def test_a_preset_builds_with_its_parameters_and_takes_a_step(name):
    settings = config.get(name).replace(base_channels=1)
    if settings.num_classes is not None:
        settings = settings.replace(num_classes=3)
    model = factory.build_model(settings)
    full_width = config.get(name)
    counts = parameter_counts.generator(full_width), parameter_counts.discriminator(full_width)
    assert counts == PARAMETERS[name]
    assert count_parameters(model.generator) == parameter_counts.generator(settings)
    assert count_parameters(model.discriminator) == parameter_counts.discriminator(settings)
    size = (2 * settings.d_steps, settings.resolution, settings.resolution, settings.channels)
    images = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    metrics = model.train_step((images, np.arange(len(images), dtype=np.int32) % 3))
    assert int(model.step.numpy()) == 1
    assert all(np.isfinite(float(value)) for value in metrics.values())


def test_scores_are_those_of_the_papers_text():
    """Table 1 and section 5.3, in the metrics that the reports know."""
    scores = {name: preset.paper for name, preset in presets.PRESETS.items() if preset.paper}
    assert scores == {
        "imagenet_128": {"fid": 18.28},
        "sngan_projection_128": {"is": 36.8, "fid": 27.62},
        "sagan_no_attention": {"fid": 22.96},
        "sagan_feat8": {"fid": 22.98},
        "sagan_feat32": {"fid": 18.28},
        "sagan_feat64": {"is": 52.52, "fid": 18.65},
        "residual_feat8": {"fid": 42.13},
        "residual_feat32": {"fid": 27.33},
    }
    assert set().union(*scores.values()) <= set(REGISTRY)


def test_arms_differ_in_what_they_compare():
    def difference(one, other):
        one, other = config.get(one), config.get(other)
        return {n for n in config.FIELDS if getattr(one, n) != getattr(other, n)} - {"preset"}

    rates = {"generator_learning_rate", "discriminator_learning_rate"}
    assert difference("sagan_no_attention", "sagan_no_ttur") == rates
    assert difference("sagan_no_ttur", "sagan_sn_d_only") == {"generator_spectral_norm"}
    assert difference("imagenet_128", "sagan_feat32") == set()
    for size in (8, 16, 32, 64):
        names = f"sagan_feat{size}", f"residual_feat{size}"
        assert difference(*names) == {"attention_block"}
        assert config.get(names[0]).attention_resolution == size
