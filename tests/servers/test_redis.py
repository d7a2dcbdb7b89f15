"""Redis' promises."""

import pytest
import redis
from promises import *  # noqa: F403

from labkit import Redis, wait_until


@pytest.fixture(scope="module")
def server(cache):
    return cache


def test_redis_lets_nobody_in_without_the_password(cache):
    with pytest.raises(redis.AuthenticationError):
        cache.client(password=None).ping()


def test_a_frozen_server_is_alive_and_answers_nobody_until_it_is_resumed(cache):
    impatient = cache.client(socket_timeout=0.3, socket_connect_timeout=0.3)
    cache.primary.pause()
    cache.primary.pause()  # twice is once
    assert cache.primary.alive() and cache.primary.frozen()
    with pytest.raises(redis.TimeoutError):
        impatient.ping()
    cache.primary.resume()
    cache.primary.resume()
    assert not cache.primary.frozen()
    assert cache.client().ping()


def test_a_frozen_server_can_be_killed(cache):
    cache.primary.pause()
    cache.primary.kill()
    assert not cache.primary.alive()
    cache.primary.start()
    assert cache.client().ping()


def test_a_replica_of_redis_follows_its_primary(cache):
    cache.client().set("price", "100")
    copy = cache.replicas[0].client()
    wait_until(lambda: copy.get("price") == "100", 10, "the replica has no price")


def test_a_second_redis_goes_by_its_own_name(lab, cache):
    vault = lab.start(Redis(name="vault"))
    assert vault.describe().endswith("(vault)")
    vault.client().set("cart", "a mug")
    assert cache.client().get("cart") is None


def test_memory_is_free_when_flushall_returns(lab):
    cache = lab.start(Redis())  # no replica, for which memory is kept, too
    client = cache.client()
    for _ in range(5):
        before = cache.info("memory")["used_memory"]
        with client.pipeline(transaction=False) as pages:
            for n in range(3000):
                pages.set(f"page:{n}", "x" * 1000)
            pages.execute()
        client.flushall()
        assert cache.info("memory")["used_memory"] < before + 1_000_000


def test_redis_that_dies_at_its_start_shows_its_log_and_leaves_nothing(dies):
    dies(Redis(settings={"maxmemory": "nonsense"}), "maxmemory")


def test_its_product_is_the_one_that_answers(cache):
    assert cache.product in ("Redis", "Valkey")
