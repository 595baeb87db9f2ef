"""Integer codes of weights and the bytes that they are packed into, for every format that there is."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evaluators.formats.codes import decode, encode, pack_codes, unpack_codes
from evaluators.quantization.quantizers import best_scale, fake_quantize
from spaces import BitFormat
from spaces.precision import FORMATS, bit_format

QUANTIZED = [one for one in FORMATS if one.quantized]
forms = pytest.mark.parametrize("form", QUANTIZED, ids=str)


def some_codes(data: st.DataObject, form: BitFormat, most: int = 70) -> torch.Tensor:
    drawn = data.draw(st.lists(st.integers(0, form.count - 1), min_size=1, max_size=most))
    return torch.tensor(drawn, dtype=torch.uint8)


@forms
@given(st.data())
def test_codes_survive_packing_into_as_many_bytes_as_the_format_says(form: BitFormat, data: st.DataObject) -> None:
    codes = some_codes(data, form)
    packed = pack_codes(codes, form)
    assert packed.dtype == torch.uint8
    assert len(packed) == form.packed_bytes(len(codes))
    assert unpack_codes(packed, form, len(codes)).tolist() == codes.tolist()


@forms
def test_every_code_survives_packing_at_every_place(form: BitFormat) -> None:
    for place in range(form.codes):
        for code in range(form.count):
            codes = torch.full((2 * form.codes,), form.count - 1, dtype=torch.uint8)
            codes[place] = code
            assert torch.equal(unpack_codes(pack_codes(codes, form), form, len(codes)), codes)


@pytest.mark.parametrize(
    ("bits", "values", "size"), [(1, 8, 1), (1.58, 5, 1), (2, 4, 1), (3, 8, 3), (4, 2, 1), (8, 1, 1)]
)
def test_as_many_values_as_fit_share_their_bytes(bits: float, values: int, size: int) -> None:
    form = bit_format(bits)
    assert form.count**values <= 256**size < form.count ** (values + 1)  # not one more
    assert [form.packed_bytes(n) for n in (0, 1, values, values + 1, 10 * values)] == [
        0,
        size,
        size,
        2 * size,
        10 * size,
    ]
    assert len(pack_codes(torch.zeros(values, dtype=torch.uint8), form)) == size
    assert len(pack_codes(torch.zeros(values + 1, dtype=torch.uint8), form)) == 2 * size


def test_packed_bytes_by_hand() -> None:
    """What a reader of the file has to do: the first value is the lowest digit, bytes rise."""
    three = pack_codes(torch.tensor([1, 2, 3, 4, 5, 6, 7, 0], dtype=torch.uint8), bit_format(3))
    assert int.from_bytes(bytes(three.tolist()), "little") == sum(
        v << (3 * i) for i, v in enumerate((1, 2, 3, 4, 5, 6, 7))
    )
    ternary = pack_codes(torch.tensor([2, 0, 1, 2, 1], dtype=torch.uint8), bit_format(1.58))
    assert ternary.tolist() == [2 + 0 * 3 + 1 * 9 + 2 * 27 + 1 * 81]
    one = pack_codes(torch.tensor([1, 0, 0, 0, 0, 0, 0, 1], dtype=torch.uint8), bit_format(1))
    assert one.tolist() == [0b10000001]


@forms
@given(st.integers(0, 1000), st.floats(0.05, 3))
def test_decoded_codes_are_the_fake_quantized_weight(form: BitFormat, seed: int, share: float) -> None:
    weight = torch.randn(5, 24, generator=torch.Generator().manual_seed(seed))
    scale = weight.abs().mean(1) * share
    codes = encode(weight, scale, form)
    assert codes.dtype == torch.uint8
    assert int(codes.max()) < form.count
    assert torch.allclose(decode(codes, scale, form), fake_quantize(weight, scale[:, None], form), atol=1e-5)


@forms
@given(st.data())
def test_encoding_what_was_decoded_gives_the_codes_again(form: BitFormat, data: st.DataObject) -> None:
    codes = some_codes(data, form)
    scale = torch.tensor([data.draw(st.floats(0.01, 4))])
    assert torch.equal(encode(decode(codes, scale, form), scale, form), codes)


@forms
def test_every_level_is_used(form: BitFormat) -> None:
    weight = torch.randn(1, 20_000, generator=torch.Generator().manual_seed(0))
    scale = best_scale(weight, form)[:, 0]
    codes = encode(weight * 1.5, scale, form)
    assert sorted(codes.unique().tolist()) == list(range(form.count))


@forms
def test_the_codes_of_a_channel_follow_from_its_own_scale(form: BitFormat) -> None:
    weight = torch.randn(1, 40, generator=torch.Generator().manual_seed(3)).expand(2, -1) * torch.tensor([[1.0], [8.0]])
    scale = torch.tensor([0.4, 3.2])
    first, second = encode(weight, scale, form).view(2, -1)
    assert torch.equal(first, second)
