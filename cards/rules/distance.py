"""Words that are nearly the same: edit distance up to a few, and all near pairs of many names at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence


def within(one: str, other: str, most: int) -> bool:
    """Whether at most ``most`` letters are to be changed, added or removed (Levenshtein)."""
    if abs(len(one) - len(other)) > most:
        return False
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, start=1):
        previous, row[0] = row[0], place
        for index, facing in enumerate(other, start=1):
            previous, row[index] = row[index], min(row[index] + 1, row[index - 1] + 1, previous + (letter != facing))
        if min(row) > most:
            return False
    return row[-1] <= most


def near_pairs(names: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The pairs of places (earlier, later) whose names differ in one letter at most; each later name once.

    Empty names are left out.
    Names of distance 1 share a form with one letter left out: so it takes no comparison of all with all.
    """
    forms: defaultdict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(names):
        if not name:
            continue
        left_out = {name, *(name[:index] + name[index + 1 :] for index in range(len(name)))}
        candidates = sorted({other for form in left_out for other in forms[form][:50]})
        if (near := next((other for other in candidates if within(names[other], name, 1)), None)) is not None:
            yield near, place
        for form in left_out:
            forms[form].append(place)
