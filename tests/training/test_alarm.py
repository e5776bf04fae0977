import numpy as np

from sagan_tf.training.alarm import CollapseAlarm, sample_diversity


def warnings(loss, logs):
    alarm = CollapseAlarm(loss)
    return [text for step, metrics in enumerate(logs) for text in alarm.check(step, metrics)]


def healthy(step):
    return {
        "discriminator_loss": 1.4 + 0.3 * np.sin(step),
        "sample_diversity": min(10.0 + step, 50.0),
        "gamma/generator/attention": 0.02 * step,
        "sigma/generator/dense": 1.0 + 0.1 * step,
    }


def test_a_healthy_run_is_left_in_peace():
    assert warnings("hinge", [healthy(step) for step in range(50)]) == []


def test_each_sign_is_named_once_with_what_helps():
    cases = {
        "discriminator_loss": (0.01, "the discriminator has won: its loss was below 0.06"),
        "sample_diversity": (2.0, "their diversity fell to 2 from 29"),
        "gamma/generator/attention": (-40.0, "gamma/generator/attention is -40"),
        "sigma/generator/dense": (200.0, "sigma/generator/dense has grown from 1 to 200"),
    }
    for name, (value, message) in cases.items():
        logs = [healthy(step) for step in range(20)]
        logs += [{**healthy(step), name: value} for step in range(20, 40)]
        (text,) = warnings("hinge", logs)
        assert message in text and "help" in text and text.startswith("step 2"), text


def test_one_lucky_log_does_not_make_a_winner():
    logs = [{"discriminator_loss": 0.01 if step % 4 else 1.0} for step in range(40)]
    assert warnings("hinge", logs) == []


def test_wasserstein_losses_have_no_floor():
    logs = [{"discriminator_loss": -5.0 * step} for step in range(40)]
    assert warnings("wasserstein", logs) == []


def test_diversity_is_within_classes():
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], 50)
    base = np.where(labels == 0, 30, 220)[:, None, None, None] * np.ones((1, 4, 4, 1))
    assert sample_diversity(base.astype(np.uint8), labels) == 0.0
    noisy = base + random.normal(0.0, 10.0, base.shape)
    assert abs(sample_diversity(noisy, labels) - 10.0) < 1.0
