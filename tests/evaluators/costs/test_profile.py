"""Runtime by a device's profile."""

from pathlib import Path

import pytest

from evaluators.costs.profile import Measured, Roofline, load_profile, shipped, timed_key, to_toml
from evaluators.costs.runtime import RUNTIME_MODELS, runtime, runtime_model
from evaluators.costs.work import layer_work
from spaces import Assignment, Precision, UserError, named_architecture

MODEL = named_architecture("hubert-base")
W8A8, W2A2 = (Assignment.uniform(MODEL.layers, Precision.parse(p)) for p in ("w8a8", "w2a2"))


def test_work_adds_up_to_the_models_multiply_adds_and_weights() -> None:
    work = layer_work(MODEL, 10.0)
    counts = MODEL.multiply_adds(10.0)
    assert {name: one.multiply_adds for name, one in work.items()} == {x.name: counts[x.name] for x in MODEL.layers}
    assert work["front_end.conv0"].inputs == 160_000
    assert work["front_end.conv0"].outputs == work["front_end.conv1"].inputs
    frames = MODEL.frames(160_000)
    assert work["block0.products.scores"].outputs == 12 * frames**2
    assert len({one.key for one in work.values()}) == 7 + 1 + 1 + 2 + 3  # alike in every block


def test_a_roofline_by_hand() -> None:
    types = [
        {"name": "int8", "weights": 8, "activations": 8, "rate": 200.0, "bytes": 1},
        {"name": "fp32", "weights": 16, "activations": 16, "rate": 100.0, "bytes": 4},
    ]
    about = {"kind": "roofline", "about": "made up", "source": "none"}
    computing = Roofline(**about, bandwidth=1e9, overhead=0.0, passes=0.0, types=types)
    operations = 2 * sum(one.multiply_adds for one in layer_work(MODEL, 10.0).values())
    assert computing.time(MODEL, Assignment({})) == pytest.approx(operations / 100e9)
    assert computing.time(MODEL, W8A8) == computing.time(MODEL, W2A2) == pytest.approx(operations / 200e9)
    half = Assignment({x.name: W8A8[x.name] for x in MODEL.layers if x.group == "feed_forward"})
    assert computing.time(MODEL, W8A8) < computing.time(MODEL, half) < computing.time(MODEL, Assignment({}))
    waiting = Roofline(**about, bandwidth=1e9, overhead=50.0, passes=0.0, types=types)
    more = waiting.time(MODEL, W8A8) - computing.time(MODEL, W8A8)
    assert more == pytest.approx(50e-6 * len(MODEL.layers))


@pytest.mark.parametrize("name", shipped())
def test_shipped_profiles_are_models_and_name_their_source(name: str) -> None:
    profile = load_profile(shipped()[name])
    assert name in RUNTIME_MODELS
    assert len(profile.source) > 20
    shares = [runtime(MODEL, a, name) for a in (Assignment({}), W8A8, W2A2)]
    assert shares[0] == 1.0
    assert 1.0 > shares[1] >= shares[2] > 0.05


def made_up(rest: float = 0.5) -> Measured:
    """A measured profile in which a layer in float takes 2 s, any other 1 s."""
    work = layer_work(MODEL, 10.0)
    ways = [Precision.parse(p) for p in ("fp16", "w8a8")]
    times = {timed_key(x, work[x.name], p): 2.0 if p.weight.bits == 16 else 1.0 for x in MODEL.layers for p in ways}
    return Measured(kind="measured", about="made up", source="a test", rest={str(MODEL.parameters): rest}, times=times)


def test_a_measured_profile_adds_up_its_layers_and_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(to_toml(made_up()))
    assert load_profile(path) == made_up()
    count = len(MODEL.layers)
    assert runtime(MODEL, W8A8, str(path)) == pytest.approx((count + 0.5) / (2 * count + 0.5))
    assert runtime_model(str(path)).identity != RUNTIME_MODELS["x86-vnni"].identity


def test_integer_layers_take_longer_in_the_model_than_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(to_toml(made_up().model_copy(update={"integer": {str(MODEL.parameters): 1.5}})))
    count = len(MODEL.layers)
    assert runtime(MODEL, W8A8, str(path)) == pytest.approx((1.5 * count + 0.5) / (2 * count + 0.5))
    assert runtime(MODEL, Assignment({}), str(path)) == 1.0


def test_what_a_profile_lacks_is_named_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(to_toml(made_up()))
    with pytest.raises(UserError, match=r"mine\.toml: .*: the profile lacks '.* a2'; `hubits profile") as told:
        runtime(MODEL, W2A2, str(path))
    assert "\n" not in str(told.value)
    with pytest.raises(UserError, match="was not made for hubert-large"):
        runtime(named_architecture("hubert-large"), Assignment({}), str(path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("kind = 'roofline'", "about: Field required"),
        ("kind = 'guess'", "kind"),
        ("kind = ", "not a TOML file"),
        ("kind = 'measured'\nabout = ''\nsource = ''\nseconds = -1", "seconds"),
        ("kind = 'measured'\nabout = ''\nsource = ''\nspeed = 1", "speed"),
    ],
)
def test_broken_profiles_are_refused_by_file_and_key(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(content)
    with pytest.raises(UserError, match=said) as told:
        load_profile(path)
    assert str(told.value).startswith(str(path))
    assert "\n" not in str(told.value)


def test_a_profile_that_is_not_there() -> None:
    with pytest.raises(UserError, match="no such profile"):
        runtime_model("nowhere/mine.toml")
    with pytest.raises(UserError, match="or name a profile"):
        runtime_model("guess")
