"""client.py CONTROLLER STORE PATH: the main job of Storewarden, done by a stranger.

Made of grpcio and grpcio-reflection alone. Asks whether a deletion may start on STORE, tracks the deletion of PATH, follows
it to its end and prints the evidence. Somebody else removes the file meanwhile, or has done so. Ends with 0 and
`PYTHON CLIENT OK` when everything was as promised, with 1 and what was not otherwise, with 64 when called wrongly.
"""

from __future__ import annotations

import sys
import uuid

import grpc
from error_info import error_info
from google.protobuf import json_format
from reflection import Server, word

# Seconds for an answer that needs no look at a store.
CALL_S = 10
# Seconds that the deletion is given.
DEADLINE_S = 20
# Seconds beyond that in which its end must be told.
TOLD_S = 10
SERVICES = ("DeletionService", "EventService", "FleetService", "StoreService")
DOMAIN = "storewarden"


class Broken(Exception):
    """A promise was not kept."""


def expect(holds, otherwise: str):
    """Like assert, but there in every mode of the interpreter."""
    if not holds:
        raise Broken(otherwise)


def look_around(server: Server):
    print(f"services, by {server.reflection}:")
    for name in server.services:
        print(f"  {name}")
    for name in ("grpc.health.v1.Health", *(f"storewarden.v1.{s}" for s in SERVICES)):
        expect(name in server.services, f"reflection does not list {name}")
    health = server.method("grpc.health.v1.Health/Check")(CALL_S)
    print(f"health: {word(health, 'status')}")
    expect(word(health, "status") == "SERVING", "the controller does not serve")


def find_store(server: Server, name: str) -> str:
    """The id of the store that is named by id, source or mount point."""
    found = []
    for store in server.method("storewarden.v1.StoreService/List")(CALL_S).stores:
        print(f"store {store.id} {store.source}: {word(store, 'condition')}")
        for reason in store.reasons:
            print(f"  {reason.code}: {reason.message}")
        if name in (store.id, store.source, *(mount.mount_point for mount in store.mounts)):
            found.append(store.id)
    expect(len(found) == 1, f"{len(found)} stores are called {name}")
    return found[0]


def ask_leave(server: Server, store: str, store_id: str):
    answer = server.method("storewarden.v1.StoreService/Preflight")(
        CALL_S, store=store, operation=server.number("storewarden.v1.Operation.OPERATION_DELETE")
    )
    print(f"preflight for a deletion: {word(answer, 'decision')}, {word(answer, 'condition')}")
    for reason in answer.reasons:
        print(f"  {reason.code}: {reason.message}")
    expect(answer.store_id == store_id, f"preflight speaks of another store, {answer.store_id}")
    expect(word(answer, "decision") == "DECISION_ADMIT", "the deletion may not start")
    expect(answer.HasField("evidence_age_ms"), "admitted without evidence")


def track(server: Server, store: str, path: str):
    """Tracks the path, twice under one key, and gives the one deletion."""
    call = server.method("storewarden.v1.DeletionService/Track")
    asked = dict(store=store, paths=[path], deadline_in_ms=DEADLINE_S * 1000, key=f"python-{uuid.uuid4()}")
    first = call(CALL_S, **asked)
    expect(not first.replayed, "a new key was taken for a known one")
    expect(len(first.deletions) == 1, f"{len(first.deletions)} deletions for one path")
    # An absolute path is told relative to the store's root.
    told = first.deletions[0].path
    expect(path == told or path.endswith(f"/{told}"), f"{told} is tracked, not {path}")
    again = call(CALL_S, **asked)
    expect(again.replayed, "the same key was not recognised")
    expect([d.id for d in again.deletions] == [d.id for d in first.deletions], "the same key, another deletion")
    print(f"tracked {path} as {first.deletions[0].id}; the same again under its key was recognised")
    return first.deletions[0]


def follow(server: Server, deletion):
    """Follows the deletion until the server says that it has ended, and gives it as it stands then."""
    watching = server.method("storewarden.v1.DeletionService/Watch")
    cursor = 0
    for change in watching(DEADLINE_S + TOLD_S, since=0):
        expect(change.cursor > cursor, f"the cursor went from {cursor} to {change.cursor}")
        cursor, told = change.cursor, change.deletion
        if told.id != deletion.id:
            continue
        print(f"  {word(told, 'state')} {told.code} {told.message}".rstrip())
        deletion = told
        if deletion.HasField("ended_at_ms"):
            break
    expect(deletion.HasField("ended_at_ms"), "the stream ended before the deletion did")
    return deletion


def check_evidence(deletion):
    expect(word(deletion, "state") == "DELETION_STATE_CONFIRMED", f"not confirmed: {deletion.message}")
    expect(deletion.HasField("evidence"), "confirmed without evidence")
    evidence = deletion.evidence
    print("evidence:")
    print(json_format.MessageToJson(evidence, preserving_proto_field_name=True))
    for name in ("agent", "mount_point", "source", "fs_type", "how"):
        expect(getattr(evidence, name), f"the evidence does not say its {name}")
    expect(evidence.proof.before and evidence.proof.after, "the evidence lacks one of the two proofs of the mount")
    expect(0 < evidence.began_at_ms <= evidence.ended_at_ms, "the look has no time")


def meet_refusal(server: Server):
    """A store that is not there: the error must carry the stable reason."""
    try:
        server.method("storewarden.v1.StoreService/Get")(CALL_S, store=f"no-such-store-{uuid.uuid4()}")
    except grpc.RpcError as error:
        expect(error.code() == grpc.StatusCode.NOT_FOUND, f"an unknown store is {error.code()}")
        info = error_info(error)
        expect(info == ("STORE_UNKNOWN", DOMAIN), f"an unknown store has ErrorInfo {info}")
        print(f"an unknown store: {error.code().name}, {info[0]} of {info[1]}: {error.details()}")
        return
    raise Broken("an unknown store was found")


def run(controller: str, store: str, path: str):
    with grpc.insecure_channel(controller) as channel:
        grpc.channel_ready_future(channel).result(timeout=CALL_S)
        server = Server(channel)
        look_around(server)
        store_id = find_store(server, store)
        ask_leave(server, store, store_id)
        meet_refusal(server)
        check_evidence(follow(server, track(server, store, path)))


def main(words) -> int:
    if len(words) != 3:
        print("usage: client.py CONTROLLER_ADDR STORE PATH", file=sys.stderr)
        return 64
    try:
        run(*words)
    except Broken as broken:
        problem = str(broken)
    except grpc.FutureTimeoutError:
        problem = f"no controller at {words[0]} within {CALL_S} s"
    except grpc.RpcError as error:
        info = error_info(error)
        problem = f"{error.code().name}{f' {info[0]}' if info else ''}: {error.details()}"
    except KeyError as missing:
        problem = f"reflection does not know {missing}"
    else:
        print("PYTHON CLIENT OK")
        return 0
    sys.stdout.flush()
    print(f"PYTHON CLIENT FAILED: {problem}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    # Somebody may be waiting for a line while the program still runs.
    sys.stdout.reconfigure(line_buffering=True)
    sys.exit(main(sys.argv[1:]))
