"""A month of run history in Prefect's database, day after day, with the retention that `make up` sets.

Each day is made by the real engine: ticks that find nothing, and a run of a few items. Then everything in the database
is made a day older, and Prefect's own vacuum, which looks every few seconds here, removes what is too old.
`python -m tests.bench.history TICKS` makes a day on the server that PREFECT_API_URL names.
"""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prefect import flow, get_run_logger
from prefect.artifacts import acreate_markdown_artifact

from deployments.deploy import PROJECT
from deployments.prefect_server import SERVER
from deployments.processes import Child, stop
from flows.policy import act
from flows.preflight import answers
from tests.bench.rig import PATIENCE_S, Rig, ports
from tests.bench.table import Figure

TICKS_A_DAY = 720
ITEMS, TASK_RUNS = 4, 9
"""Of the one run a day that has something to do; task runs of an item."""
REPORT = "A line of an item's page: finding, answers, diff, verdict.\n" * 200
AGED = {
    "flow_run": ("start_time", "end_time", "expected_start_time"),
    "task_run": ("start_time", "end_time", "expected_start_time"),
    "events": ("occurred", "received"),
    "event_resources": ("occurred",),
    "log": ("timestamp",),
}
MB = 1e6


def history(rig: Rig, days: int, kept: int, ticks: int) -> Iterator[Figure]:
    """The database after so many days of so many ticks: runs are kept for `kept` days, events for half of them."""
    (port,) = ports(1)
    folder, api = rig.folder / "history", f"http://127.0.0.1:{port}/api"
    own = {
        **SERVER,
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": f"P{kept // 2}D",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(kept * 86_400),
        "PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "2",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ORPHAN_CLEANUP_LOOP_SECONDS": "2",
    }
    argv = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    child = Child("The server with a history", argv, rig.folder / "logs" / "history.log", {**rig.env, **own})
    child.start()
    try:
        child.wait_until(lambda: answers(f"{api}/health"), 240)
        env, database = {**rig.env, "PREFECT_API_URL": api}, folder / "prefect.db"
        sizes = [_day(env, database, kept, ticks) for _ in range(days)]
    finally:
        stop([child])
    yield from _figures(sizes, kept, ticks)


def _figures(sizes: list[float], kept: int, ticks: int) -> Iterator[Figure]:
    first, full, last, days = sizes[0], sizes[kept - 1], sizes[-1], len(sizes)
    raw = f"MB on day 1: {first / MB:.1f}, {kept}: {full / MB:.1f}, {days}: {last / MB:.1f}; {ticks} ticks a day"
    yield Figure(f"run history after {days} days ÷ after the {kept} that are kept", last / full, 1.25, raw)
    growing = kept // 2  # days in which nothing is removed yet
    a_tick = (sizes[growing - 1] - first) / (growing - 1) / ticks
    raw = f"{a_tick / 1e3:.0f} kB a tick, its share of a run of {ITEMS} items a day included"
    yield Figure("run history: MB a day at a tick every 120 s", a_tick * TICKS_A_DAY / MB, None, raw)


def _day(env: dict[str, str], database: Path, kept: int, ticks: int) -> float:
    """Bytes of the database that are in use at the day's end, once what is too old has been removed."""
    argv = [sys.executable, "-m", "tests.bench.history", str(ticks)]
    subprocess.run(argv, cwd=PROJECT, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(3)  # the server writes events and task runs a moment later
    with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as db:
        for table, columns in AGED.items():
            older = ", ".join(f"{column} = strftime('%Y-%m-%d %H:%M:%f', {column}, '-1 day')" for column in columns)
            db.execute(f"UPDATE {table} SET {older}")
        end = time.time() + PATIENCE_S
        while _is_too_old(db, "flow_run", "end_time", kept) or _is_too_old(db, "events", "occurred", kept // 2):
            if time.time() > end:
                raise RuntimeError(f"Prefect's vacuum removed nothing for {PATIENCE_S:.0f} s")
            time.sleep(0.5)
        pages, free, size = (
            db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return float((pages - free) * size)


def _is_too_old(db: sqlite3.Connection, table: str, column: str, days: int) -> bool:
    """Whether anything there is, by an hour and more."""
    oldest = datetime.now(UTC) - timedelta(days=days, hours=1)
    asked = f"SELECT 1 FROM {table} WHERE {column} < ? LIMIT 1"
    return db.execute(asked, (oldest.strftime("%Y-%m-%d %H:%M:%S"),)).fetchone() is not None


@flow(name="implement", persist_result=False)
async def tick(items: int) -> None:
    """The task runs, log lines and artifacts of a tick with so many items."""
    await act("pull", "", lambda: None)
    get_run_logger().info("what a run says at its begin")
    for item in range(items):
        for step in range(TASK_RUNS):
            await act(f"step {step}", f"Finding {item}", lambda: None)
        await acreate_markdown_artifact(REPORT, key=f"item-{item}")
        get_run_logger().info("what came of an item")


async def day(ticks: int) -> None:
    """So many ticks, the first of which has items."""
    for number in range(ticks):
        await tick(ITEMS if number == 0 else 0)


if __name__ == "__main__":
    asyncio.run(day(int(sys.argv[1])))
