"""What an entry pulls in when it fires: cycles, and the most tokens that can come of it.

Source: R. Tarjan, "Depth-first search and linear graph algorithms" (1972), for the cycles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

Neighbours = Sequence[Sequence[int]]


def components(neighbours: Neighbours) -> list[list[int]]:
    """Sets of nodes that all reach each other; those that others lead to come first."""
    found: list[list[int]] = []
    number: dict[int, int] = {}
    lowest: dict[int, int] = {}
    stack: list[int] = []
    waiting: set[int] = set()
    for root in range(len(neighbours)):
        if root in number:
            continue
        path = [(root, iter(neighbours[root]))]
        number[root] = lowest[root] = len(number)
        stack.append(root)
        waiting.add(root)
        while path:
            node, left = path[-1]
            following = next(left, None)
            if following is None:
                path.pop()
                if path:
                    lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[node])
                if lowest[node] == number[node]:
                    found.append([])
                    while not found[-1] or found[-1][-1] != node:
                        found[-1].append(stack.pop())
                    waiting.difference_update(found[-1])
            elif following not in number:
                number[following] = lowest[following] = len(number)
                stack.append(following)
                waiting.add(following)
                path.append((following, iter(neighbours[following])))
            elif following in waiting:
                lowest[node] = min(lowest[node], number[following])
    return found


def shortest_cycle(neighbours: Neighbours, members: Iterable[int]) -> tuple[int, ...]:
    """A shortest way from the first member back to itself, within the members; without the repeated end."""
    inside = set(members)
    start = min(inside)
    came: dict[int, int] = {}
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        for following in neighbours[node]:
            if following == start:
                path = [node]
                while path[-1] != start:
                    path.append(came[path[-1]])
                return tuple(reversed(path))
            if following in inside and following not in came:
                came[following] = node
                waiting.append(following)
    return (start,)


def reached(neighbours: Neighbours, groups: Sequence[Sequence[int]]) -> list[int]:
    """For each node the nodes that it leads to, itself among them, as bits of a number; ``groups`` as `components`."""
    home = {node: number for number, members in enumerate(groups) for node in members}
    masks: list[int] = []
    for number, members in enumerate(groups):
        mask = 0
        for node in members:
            mask |= 1 << node
        for other in {home[following] for node in members for following in neighbours[node]} - {number}:
            mask |= masks[other]
        masks.append(mask)
    return [masks[home[node]] for node in range(len(neighbours))]


class Weights:
    """Sums over sets of nodes given as bits; of nodes with the same group only the heaviest counts."""

    def __init__(self, weights: Sequence[int], groups: Sequence[str]) -> None:
        self._weights = [0 if group else weight for weight, group in zip(weights, groups, strict=True)]
        self._sums: dict[tuple[int, int], int] = {}
        self._known: dict[int, int] = {}
        self._groups: dict[str, list[tuple[int, int]]] = {}
        for node, (weight, group) in enumerate(zip(weights, groups, strict=True)):
            if group:
                self._groups.setdefault(group, []).append((weight, node))
        for members in self._groups.values():
            members.sort(reverse=True)

    def of(self, mask: int) -> int:
        """The sum for the nodes whose bits are set."""
        if mask not in self._known:
            octets = mask.to_bytes((mask.bit_length() + 7) // 8, "little")
            total = sum(self._of_octet(place, octet) for place, octet in enumerate(octets) if octet)
            for members in self._groups.values():
                total += next((weight for weight, node in members if mask >> node & 1), 0)
            self._known[mask] = total
        return self._known[mask]

    def _of_octet(self, place: int, octet: int) -> int:
        found = self._sums.get((place, octet))
        if found is None:
            bits = (bit for bit in range(8) if octet >> bit & 1)
            found = self._sums[place, octet] = sum(self._weights[place * 8 + bit] for bit in bits)
        return found
