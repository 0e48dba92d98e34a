"""What a client may cost the others: real servers, and clients with good
certificates that ask too much at a time, too often or too large, and that do
not read what they asked for.

Meanwhile a city writes. Each of its writes is acknowledged and durable at the
province within ALARM_SECONDS, the servers grow by no more than GROWTH_MIB, what
is over a limit is refused with RESOURCE_EXHAUSTED and words within
EARLY_SECONDS, and when it is over everything is served as before.
"""

import collections
import concurrent.futures
import contextlib
import queue
import shutil
import threading
import time

import grpc

import harness
import rpc
from harness import until
from rpc import audit_pb2, node_pb2, query_pb2
from speed_test import resident_mb, write_rows

CITY = "360100"
ROWS = 200_000  # so that all records are more than connections hold
# common/transport/peer_limits.h, node/write_calls.h, common/transport/channel.h,
# common/transport/answer_watch.h, common/ledger/bundle.h
CALLS_PER_PEER, PEOPLE_CALLS = 16, 32
ANSWER_SECONDS = 60
STREAMS_PER_PEER, STREAMS = 256, 512
MESSAGE_BYTES = 64 << 20
TRANSACTION_CHANGES, TRANSACTION_BYTES = 10_000, 4 << 20
PAGE_SIZE = 1_000
UNIT, ENROLMENT = 1, 3
# Whose answers are more than a connection holds.
UNREAD_WRITES, UNREAD_CHANGES = 150, 1_000

ALARM_SECONDS = 5
EARLY_SECONDS = 5
GROWTH_MIB = 512
PATIENCE = 60
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


class Client:
    """One identity on a connection of its own."""

    def __init__(self, province, name, address):
        # Takes little ahead of the reader.
        self.channel = rpc.connect(province, name, address, [
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", 1 << 16)])

    def close(self):
        self.channel.close()

    def call(self, name, request, answer):
        return self.channel.unary_unary(
            f"/tongchou.v1.{name}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString)(request,
                                                     timeout=PATIENCE)

    def answers(self, name, request):
        """A stream, as bytes, for the caller to read or not."""
        return self.channel.unary_stream(
            f"/tongchou.v1.{name}",
            request_serializer=type(request).SerializeToString)(request)

    def write_stream(self):
        """A queue for requests, and the stream of the answers to them."""
        requests = queue.Queue()
        return requests, self.channel.stream_stream(
            "/tongchou.v1.Node/WriteStream",
            request_serializer=node_pb2.WriteRequest.SerializeToString,
            response_deserializer=node_pb2.WriteResponse.FromString)(
                iter(requests.get, None))


def transaction(name, changes=1, text="厂"):
    request = node_pb2.WriteRequest(transaction_id=name.encode())
    for i in range(changes):
        change = request.changes.add(type=UNIT)
        for code, value in (("AAB001", f"{name}.{i}"[:16]), ("AAB004", text),
                            ("AAB301", CITY[:4] + "02")):
            change.fields.add(code=code, value=value)
    return request


def refused(call, *words, code=EXHAUSTED):
    """Early, with the code and these words."""
    started = time.monotonic()
    try:
        call()
    except grpc.RpcError as error:
        took = time.monotonic() - started
        assert error.code() == code, (error.code(), error.details())
        for word in words:
            assert word in error.details(), (word, error.details())
        assert took < EARLY_SECONDS, (took, error.details())
        return
    raise AssertionError(f"was not refused: {words}")


class Writes:
    """The city writes, one unit after the other, and each has to arrive."""

    def __init__(self, trial):
        self.client = trial.connect("operator-" + CITY, trial.node)
        self.slowest = 0
        self.count = 0
        self.problem = None
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def status(self):
        return self.client.call("Node/GetNodeStatus",
                                node_pb2.GetNodeStatusRequest(),
                                node_pb2.GetNodeStatusResponse)

    def write(self):
        started = time.monotonic()
        size = self.client.call(
            "Node/Write", transaction(f"w{self.count}"),
            node_pb2.WriteResponse).committed_size
        while self.status().durable_size < size:
            assert time.monotonic() - started < ALARM_SECONDS, (
                f"write {self.count} is not durable")
            time.sleep(0.01)
        self.slowest = max(self.slowest, time.monotonic() - started)
        self.count += 1

    def run(self):
        try:
            while not self.stop.is_set():
                self.write()
                time.sleep(0.05)
        except (AssertionError, grpc.RpcError) as problem:
            self.problem = problem


class Trial:
    def __init__(self, province):
        self.province = province
        self.aggregator = province.aggregator_address
        self.node = province.node_address[CITY]
        self.clients = contextlib.ExitStack()

    def connect(self, name, address):
        client = Client(self.province, name, address)
        self.clients.callback(client.close)
        return client

    def resident(self):
        return {name: resident_mb(process) for name, (process, _)
                in self.province.processes.items()}

    @contextlib.contextmanager
    def meanwhile(self, what):
        """What has to hold beside it."""
        before = self.resident()
        writes = Writes(self)
        writes.thread.start()
        try:
            yield
            until(ALARM_SECONDS, "a write beside it", lambda:
                  writes.count > 2 or writes.problem is not None)
        finally:
            writes.stop.set()
            writes.thread.join()
        if writes.problem is not None:
            raise AssertionError(f"{what}: {writes.problem}")
        grown = {name: after - before[name]
                 for name, after in self.resident().items()}
        assert all(g < GROWTH_MIB for g in grown.values()), (what, grown)
        print(f"ok: {what}: {writes.count} writes beside it, the slowest "
              f"durable in {writes.slowest * 1000:.0f} ms, grown by "
              f"{ {n: round(g) for n, g in grown.items()} } MiB", flush=True)

    def status(self, client):
        return client.call("Query/GetStatus", query_pb2.GetStatusRequest(),
                           query_pb2.GetStatusResponse)


def slow_readers(trial):
    """All records, asked for by people who then read nothing: at the limit of
    each, at that of all together, and served again, once one of them goes and
    once they have read nothing for too long. And a program that only writes."""
    first, second, third = (trial.connect(f"auditor-{i}", trial.aggregator)
                            for i in range(3))
    writer = trial.connect("operator-0", trial.node)
    with trial.meanwhile("people who do not read"):
        held = []
        requests, unread = writer.write_stream()
        for i in range(UNREAD_WRITES):
            requests.put(transaction(f"u{i}", UNREAD_CHANGES))
        started = time.monotonic()
        for auditor in (first, second):
            for _ in range(CALLS_PER_PEER):
                held.append(auditor.answers("Audit/ReadRecords",
                                            audit_pb2.ReadRecordsRequest()))
                next(held[-1])  # one answer: it is served
        assert len(held) == PEOPLE_CALLS
        asked = time.monotonic()
        refused(lambda: trial.status(first), "16 calls of", "auditor/0")
        refused(lambda: trial.status(third), "32 calls", "everybody together")
        time.sleep(2)
        held.pop().cancel()
        until(EARLY_SECONDS, "a place is free", lambda: served(trial, third))
        until(ANSWER_SECONDS + EARLY_SECONDS, "a place of the first is free",
              lambda: served(trial, first))
        assert time.monotonic() - started >= ANSWER_SECONDS
        time.sleep(max(0, asked + ANSWER_SECONDS + EARLY_SECONDS
                       - time.monotonic()))
        requests.put(None)
        for call in [*held, unread]:
            refused(lambda call=call: collections.deque(call, maxlen=0),
                    f"nobody has read this answer for {ANSWER_SECONDS} s",
                    code=grpc.StatusCode.ABORTED)


def served(trial, client):
    try:
        trial.status(client)
        return True
    except grpc.RpcError as error:
        assert error.code() == EXHAUSTED, error
        return False


def page(client, kind, size):
    request = query_pb2.ListRecordsRequest(type=kind, page_size=size)
    request.reason.purpose = 1
    request.reason.document = "1"
    return client.call("Query/ListRecords", request,
                       query_pb2.ListRecordsResponse)


def busy_queries(trial):
    """Three people with a hundred pages at a time: answered, or refused
    early, and nothing else."""
    people = [trial.connect(f"auditor-{i}", trial.aggregator)
              for i in range(3)]
    outcomes = collections.Counter()
    slowest = collections.Counter()

    def ask(number):
        started = time.monotonic()
        try:
            page(people[number % len(people)], ENROLMENT, PAGE_SIZE)
            code = grpc.StatusCode.OK
        except grpc.RpcError as error:
            code = error.code()
        took = time.monotonic() - started
        outcomes[code] += 1
        slowest[code] = max(slowest[code], took)

    with trial.meanwhile("a hundred questions at a time"):
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            list(pool.map(ask, range(600)))
        assert set(outcomes) <= {grpc.StatusCode.OK, EXHAUSTED}, outcomes
        assert outcomes[grpc.StatusCode.OK] > 0, outcomes
        assert slowest[EXHAUSTED] < EARLY_SECONDS, slowest
    print(f"ok: {outcomes[grpc.StatusCode.OK]} answered, "
          f"{outcomes[EXHAUSTED]} refused", flush=True)


def write_streams(trial):
    """As many as one may have, and as all may have; each of them commits."""
    one, two, three = (trial.connect(f"operator-{i}", trial.node)
                       for i in range(3))
    with trial.meanwhile("512 write streams"):
        open_streams = []

        def open_one(client):
            requests, answers = client.write_stream()
            requests.put(transaction(f"s{len(open_streams)}"))
            next(answers)
            open_streams.append((requests, answers))

        for client, peer in ((one, "operator/o0"), (two, "operator/o1")):
            for _ in range(STREAMS_PER_PEER):
                open_one(client)
            if len(open_streams) < STREAMS:
                refused(lambda: open_one(one), "256 calls of", peer)
        assert len(open_streams) == STREAMS
        refused(lambda: open_one(three), "512 calls", "everybody together")
        for requests, _ in open_streams:
            requests.put(None)  # the client's end of it

        def opens():
            try:
                open_one(three)
                return True
            except grpc.RpcError:
                return False
        until(EARLY_SECONDS, "a stream is free", opens)
        open_streams[-1][0].put(None)


def sizes(trial):
    """Requests at the bounds are taken, those above are not."""
    operator = trial.connect("operator-0", trial.node)
    auditor = trial.connect("auditor-0", trial.aggregator)
    invalid = grpc.StatusCode.INVALID_ARGUMENT

    def write(request):
        return operator.call("Node/Write", request, node_pb2.WriteResponse)

    with trial.meanwhile("requests at their bounds"):
        assert len(write(transaction("most", TRANSACTION_CHANGES)).results) == (
            TRANSACTION_CHANGES)
        refused(lambda: write(transaction("more", TRANSACTION_CHANGES + 1)),
                "1 to 10000 changes")
        big = transaction("big")
        big.reason_text = "x" * TRANSACTION_BYTES
        refused(lambda: write(big), "reason_text", "500", code=invalid)
        huge = transaction("huge")
        huge.reason_text = "x" * MESSAGE_BYTES
        refused(lambda: write(huge), "larger than max")
        write(transaction("x" * 64))
        refused(lambda: write(transaction("x" * 65)), "64", code=invalid)
        assert len(page(auditor, UNIT, PAGE_SIZE).records) == PAGE_SIZE
        refused(lambda: page(auditor, UNIT, PAGE_SIZE + 1), "1000",
                code=invalid)


def main():
    opts = harness.options("abuse", synthetic=True, clock="2008-10-31")
    opts.data = opts.dir / "data"
    (opts.data / CITY).mkdir(parents=True)
    write_rows(opts.data / CITY / "enrolment.csv", ROWS)
    with harness.running(opts, harness.cities(opts)) as province:
        for i in range(3):
            province.issue(f"auditor-{i}", f"audit/auditor/{i}")
            province.issue(f"operator-{i}", f"city/{CITY}/operator/o{i}")
        province.wait_applied(province.import_all())
        trial = Trial(province)
        with trial.clients:
            slow_readers(trial)
            busy_queries(trial)
            write_streams(trial)
            sizes(trial)
    shutil.rmtree(opts.dir)


if __name__ == "__main__":
    main()
