"""What the chapter on the bad partition says of groups, tried on a real broker."""

import itertools
import threading

import pytest
from kafka import AsyncConsumerRebalanceListener, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.structs import OffsetAndMetadata

from labkit import wait_until

PARTITIONS = 6
EAGER, COOPERATIVE = RangePartitionAssignor, CooperativeStickyAssignor
groups = (f"group-{n}" for n in itertools.count(1))


class Member(AsyncConsumerRebalanceListener):
    """A consumer that polls in a thread of its own. It is told of its partitions in the
    client's own thread, where a commit that blocks would raise.

    revoked: the partitions that were taken from it. read: the records that it was
    given, by partition and offset. commits: whether it commits those of a partition
    when that is taken away.
    """

    def __init__(self, queue, group, assignor=EAGER, commits=False, **more):
        self.revoked, self.read, self.commits = [], [], commits
        self.partitions = set()
        self.consumer = queue.consumer(
            group_id=group,
            partition_assignment_strategy=[assignor],
            heartbeat_interval_ms=100,
            **more,
        )
        self.consumer.subscribe(["orders"], listener=self)
        self.consumer.topics()  # as `consumer` does: see there
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.poll, daemon=True)
        self.thread.start()

    def poll(self):
        while not self.ended.is_set():
            # long enough to join in: a poll that ends before joins anew the next time
            long = 1_000 if self.consumer.assignment() else 3_000
            for records in self.consumer.poll(long).values():
                self.read += [(r.partition, r.offset) for r in records]
            # what it was told may be of an assignment that another has overtaken
            self.partitions = {p.partition for p in self.consumer.assignment()}

    async def on_partitions_assigned(self, assigned):
        self.partitions = {place.partition for place in self.consumer.assignment()}

    async def on_partitions_revoked(self, revoked):
        numbers = {place.partition for place in revoked}
        self.revoked += sorted(numbers)
        self.partitions = self.partitions - numbers
        done = dict(p for p in self.next_offsets().items() if p[0].partition in numbers)
        if self.commits and done:
            await self.consumer.commit_async(done)

    def next_offsets(self):
        last = {}
        for partition, offset in sorted(self.read):
            last[TopicPartition("orders", partition)] = offset + 1
        return {p: OffsetAndMetadata(n, "", -1) for p, n in last.items()}

    def close(self):
        self.ended.set()
        self.thread.join()
        self.consumer.close()


@pytest.fixture(scope="module")
def orders(queue):
    queue.create_topic("orders", partitions=PARTITIONS)
    producer = queue.producer()
    for n in range(5 * PARTITIONS):
        producer.send("orders", b"order", partition=n % PARTITIONS)
    producer.flush()
    return queue


@pytest.fixture
def join(orders):
    """Starts a member; all that are left are closed at the end."""
    group, members = next(groups), []

    def start(**more):
        members.append(Member(orders, group, **more))
        return members[-1]

    yield start
    for member in members:
        if not member.ended.is_set():
            member.close()


def share(*members):
    """Wait until these members hold all partitions, and each of them some."""

    def shared():
        held = [number for member in members for number in member.partitions]
        each = all(member.partitions for member in members)
        return each and sorted(held) == list(range(PARTITIONS))

    wait_until(shared, 30, "the group does not settle")


@pytest.mark.parametrize(("assignor", "taken"), [(COOPERATIVE, 3), (EAGER, 6)])
def test_cooperative_members_stop_only_the_partitions_that_move(join, assignor, taken):
    first = join(assignor=assignor)
    share(first)
    second = join(assignor=assignor)
    share(first, second)
    assert len(set(first.revoked)) == taken
    assert len(first.partitions) == len(second.partitions) == 3


def test_a_member_with_a_name_keeps_its_partitions_over_a_restart(join):
    stays, leaves = join(group_instance_id="a"), join(group_instance_id="b")
    share(stays, leaves)
    had, seen = leaves.partitions, len(stays.revoked)
    leaves.close()
    back = join(group_instance_id="b")
    share(stays, back)
    assert back.partitions == had and len(stays.revoked) == seen


def test_the_partitions_of_a_member_without_a_name_go_to_the_others(join):
    stays, leaves = join(), join()
    share(stays, leaves)
    leaves.close()
    share(stays)


@pytest.mark.parametrize(("commits", "again"), [(True, 0), (False, 15)])
def test_a_commit_when_partitions_are_taken_spares_the_next_owner(join, commits, again):
    first = join(commits=commits)
    share(first)
    wait_until(lambda: len(first.read) == 30, 20, "not all records were read")
    second = join(commits=True)
    share(first, second)
    wait_until(lambda: len(second.read) == again, 20, "other records came")
    moved = [TopicPartition("orders", n) for n in sorted(second.partitions)]
    assert all(second.consumer.committed(p) == (5 if commits else None) for p in moved)
