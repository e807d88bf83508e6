"""An endpoint that fails again and again is left alone."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.adapters.breaker import LONGEST_S, Breaker, of
from stages.errors import EndpointDown
from tests.adapters.asking import settings


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def breaker(home: Path, clock: Clock) -> Breaker:
    """Of a process of its own."""
    return Breaker(home, "http://model/v1", failures=5, rest_s=600, clock=clock)


def is_open(found: Breaker) -> bool:
    try:
        found.check()
    except EndpointDown:
        return True
    return False


def fail(found: Breaker, times: int) -> None:
    for number in range(times):
        found.failed(f"failure {number}", item=f"item {number % 2}")


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not(tmp_path: Path, clock: Clock) -> None:
    found = breaker(tmp_path, clock)
    fail(found, 4)
    found.succeeded()
    fail(found, 4)
    assert not is_open(found)
    fail(found, 1)
    with pytest.raises(
        EndpointDown, match=r"http://model/v1 failed again and again and is left alone until 1970-01-12"
    ):
        found.check()


def test_failures_are_counted_across_processes_and_a_success_of_any_ends_the_row(tmp_path: Path, clock: Clock) -> None:
    one, two = breaker(tmp_path, clock), breaker(tmp_path, clock)
    fail(one, 2)
    fail(two, 2)
    one.succeeded()
    fail(two, 2)
    fail(breaker(tmp_path, clock), 2)
    assert not is_open(one)
    fail(breaker(tmp_path, clock), 1)
    assert is_open(one)
    assert is_open(two)


def test_it_stays_open_for_other_processes_and_closes_by_time(tmp_path: Path, clock: Clock) -> None:
    fail(breaker(tmp_path, clock), 5)
    assert is_open(breaker(tmp_path, clock))
    clock.now += 599
    assert is_open(breaker(tmp_path, clock))
    clock.now += 2
    assert not is_open(breaker(tmp_path, clock))


def test_after_a_rest_a_few_failures_open_it_for_twice_as_long(tmp_path: Path, clock: Clock) -> None:
    fail(breaker(tmp_path, clock), 5)
    rests = []
    for _ in range(5):
        while is_open(breaker(tmp_path, clock)):
            clock.now += 60
        began = clock.now
        fail(breaker(tmp_path, clock), 3)
        while is_open(breaker(tmp_path, clock)):
            clock.now += 60
        rests.append(clock.now - began)
    assert rests == [1200, 2400, 3600, 3600, LONGEST_S]


def test_calls_that_were_under_way_when_it_opened_do_not_prolong_it(tmp_path: Path, clock: Clock) -> None:
    found = breaker(tmp_path, clock)
    fail(found, 25)
    clock.now += 601
    fail(found, 2)
    assert not is_open(found)


def test_a_success_after_a_rest_forgets_all(tmp_path: Path, clock: Clock) -> None:
    fail(breaker(tmp_path, clock), 5)
    clock.now += 601
    breaker(tmp_path, clock).succeeded()
    assert list((tmp_path / "breakers").iterdir()) == []
    found = breaker(tmp_path, clock)
    fail(found, 4)
    assert not is_open(found)


def test_what_fails_for_one_item_alone_opens_it_for_that_item_and_holds_up_no_other(
    tmp_path: Path, clock: Clock
) -> None:
    for number in range(5):
        breaker(tmp_path, clock).failed(f"failure {number}", item="poison")
    with pytest.raises(EndpointDown) as raised:
        breaker(tmp_path, clock).check("poison")
    assert raised.value.item == "poison"
    for _ in range(4):
        breaker(tmp_path, clock).check("another")
        assert not is_open(breaker(tmp_path, clock))
        breaker(tmp_path, clock).failed("the endpoint is down", item="another")
    breaker(tmp_path, clock).failed("the endpoint is down", item="third")
    with pytest.raises(EndpointDown) as raised:
        breaker(tmp_path, clock).check("fourth")
    assert raised.value.item == ""


def test_a_clock_that_was_wrong_keeps_it_open_for_an_hour_at_most(tmp_path: Path, clock: Clock) -> None:
    fail(breaker(tmp_path, clock), 5)
    clock.now -= 86_400
    assert not is_open(breaker(tmp_path, clock))


def test_other_addresses_are_not_concerned_nor_is_a_damaged_file(tmp_path: Path, clock: Clock) -> None:
    fail(breaker(tmp_path, clock), 5)
    assert not is_open(Breaker(tmp_path, "http://other/v1", 5, 600, clock))
    (file,) = (tmp_path / "breakers").iterdir()
    file.write_text("{")
    assert not is_open(breaker(tmp_path, clock))


def test_a_login_in_the_address_is_in_no_message_and_in_no_file(tmp_path: Path) -> None:
    address = "http://me:pass%2Fword-1@127.0.0.1:9/v1"
    chosen = settings(tmp_path, OPENAI_BASE_URL=address, model="fake-1", failures=2)
    fail(of(chosen), 2)
    with pytest.raises(EndpointDown, match=r"^http://127\.0\.0\.1:9/v1 failed again and again"):
        of(chosen).check()
    (file,) = (tmp_path / "breakers").iterdir()
    assert "me:" not in file.read_text()
    told = {secret.get_secret_value() for secret in chosen.secrets if secret}
    assert told == {"pass%2Fword-1", "pass/word-1"}, "so that it is taken out of every other text, too"
