"""Ending the service: soon, in good order, and without beginning anything more."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from reconciler.clock import SystemClock
from reconciler.simulators.service_process import ServiceProcess

HALF_A_REQUEST = (
    b"POST /webhooks/dashboard HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b'Content-Length: 500\r\n\r\n{"media_type": "movie", '
)


@pytest.fixture
def service(tmp_path: Path) -> ServiceProcess:
    return ServiceProcess({"DATABASE_URL": f"sqlite:///{tmp_path / 'reconciler.db'}"}, tmp_path / "log")


async def test_a_request_that_never_ends_does_not_keep_the_service_from_stopping_in_time(
    service: ServiceProcess,
) -> None:
    clock = SystemClock()
    async with service:
        with socket.create_connection(("127.0.0.1", service.port)) as slow:
            slow.sendall(HALF_A_REQUEST)
            await asyncio.sleep(0.2)  # until the service has begun to read
            begun = clock.monotonic()
            assert await service.stop() == 0, service.tail()
            assert clock.monotonic() - begun < 10


async def test_a_port_that_is_taken_is_a_problem_of_the_configuration_with_its_fix(service: ServiceProcess) -> None:
    other = {"DATABASE_URL": f"sqlite:///{service.log.parent / 'other.db'}", "RECONCILER_PORT": str(service.port)}
    async with service:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "reconciler", "serve"),
            env={**os.environ, **other},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
    assert process.returncode == 3
    assert f"port {service.port}" in said.decode()
    assert "RECONCILER_PORT" in said.decode()
