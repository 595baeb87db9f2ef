"""Bundles: parameters of a search space that are worth moving together, from coarse to fine.

All weights or all activations; those of a group, of a kind of module, of half the depth of a group, of a block.
"""

from collections.abc import Iterator, Sequence

from spaces.choice import Choice


def bundles(choices: Sequence[Choice], blocks: int) -> tuple[tuple[str, ...], ...]:
    """The parameters of each bundle of two and more, no bundle twice.

    Args:
        choices: of the space.
        blocks: of the model.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    for choice in choices:
        for tag in _tags(choice, blocks):
            for name, axis in choice.axes.items():
                found.setdefault((axis, *tag), []).append(name)
    return tuple(dict.fromkeys(tuple(names) for names in found.values() if len(names) > 1))


def _tags(choice: Choice, blocks: int) -> Iterator[tuple[str, ...]]:
    """What a choice has in common with others."""
    yield ("all",)
    groups, modules = ({getattr(layer, key) for layer in choice.layers} for key in ("group", "module"))
    inside = {layer.block for layer in choice.layers if layer.block is not None}
    if len(groups) == 1:
        (group,) = groups
        yield ("group", group)
        if inside:
            half = "first" if max(inside) < blocks / 2 else "second"
            yield ("half", group, half)
    if len(modules) == 1:
        yield ("module", *modules)
    if len(inside) == 1:
        yield ("block", str(*inside))
