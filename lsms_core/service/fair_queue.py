"""A fair queue: clients take turns, and the requests of each client keep their order."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, Protocol, TypeVar


class Queued(Protocol):
    """Something of a client."""

    client: str


Item = TypeVar("Item", bound=Queued)


class FairQueue(Generic[Item]):
    """A queue in which a client with many requests does not keep the others waiting."""

    def __init__(self) -> None:
        # The client whose turn is next comes first.
        self._clients: OrderedDict[str, deque[Item]] = OrderedDict()

    def put(self, item: Item) -> None:
        """Let an item wait for its client's turn."""
        self._clients.setdefault(item.client, deque()).append(item)

    def take(self) -> Item:
        """Return the next item; its client goes to the end.

        Raises:
            IndexError: when none waits.
        """
        if not self._clients:
            raise IndexError("nothing waits")
        client, items = next(iter(self._clients.items()))
        item = items.popleft()
        del self._clients[client]
        if items:
            self._clients[client] = items
        return item

    def remove(self, item: Item) -> bool:
        """Take an item out; False where it does not wait."""
        items = self._clients.get(item.client, deque())
        if item not in items:
            return False
        items.remove(item)
        if not items:
            del self._clients[item.client]
        return True

    def before(self, item: Item) -> int | None:
        """Return how many come before an item, None where it does not wait."""
        own = self._clients.get(item.client)
        if own is None or item not in own:
            return None
        round_number = own.index(item)
        before = 0
        passed = False
        for client, items in self._clients.items():
            passed = passed or client == item.client
            # Up to this round; clients behind it have one turn fewer before its own.
            turns = round_number if passed else round_number + 1
            before += min(len(items), turns)
        return before

    def items(self) -> list[Item]:
        """Return all that waits, client by client."""
        return [item for items in self._clients.values() for item in items]

    def __len__(self) -> int:
        return sum(map(len, self._clients.values()))
