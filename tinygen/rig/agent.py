"""Speaks to a labgrid coordinator; run by labgrid's interpreter, so it imports nothing of tinygen.

    python -I agent.py ADDRESS NAME list
    python -I agent.py ADDRESS NAME hold LEASE TAG=VALUE...

Every line on standard output is a JSON object with an ``event``. ``list`` gives ``places``.
``hold`` reserves a place with the tags, waits for it, acquires it (``acquired``), and releases it
as soon as standard input ends (``released``): the kernel closes that pipe however the parent ends,
kill -9 included. On the way it may say ``waiting`` and ``freed``. What goes wrong is ``error``, the
last line, with a ``kind``.

A coordinator keeps a place acquired for ever, whatever became of its holder. For the case that a
whole machine is lost, a place held here is touched several times per lease, which moves its time of
change; who waits and sees a place of tinygen's unmoved for a whole lease releases it. Only
the coordinator's clock is looked at, and only whether it moves.
"""

import json
import queue
import signal
import sys
import threading
import time
from typing import Any

import grpc
from labgrid.remote.common import Place, ResourceEntry
from labgrid.remote.generated import labgrid_coordinator_pb2 as messages
from labgrid.remote.generated.labgrid_coordinator_pb2_grpc import CoordinatorStub
from labgrid.util import labgrid_version

CONNECT_SECONDS = 5
ANSWER_SECONDS = 15  # a coordinator gives an exporter ten to acquire a resource
POLL_SECONDS = 0.5
EXPORT_SECONDS = 10
BEATS_PER_LEASE = 5
OURS = "/tinygen-"  # in a holder's name, HOST/tinygen-...
WAITING, ALLOCATED, ACQUIRED = range(3)  # states of a reservation
# A machine that is gone must not keep a connection for ever.
CHANNEL = (
    ("grpc.keepalive_time_ms", 7_500),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
)


class AgentError(Exception):
    """``kind`` is absent, missing, refused, lost or taken; the text is what is to be told."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind


def tell(event: str, **facts: object) -> None:
    """Prints one event."""
    print(json.dumps({"event": event, **facts}), flush=True)


class Coordinator:
    """A client's session: requests, and what the coordinator says of places and resources."""

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        channel = grpc.insecure_channel(address, options=CHANNEL)
        try:
            grpc.channel_ready_future(channel).result(timeout=CONNECT_SECONDS)
        except grpc.FutureTimeoutError:
            raise AgentError("absent", "it does not answer") from None
        self._stub = CoordinatorStub(channel)
        self._outgoing: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._resources: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._changed = threading.Condition()
        self._synchronised = False
        stream = self._stub.ClientStream(iter(self._outgoing.get, None))
        startup = messages.StartupDone(version=labgrid_version(), name=name)
        self._outgoing.put(messages.ClientInMessage(startup=startup))
        subscription = messages.Subscribe(all_resources=True)
        self._outgoing.put(messages.ClientInMessage(subscribe=subscription))
        self._outgoing.put(messages.ClientInMessage(sync=messages.Sync(id=1)))
        threading.Thread(target=self._listen, args=(stream,), daemon=True).start()
        with self._changed:
            if not self._changed.wait_for(lambda: self._synchronised, ANSWER_SECONDS):
                raise AgentError("absent", "it is no coordinator of a version known here")

    def call(self, method: str, **request: Any) -> Any:
        """One request by its name; raises AgentError with the coordinator's own words."""
        message = getattr(messages, f"{method}Request")(**request)
        try:
            return getattr(self._stub, method)(message, timeout=ANSWER_SECONDS)
        except grpc.RpcError as error:
            kinds = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
            kind = "lost" if error.code() in kinds else "refused"
            raise AgentError(kind, error.details()) from None

    def places(self) -> list[Place]:
        """Every place."""
        return [Place.from_pb2(place) for place in self.call("GetPlaces").places]

    def place(self, name: str) -> Place | None:
        """The place of this name, None when it was deleted."""
        return next((place for place in self.places() if place.name == name), None)

    def resources(self, place: Place) -> list[dict[str, Any]]:
        """What belongs to a place, in the order of the names that it has there."""
        found = []
        with self._changed:
            for (exporter, group, name), data in self._resources.items():
                match = place.getmatch((exporter, group, data["cls"], name))
                if match:
                    found.append({**data, "name": match.rename or name, "exporter": exporter})
        return sorted(found, key=lambda resource: (resource["name"], resource["exporter"]))

    def wait_for_resources(self, place: Place) -> list[dict[str, Any]]:
        """The same, once the exporter has made them reachable, or for long enough."""

        def ready() -> bool:
            found = self.resources(place)
            return bool(found) and all(r["avail"] and r["acquired"] == place.name for r in found)

        with self._changed:
            self._changed.wait_for(ready, EXPORT_SECONDS)
        return self.resources(place)

    def _listen(self, stream: Any) -> None:
        try:
            for message in stream:
                with self._changed:
                    for update in message.updates:
                        self._update(update)
                    self._synchronised |= message.HasField("sync")
                    self._changed.notify_all()
        except grpc.RpcError:
            return  # the next request says so

    def _update(self, update: Any) -> None:
        kind = update.WhichOneof("kind")
        if kind not in ("resource", "del_resource"):
            return
        path = update.resource.path if kind == "resource" else update.del_resource
        key = (path.exporter_name, path.group_name, path.resource_name)
        if kind == "resource":
            self._resources[key] = ResourceEntry.data_from_pb2(update.resource)
        else:
            self._resources.pop(key, None)


def facts(coordinator: Coordinator, place: Place) -> dict[str, Any]:
    """What is told of a place."""
    return {
        "name": place.name,
        "tags": place.tags,
        "comment": place.comment,
        "holder": place.acquired or None,
        "changed": place.changed,
        "resources": coordinator.resources(place),
    }


class Abandoned:
    """Watches the holders of places, and releases what has not been touched for a lease."""

    def __init__(self, coordinator: Coordinator, lease: float) -> None:
        self._coordinator = coordinator
        self._lease = lease
        self._seen: dict[str, tuple[tuple[str, float], float]] = {}

    def release(self, places: list[Place]) -> None:
        """Looks at these places once more."""
        now = time.monotonic()
        for place in places:
            if not place.acquired or OURS not in place.acquired:
                continue
            mark = (place.acquired, place.changed)
            known, since = self._seen.get(place.name, ((), now))
            if mark != known:
                self._seen[place.name] = (mark, now)
            elif now - since > self._lease:
                call = self._coordinator.call
                call("ReleasePlace", placename=place.name, fromuser=place.acquired)
                if place.reservation:  # it would keep the place for another minute
                    call("CancelReservation", token=place.reservation)
                tell("freed", place=place.name, holder=place.acquired)


def reserve(
    coordinator: Coordinator, tags: dict[str, str], lease: float, closing: threading.Event
) -> tuple[str, str | None]:
    """A reservation's token and the name of the acquired place; None when it is time to end."""
    candidates = [p for p in coordinator.places() if tags.items() <= named(p).items()]
    if not candidates:
        raise AgentError("missing", "it has no such place")
    wanted = {"main": messages.Reservation.Filter(filter=tags)}
    token = coordinator.call("CreateReservation", filters=wanted, prio=0.0).reservation.token
    abandoned = Abandoned(coordinator, lease)
    told: list[tuple[str, str]] = []
    while not closing.is_set():
        reservation = coordinator.call("PollReservation", token=token).reservation
        if reservation.state == ALLOCATED:
            name = reservation.allocations["main"]
            try:
                coordinator.call("AcquirePlace", placename=name)
            except AgentError:
                coordinator.call("CancelReservation", token=token)
                raise
            return token, name
        if reservation.state != WAITING:
            raise AgentError("refused", "the reservation has expired")
        candidates = [p for p in coordinator.places() if tags.items() <= named(p).items()]
        abandoned.release(candidates)
        holders = sorted((p.name, p.acquired or "a reservation") for p in candidates)
        if holders != told:
            tell("waiting", places=holders)
            told = holders
        closing.wait(POLL_SECONDS)
    coordinator.call("CancelReservation", token=token)
    return token, None


def named(place: Place) -> dict[str, str]:
    """The tags by which a coordinator finds a place: its own, and its name."""
    return {**place.tags, "name": place.name}


def keep(coordinator: Coordinator, name: str, lease: float, closing: threading.Event) -> None:
    """Touches the place until it is time to end; a coordinator may be away for a lease."""
    touched = time.monotonic()
    while not closing.wait(lease / BEATS_PER_LEASE):
        try:
            place = coordinator.place(name)
            if place is None or place.acquired != coordinator.name:
                now = place and place.acquired
                raise AgentError("taken", f"{name} now belongs to {now or 'nobody'}")
            coordinator.call("SetPlaceTags", placename=name, tags={})
            touched = time.monotonic()
        except AgentError as error:
            if error.kind != "lost" or time.monotonic() - touched > lease:
                raise


def end_with_input(closing: threading.Event) -> None:
    """Sets the event when the parent closes its end of the pipe, or has ended."""
    sys.stdin.read()
    closing.set()


def hold(coordinator: Coordinator, lease: float, tags: dict[str, str]) -> None:
    """Has a place until standard input ends."""
    closing = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: closing.set())
    threading.Thread(target=end_with_input, args=(closing,), daemon=True).start()
    token, name = reserve(coordinator, tags, lease, closing)
    if name is None:
        return
    try:
        place = coordinator.place(name)
        if place is None:
            raise AgentError("taken", f"{name} was deleted")
        coordinator.wait_for_resources(place)
        tell("acquired", place=facts(coordinator, place))
        keep(coordinator, name, lease, closing)
    finally:
        coordinator.call("ReleasePlace", placename=name, fromuser=coordinator.name)
        coordinator.call("CancelReservation", token=token)
    tell("released", place=name)


def main(address: str, name: str, task: str, *rest: str) -> int:
    """Does one task; returns the exit code."""
    try:
        coordinator = Coordinator(address, name)
        if task == "list":
            tell("places", places=[facts(coordinator, place) for place in coordinator.places()])
        else:
            lease, *tags = rest
            hold(coordinator, float(lease), dict(tag.split("=", 1) for tag in tags))
    except AgentError as error:
        tell("error", kind=error.kind, said=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
