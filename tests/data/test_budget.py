"""Threads that decode together: never more pixels at once than the budget, and none waits for ever."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from paripassu.data.budget import Budget


@pytest.mark.parametrize("sizes", [[3, 9, 4, 1, 10, 7] * 5, [50, 1, 50] * 4])
def test_pixels_at_once_stay_within_the_budget(sizes):
    budget, lock, held, most = Budget(10), threading.Lock(), [], []

    def decode(size):
        with budget.decode(size):
            with lock:
                held.append(size)
                most.append((sum(held), len(held)))
            time.sleep(0.001)
            with lock:
                held.remove(size)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, sizes))
    assert len(most) == len(sizes)
    assert all(pixels <= 10 or count == 1 for pixels, count in most)


def test_large_files_are_read_one_by_one():
    budget, reading, most = Budget(), [], []

    def read(size):
        with budget.read(size):
            reading.append(size)
            most.append(len(reading))
            time.sleep(0.001)
            reading.pop()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read, [10**8] * 12))
    assert max(most) == 1


def test_an_error_gives_the_pixels_back():
    budget = Budget(10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), budget.decode(10):
            raise ZeroDivisionError
