"""Vehicles: enrol them, see what was learnt of them, forget them."""

from __future__ import annotations

from pathlib import Path

from canfuse_client.columns import Column, Payloads, frame_columns
from canfuse_client.connection import Order, given, path_of
from canfuse_client.errors import Problem
from canfuse_client.models.vehicles import (
    EnrolledVehicle,
    LearntProfile,
    VehicleDetails,
    VehicleList,
)
from canfuse_client.operations.base import Base


class VehicleOperations(Base):
    """Cars."""

    async def enrol_log(
        self,
        vehicle: str,
        log: Path | str | bytes,
        *,
        seconds: float | None = None,
        source: str | None = None,
        accept_findings: bool = False,
        lenient: bool = False,
    ) -> EnrolledVehicle:
        """Learn a vehicle's profile from a log of its attack-free traffic: 30 seconds of it do.

        Args:
            vehicle: its name.
            log: the log's path, from where it is streamed, or its bytes.
            seconds: use only so much of it, from the beginning.
            source: where it comes from, for people.
            accept_findings: learn from traffic that looks attacked, too.
            lenient: drop bad lines and count them.

        Raises:
            Problem: the traffic will not do; `extra["findings"]` tell why.
        """
        params = given(
            seconds=seconds, source=source, accept_findings=accept_findings, lenient=lenient
        )
        body = log if isinstance(log, bytes) else Path(log)
        order = Order("PUT", path_of("vehicles", vehicle, "profile"), params=params, body=body)
        return await self._connection.call(order, EnrolledVehicle)

    async def enrol_frames(
        self,
        vehicle: str,
        timestamp: Column[float],
        id: Column[int | str],  # noqa: A002 - what CAN calls it
        data: Payloads,
        extended: Column[bool] | None = None,
        *,
        seconds: float | None = None,
        source: str | None = None,
        accept_findings: bool = False,
    ) -> EnrolledVehicle:
        """The same from frames as columns; see `enrol_log` and `score_frames`."""
        params = given(seconds=seconds, source=source, accept_findings=accept_findings)
        body = frame_columns(timestamp, id, data, extended)
        order = Order("PUT", path_of("vehicles", vehicle, "profile"), params=params, body=body)
        return await self._connection.call(order, EnrolledVehicle)

    async def vehicles(self) -> VehicleList:
        """The enrolled vehicles, and those that the release in use knows from its training."""
        return await self._connection.call(Order("GET", "/vehicles"), VehicleList)

    async def vehicle(self, vehicle: str) -> VehicleDetails:
        """An enrolled vehicle and the versions of its profile that are kept."""
        order = Order("GET", path_of("vehicles", vehicle))
        return await self._connection.call(order, VehicleDetails)

    async def profile(self, vehicle: str, version: str | None = None) -> LearntProfile:
        """What was learnt of a vehicle, at present or as of a version."""
        path = path_of("vehicles", vehicle, "profile")
        order = Order("GET", path, params=given(version=version))
        return await self._connection.call(order, LearntProfile)

    async def delete_vehicle(self, vehicle: str) -> None:
        """Delete all versions of a vehicle's profile."""
        try:
            await self._connection.call(Order("DELETE", path_of("vehicles", vehicle)), type(None))
        except Problem as problem:
            # It was there when it was asked first; only the answer did not come through.
            if not (problem.status == 404 and problem.answer_lost):
                raise
