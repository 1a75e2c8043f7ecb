"""Scores: verdicts for scores that there are, for frames, for whole logs."""

from __future__ import annotations

from pathlib import Path

from canfuse_client.columns import Column, Payloads, frame_columns, listed
from canfuse_client.connection import Order, given
from canfuse_client.models.scores import Scores
from canfuse_client.operations.base import Base


class ScoringOperations(Base):
    """Verdicts."""

    async def score(
        self,
        anomaly_score: Column[float],
        gat_prob: Column[float],
        *,
        release: str | None = None,
    ) -> Scores:
        """Fuse scores that the experts gave already.

        Args:
            anomaly_score: the VGAE's, 0 to 1, one a window; a sequence or an array.
            gat_prob: the GAT's, likewise.
            release: alias or version; by default the one in production.
        """
        body = {"anomaly_score": listed(anomaly_score), "gat_prob": listed(gat_prob)}
        order = Order("POST", "/score", params=given(release=release), body=body)
        return await self._connection.call(order, Scores)

    async def score_frames(
        self,
        timestamp: Column[float],
        id: Column[int | str],  # noqa: A002 - what CAN calls it
        data: Payloads,
        extended: Column[bool] | None = None,
        *,
        vehicle: str | None = None,
        release: str | None = None,
        explain: bool = False,
    ) -> Scores:
        """Score frames, given as columns: sequences or arrays.

        Args:
            timestamp: seconds.
            id: identifiers as numbers or hexadecimal text.
            data: payloads as bytes, hexadecimal text or rows of numbers.
            extended: which identifiers have 29 bits; those over 7FF have anyway.
            vehicle: whose traffic it is.
            release: alias or version; by default the one in production.
            explain: also tell why the strongest of the flagged windows were flagged.
        """
        params = given(vehicle=vehicle, release=release, explain=explain)
        body = frame_columns(timestamp, id, data, extended)
        order = Order("POST", "/score", params=params, body=body)
        return await self._connection.call(order, Scores)

    async def score_log(
        self,
        log: Path | str | bytes,
        *,
        vehicle: str | None = None,
        release: str | None = None,
        explain: bool = False,
        lenient: bool = False,
    ) -> Scores:
        """Score a log in any format that the service reads.

        Args:
            log: its path, from where it is streamed, or its bytes.
            vehicle: whose traffic it is.
            release: alias or version; by default the one in production.
            explain: also tell why the strongest of the flagged windows were flagged.
            lenient: drop bad lines and count them.
        """
        params = given(vehicle=vehicle, release=release, explain=explain, lenient=lenient)
        body = log if isinstance(log, bytes) else Path(log)
        order = Order("POST", "/score", params=params, body=body)
        return await self._connection.call(order, Scores)
