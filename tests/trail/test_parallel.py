"""Concurrency follows latency and memory, results lose nothing, and a stop ends quickly."""

import threading
import time

import pytest

from auditor.trail.parallel import (
    REMOTE_LEAST_PER_CORE,
    REMOTE_MOST,
    REMOTE_START,
    Concurrency,
    Stopped,
    Workers,
    cores,
)


def test_every_task_gives_one_result() -> None:
    workers: Workers[int, int] = Workers(Concurrency(remote=True), threading.Event())
    assert sorted(workers.map(lambda task: task * 2, range(500))) == [(task, task * 2) for task in range(500)]
    workers.close()


@pytest.mark.parametrize(
    ("milliseconds", "expected"), [(0.1, REMOTE_LEAST_PER_CORE * cores()), (10, 80), (20, 160), (900, REMOTE_MOST)]
)
def test_requests_under_way_follow_the_latency(milliseconds: float, expected: int) -> None:
    concurrency = Concurrency(remote=True)
    assert concurrency.limit == REMOTE_START
    concurrency.saw(milliseconds / 1000)
    concurrency.saw(5.0)  # our own queueing does not count
    assert concurrency.limit == max(expected, REMOTE_LEAST_PER_CORE * cores())


def test_local_work_gets_one_thread_more_than_cores_and_a_fixed_number_is_kept() -> None:
    assert Concurrency(remote=False).limit == cores() + 1
    assert Concurrency(remote=True, fixed=3).limit == Concurrency(remote=True, fixed=3).most == 3


def test_heavy_tasks_come_a_few_at_a_time() -> None:
    lock, running, most = threading.Lock(), [0], [0]

    def work(task: int) -> int:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.002)
        with lock:
            running[0] -= 1
        return task

    workers: Workers[int, int] = Workers(Concurrency(remote=True, fixed=16), threading.Event())
    assert len(list(workers.map(work, range(60), weigh=lambda _: 10, budget=30))) == 60
    assert most[0] <= 3
    workers.close()


def test_a_task_heavier_than_the_budget_still_runs() -> None:
    workers: Workers[int, int] = Workers(Concurrency(remote=False), threading.Event())
    assert list(workers.map(lambda task: task, [7], weigh=lambda _: 10**9, budget=1)) == [(7, 7)]
    workers.close()


def test_a_stop_draws_no_further_task() -> None:
    stop = threading.Event()
    drawn: list[int] = []

    def tasks() -> "list[int]":
        return list(range(10_000))

    def work(task: int) -> int:
        drawn.append(task)
        if task == 20:
            stop.set()
        return task

    workers: Workers[int, int] = Workers(Concurrency(remote=True, fixed=4), stop)
    with pytest.raises(Stopped):
        list(workers.map(work, tasks()))
    workers.close()
    assert len(drawn) < 100


def test_an_exception_of_a_task_is_raised_here() -> None:
    def work(task: int) -> int:
        raise ZeroDivisionError(task)

    workers: Workers[int, int] = Workers(Concurrency(remote=True), threading.Event())
    with pytest.raises(ZeroDivisionError):
        list(workers.map(work, range(50)))
    workers.close()
